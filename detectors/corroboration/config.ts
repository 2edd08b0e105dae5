import { z } from 'zod';

export const corroborationConfig = z.strictObject({
  hours: z
    .number()
    .min(1)
    .max(168)
    .default(24)
    .describe('Hours within which signs of one host belong together'),
  maxHosts: z.int().min(1).default(2048).describe('Most hosts with signs remembered'),
});

export type CorroborationConfig = z.infer<typeof corroborationConfig>;
