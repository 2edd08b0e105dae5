import { z } from 'zod';
import { duration } from '../../detectors/duration.ts';
import { EncryptOptions } from './sinks/encrypting.ts';
import { Templates } from './words/template.ts';

const SIZE = /^(\d+) ?([KMG])B$/;
const FACTORS = { K: 1e3, M: 1e6, G: 1e9 } as const;

const SinkName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'not a name: letters, digits, dots, dashes and underscores');

/** What every sink can set. */
export const SinkCommon = z.strictObject({
  name: SinkName.describe(
    'Name in routes, logs and commands; another name is told everything that fires anew',
  ),
  rate: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Most messages a minute; what is due beyond becomes a digest with exact counts where people read it',
    ),
  encrypt: EncryptOptions.optional().describe(
    "Fields of alerts that are encrypted to a recipient's key before they leave",
  ),
  sendResolved: z.boolean().default(true).describe('Whether it is told that an alert is over'),
  retryFor: duration
    .prefault('3d')
    .describe('Time after which a message that always fails becomes a dead letter'),
  maxBytes: z
    .string()
    .regex(SIZE, 'not an amount of memory, such as 64MB')
    .prefault('64MB')
    .transform((text) => {
      const [, count, unit] = SIZE.exec(text) ?? [];
      return Number(count) * FACTORS[unit as keyof typeof FACTORS];
    })
    .describe(
      'What may be remembered for it; beyond that the oldest alerts it was not told of become mere counts',
    ),
});

/** What a sink can set that speaks to people in words. */
export const SpokenCommon = z.strictObject({ ...SinkCommon.shape, templates: Templates });

const SECRET_NAME = /pass|secret|token|key|auth|sig|credential/i;

/** An address without secrets: those stand in addresses that logs, proxies and other people see. */
export const plainUrl = z
  .url({ protocol: /^https?$/, error: 'not an https:// address' })
  .superRefine((text, context) => {
    if (!URL.canParse(text)) return;
    const { username, password, hostname, searchParams } = new URL(text);
    const named = [...searchParams.keys()].find((name) => SECRET_NAME.test(name));
    const problem =
      username !== '' || password !== ''
        ? 'has a user or password in it: whoever sees the address would have them; use headers with a secret'
        : named !== undefined
          ? `has what looks like a secret in it (${named}=): addresses are seen by logs and proxies; use a header with a secret`
          : /(^|\.)hooks\.slack(-gov)?\.com$/.test(hostname)
            ? 'is a secret as a whole: put it into a file, and name that in urlFile of a sink of type slack'
            : undefined;
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });
