import { z } from 'zod';
import { duration } from '../duration.ts';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const lateralConfig = z.strictObject({
  ports: z
    .array(z.int().min(1).max(65_535))
    .default([22, 23, 135, 445, 2222, 3389, 5900, 5985, 5986])
    .describe('Ports by which hosts are administered'),
  warmUp: duration.prefault('1h').describe('Time after the start in which paths are only learnt'),
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(7)
    .describe(
      'Days after which a path that was never used is known to be new, and what a role does is known',
    ),
  forgetDays: count(60, 'Days without use after which a path is forgotten'),
  hosts: count(5, 'Hosts that one host reaches on new paths within an hour: it spreads'),
  maxPaths: count(131_072, 'Most paths remembered'),
  maxSubjects: count(8192, 'Most hosts followed at once'),
});

export type LateralConfig = z.infer<typeof lateralConfig>;
