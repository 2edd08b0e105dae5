import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const torConfig = z.strictObject({
  minConfidence: z
    .int()
    .min(0)
    .max(100)
    .default(50)
    .describe('Indicators of a lower confidence (0 to 100) are not used'),
  nodes: count(2, 'Relays that a host talks to within an hour: a client'),
  sessions: count(3, 'Sessions of a host with relays within an hour: a client'),
  relayNodes: count(10, 'Relays that a host talks to, and that talk to it, within an hour: a relay itself'),
  maxSubjects: count(8192, 'Most hosts followed at once'),
});

export type TorConfig = z.infer<typeof torConfig>;
