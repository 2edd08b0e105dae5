import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const TEXT = /^(\d+(?:\.\d+)?)([smhdw])$/;
const MESSAGE = 'not a length of time: write seconds, or 90s, 5m, 2h, 7d';

/** Seconds of a configured length of time: a number of seconds, or `90s`, `5m`, `2h`, `7d`, `4w`. */
export const duration = z
  .union([z.number().min(0), z.string().regex(TEXT, MESSAGE)], {
    error: MESSAGE,
  })
  .transform((value) => (typeof value === 'number' ? value : toSeconds(value)));

function toSeconds(text: string): number {
  const parts = TEXT.exec(text);
  return Number(parts?.[1]) * (UNITS[parts?.[2] ?? ''] ?? Number.NaN);
}
