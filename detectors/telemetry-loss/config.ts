import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);
const share = (fallback: number, text: string) => z.number().gt(0).max(1).default(fallback).describe(text);
const minutes = (fallback: number, text: string) => z.number().min(1).default(fallback).describe(text);

export const telemetryConfig = z.strictObject({
  gaps: z
    .number()
    .min(1.5)
    .default(3)
    .describe('An interface is silent after this many times the longest gap it had of late'),
  silenceMinutes: minutes(15, 'Minutes without records that are no silence yet, whatever is usual'),
  learnHours: z
    .number()
    .min(0)
    .default(24)
    .describe('Hours an interface has been heard before its silence counts: longer than what scales by day'),
  forgetHours: z
    .number()
    .min(1)
    .default(24)
    .describe('Hours of silence after which an interface is no longer expected'),
  share: share(0.5, 'Share of an account’s interfaces that fall silent, or lose a field, together'),
  leastInterfaces: count(3, 'Interfaces that must fall silent together for one alert about the account'),
  dailyBudget: z
    .int()
    .min(0)
    .default(5)
    .describe('Silent interfaces a day that are told although they may have been deleted (severity low)'),
  skipShare: share(0.01, 'Share of an account’s records within 15 minutes that are SKIPDATA'),
  sourceMinutes: minutes(90, 'Minutes in which nothing comes from a live source, whatever is usual'),
  lagMinutes: minutes(
    30,
    'Minutes after their end that records become available, for one delivery in twenty',
  ),
  rejectShare: share(0.1, 'Share of a live source’s records within 15 minutes that cannot be used'),
  maxInterfaces: count(65_536, 'Most interfaces followed'),
});

export type TelemetryConfig = z.infer<typeof telemetryConfig>;
