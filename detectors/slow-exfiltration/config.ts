import { z } from 'zod';

const number = (fallback: number, text: string) => z.number().min(0).default(fallback).describe(text);
const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const slowConfig = z.strictObject({
  periodHours: count(24, 'Hours of what is summed and compared; whole days keep the daily pattern out'),
  learnPeriods: count(5, 'Periods that a host is watched before it is judged'),
  slack: number(0.5, 'Deviations a period that are no drift (k of the CUSUM)'),
  limit: number(5, 'Sum of deviations from which it is one (h of the CUSUM)'),
  bytes: count(50_000_000, 'Bytes uploaded in a period below which nothing is told'),
  ratio: z
    .number()
    .min(1)
    .default(10)
    .describe('Bytes sent for each one that comes back, at least, in a session'),
  maxHosts: count(32_768, 'Most hosts remembered'),
  maxUploaders: count(8192, 'Most hosts that upload followed'),
  maxPairs: count(8192, 'Most pairs of host and destination summed'),
});

export type SlowConfig = z.infer<typeof slowConfig>;
