import { z } from 'zod';

const number = (fallback: number, text: string) => z.number().min(0).default(fallback).describe(text);
const cap = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const volumeConfig = z.strictObject({
  learnDays: z
    .number()
    .min(0)
    .max(28)
    .default(3)
    .describe('Days a subject or pair is watched, and days with traffic it must have, before it is judged'),
  z: number(6, 'Robust deviations above the daily peaks from which a spike is certain'),
  ratio: z
    .number()
    .min(1)
    .default(3)
    .describe('Times the highest peak of the last 28 days from which a spike is certain'),
  minBytes: number(50_000_000, 'Bytes in a window from which a spike is certain'),
  weakZ: number(2.4, 'Robust deviations from which a spike is told within the daily budget'),
  weakRatio: z
    .number()
    .min(1)
    .default(1.3)
    .describe('Times the highest peak from which a spike is told within the daily budget'),
  weakBytes: number(10_000, 'Bytes in a window below which nothing is told'),
  minPackets: number(100_000, 'Packets in five minutes below which a spike of packets is not told'),
  minSessions: number(1000, 'New sessions in five minutes below which a spike of sessions is not told'),
  bulkBytes: number(
    1_000_000_000,
    'Bytes sent to one public address within an hour that are told unless it had a tenth of it before',
  ),
  rhythmZ: number(
    4,
    'Robust deviations from the same hour of earlier weeks, up or down, that are told when they last',
  ),
  rhythmHours: z.int().min(1).max(6).default(3).describe('Hours of the last six that must deviate'),
  rhythmSpread: number(
    0.5,
    'A subject whose hours usually deviate more than this (natural log) has no rhythm to judge by',
  ),
  dailyBudget: z
    .int()
    .min(0)
    .default(5)
    .describe(
      'Uncertain deviations a day, over all subjects, that are severity medium; four times as many more are low',
    ),
  pairs: z.boolean().default(true).describe('Judge each pair of subject and peer too'),
  maxSubjects: cap(32_768, 'Most subjects followed'),
  maxPairs: cap(32_768, 'Most pairs followed'),
  maxRhythms: cap(8192, 'Most subjects whose hours of the week are remembered'),
});

export type VolumeConfig = z.infer<typeof volumeConfig>;
