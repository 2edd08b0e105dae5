import { z } from 'zod';

export const badIpConfig = z.strictObject({
  minConfidence: z
    .int()
    .min(0)
    .max(100)
    .default(50)
    .describe('Indicators of a lower confidence (0 to 100) are not used'),
  bulkBytes: z
    .number()
    .min(0)
    .default(25_000_000)
    .describe('Bytes sent to a listed address in one session that raise the severity one level'),
  inbound: z
    .boolean()
    .default(true)
    .describe('Tell established sessions that listed addresses started, not only ours to them'),
  webPorts: z
    .array(z.int().min(0).max(65_535))
    .default([80, 443])
    .describe(
      'Server ports open to everybody: what listed addresses do there is severity low, elsewhere medium',
    ),
});

export type BadIpConfig = z.infer<typeof badIpConfig>;
