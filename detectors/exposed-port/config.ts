import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);
const ports = (fallback: number[], text: string) =>
  z.array(z.int().min(1).max(65_535)).default(fallback).describe(text);

export const exposedPortConfig = z.strictObject({
  sources: count(5, 'Unknown outside sources that probe one service within an hour'),
  maxBytes: count(
    500,
    'Bytes a client sends in a probe, at most, headers included: from here on it is a use',
  ),
  publicPorts: ports(
    [80, 443],
    'Ports meant for everybody: told only when far more sources than usual probe them',
  ),
  highPorts: ports(
    [8088, 9200, 9300],
    'Ports whose service gives away data or runs programs for whoever asks: severity high, others low',
  ),
  surgeSources: count(50, 'Sources that probe a public port within five minutes before it can be unusual'),
  deviations: z
    .number()
    .min(1)
    .default(6)
    .describe('Robust standard deviations above its own past that are unusual for a public port'),
  learnHours: count(24, 'Hours of a public port’s own past before it is judged'),
  maxServices: count(8192, 'Most services followed at once'),
});

export type ExposedPortConfig = z.infer<typeof exposedPortConfig>;
