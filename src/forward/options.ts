import { z } from 'zod';
import { ACCESS_SETTINGS, refineAccess } from '../outbound/kafka-options.ts';

/** Where `flowsentry forward` writes to. */
export const ForwardOptions = refineAccess(
  z.strictObject({
    ...ACCESS_SETTINGS,
    topic: z.string().min(1).describe('Name of the topic, which has to be there'),
    compression: z.enum(['none', 'gzip']).default('gzip').describe('How messages are packed'),
    maxMessageBytes: z
      .int()
      .min(16_384)
      .default(900_000)
      .describe("Largest message and batch; below the broker's max.message.bytes"),
  }),
);
export type ForwardOptions = z.infer<typeof ForwardOptions>;
