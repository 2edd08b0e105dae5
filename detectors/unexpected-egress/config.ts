import { z } from 'zod';
import { inPrefix, type Prefix, parsePrefix } from '../../src/columns/address.ts';
import type { Dictionary } from '../../src/columns/dictionary.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';

const allowRule = z
  .strictObject({
    role: z.string().optional().describe('Only for subjects of this role'),
    cidr: z
      .string()
      .refine((text) => parsePrefix(text) !== undefined, 'not an address or network')
      .optional()
      .describe('Destination address or network'),
    port: z.int().min(0).max(65_535).optional().describe('Server port'),
    protocol: z.int().min(0).max(255).optional().describe('IANA protocol number'),
    service: z.string().optional().describe('AWS service of the destination, as the log names it'),
  })
  .refine((rule) => Object.keys(rule).length > 0, 'an allow rule needs at least one condition');

export const egressConfig = z.strictObject({
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(7)
    .describe('Days a role is only watched before it is judged'),
  forgetDays: z
    .int()
    .min(1)
    .max(3650)
    .default(30)
    .describe('Days without use after which a role forgets a destination or port'),
  minBytes: z
    .number()
    .min(0)
    .default(10_000)
    .describe('Bytes a subject must send to a new destination, over all its sessions, before it is news'),
  bulkBytes: z
    .number()
    .min(0)
    .default(100_000_000)
    .describe('Bytes sent to a new destination that make it severity medium, high with a new port'),
  prevalence: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('A destination that more than this share of the other subjects use is not news'),
  prevalentUsers: z
    .int()
    .min(1)
    .default(3)
    .describe('Other subjects that must use a destination, at least, to make it no news'),
  dailyNews: z
    .int()
    .min(0)
    .default(20)
    .describe(
      'New destinations a day past which a role counts as open-ended, as people who browse: only a new port or bulk is news then',
    ),
  ports: z.boolean().default(true).describe('Judge server ports too, internal ones included'),
  commonPorts: z
    .array(z.int().min(1).max(65_535))
    .default([53, 123])
    .describe('Server ports that any machine may begin to use: never new (name service and time)'),
  internalPeers: z.boolean().default(false).describe('Judge internal destinations too'),
  allow: z.array(allowRule).default([]).describe('Destinations and ports that are never news'),
  maxSubjects: z.int().min(1).default(65_536).describe('Most subjects remembered'),
  maxRoles: z.int().min(1).default(4096).describe('Most roles remembered'),
  maxKnown: z
    .int()
    .min(1)
    .default(262_144)
    .describe('Most destinations and ports remembered, over all roles'),
  maxPerRole: z.int().min(1).default(32_768).describe('Most destinations and ports remembered of one role'),
  maxDestinations: z.int().min(1).default(131_072).describe('Most destinations with a count of their users'),
  maxWatched: z
    .int()
    .min(1)
    .default(32_768)
    .describe('Most pairs of a subject and a new destination or port followed at once'),
});

export type EgressConfig = z.infer<typeof egressConfig>;

/** Whether an allow rule of the configuration covers the row. */
export type Allowed = (sessions: SessionBatch, row: number, role: () => string) => boolean;

/** The allow rules as a function; undefined when there are none. */
export function compileAllow(rules: EgressConfig['allow'], names: Dictionary): Allowed | undefined {
  if (rules.length === 0) return undefined;
  const compiled = rules.map((rule) => ({
    ...rule,
    prefix: rule.cidr === undefined ? undefined : (parsePrefix(rule.cidr) as Prefix),
  }));
  return (sessions, row, role) =>
    compiled.some(
      (rule) =>
        (rule.port === undefined || rule.port === sessions.dstPort[row]) &&
        (rule.protocol === undefined || rule.protocol === sessions.protocol[row]) &&
        (rule.prefix === undefined || inPrefix(sessions.dstAddr, row * 4, rule.prefix)) &&
        (rule.service === undefined || rule.service === names.text(sessions.dstService[row]!)) &&
        (rule.role === undefined || rule.role === role()),
    );
}
