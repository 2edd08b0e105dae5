import { z } from 'zod';
import { duration } from '../duration.ts';

export const miningConfig = z.strictObject({
  minConfidence: z
    .int()
    .min(0)
    .max(100)
    .default(50)
    .describe('Indicators of a lower confidence (0 to 100) are not used'),
  ports: z
    .array(z.int().min(1).max(65_535))
    .default([3333, 3334, 4444, 5555, 7777, 9999, 14_433, 14_444, 45_560, 45_700])
    .describe('Ports of mining pools: a port alone is never told'),
  minDuration: duration
    .prefault('1h')
    .describe('A session on one of the ports that lasts so long, with little traffic, may be a miner'),
  maxBytesPerMinute: z
    .number()
    .min(1)
    .default(5000)
    .describe('Bytes a minute, both ways, up to which traffic is little'),
  maxPairs: z.int().min(1).default(8192).describe('Most pairs of a host and a pool followed at once'),
});

export type MiningConfig = z.infer<typeof miningConfig>;
