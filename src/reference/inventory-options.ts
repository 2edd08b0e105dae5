import { z } from 'zod';

/** The section `inventory` of the configuration. */
export const InventoryOptions = z.strictObject({
  file: z
    .string()
    .min(1)
    .describe(
      'List of what has which addresses (YAML, JSON, .jsonl or .csv), relative to this configuration',
    ),
});
