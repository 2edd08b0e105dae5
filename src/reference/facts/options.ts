import { basename } from 'node:path';
import { z } from 'zod';
import { duration } from '../../../detectors/duration.ts';
import { AWS_RANGES_URL } from './aws-ranges.ts';

const DAY = 86_400;

const name = z.string().min(1).optional();
const interval = duration.refine((seconds) => seconds >= 1, 'shorter than a second').optional();
const stale = duration
  .optional()
  .describe('An alert is raised when it confirms nothing for so long (1d, at least twice the interval)');
const keep = duration
  .optional()
  .describe('What it said last is used for so long (30d) after it last confirmed it');

/** Where facts about addresses of others come from, as it is configured. */
export const FactOptions = z
  .discriminatedUnion(
    'type',
    [
      z.strictObject({
        type: z.literal('aws-ranges').describe("AWS's list of its address ranges: services and regions"),
        name: name.describe('Name in metrics and alerts about it (aws-ranges)'),
        url: z
          .url({ protocol: /^https$/, error: 'not an https:// address' })
          .optional()
          .describe("HTTPS address, instead of AWS's own"),
        file: z.string().min(1).optional().describe('File instead, relative to this configuration'),
        ca: z.string().min(1).optional().describe('File with the CA certificates to trust instead (PEM)'),
        interval: interval.describe('Time between two questions by `flowsentry run` (6h)'),
        stale,
        keep,
      }),
      z.strictObject({
        type: z.literal('mmdb').describe("File in MaxMind's DB format: AS numbers, countries, or both"),
        name: name.describe('Name in metrics and alerts about it; else that of the file'),
        file: z.string().min(1).describe('The file, relative to this configuration'),
        interval: interval.describe('Time between two looks at the file by `flowsentry run` (1m)'),
        stale,
        keep,
      }),
    ],
    { error: 'not a type: aws-ranges or mmdb' },
  )
  .refine((given) => given.type === 'mmdb' || given.url === undefined || given.file === undefined, {
    error: 'has either file or url',
  })
  .transform((given) => {
    const interval = given.interval ?? (given.type === 'mmdb' ? 60 : 6 * 3600);
    const named = given.type === 'mmdb' ? basename(given.file) : given.type;
    const url = given.type === 'mmdb' || given.file !== undefined ? undefined : (given.url ?? AWS_RANGES_URL);
    return {
      ...given,
      name: given.name ?? named,
      url,
      interval,
      stale: given.stale ?? Math.max(DAY, 2 * interval),
      keep: given.keep ?? 30 * DAY,
    };
  });
