import { z } from 'zod';
import { duration } from '../detectors/duration.ts';
import { detectors } from '../detectors/index.ts';
import { parsePrefix } from './columns/address.ts';
import { ForwardOptions } from './forward/options.ts';
import { SourceOptions } from './ingest/options.ts';
import { FactOptions } from './reference/facts/options.ts';
import { FeedOptions } from './reference/feeds/options.ts';
import { InventoryOptions } from './reference/inventory/options.ts';
import { InhibitOptions, RootRoute, SilenceOptions, TimeIntervals } from './send/options.ts';
import { routeProblems } from './send/routing/route.ts';
import { SinkOptions } from './send/sinks/index.ts';
import { ServeOptions } from './serve/options.ts';

const NOT_A_NETWORK = 'not an address or network, such as 10.0.0.0/8';
const network = z
  .string()
  .refine((text) => parsePrefix(text) !== undefined, NOT_A_NETWORK)
  .describe('Address or network, IPv4 or IPv6');

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

const SIZE = /^(\d+) ?([KMGT])(i?)B$/;

/** Bytes of a size such as 512MB or 1GiB. */
const bytes = z
  .string()
  .regex(SIZE, 'not an amount of space, such as 512MB')
  .transform((text) => {
    const [, count, unit = '', binary] = SIZE.exec(text) ?? [];
    return Number(count) * (binary === 'i' ? 1024 : 1000) ** (1 + 'KMGT'.indexOf(unit));
  });

/** Detectors whose alerts are about names. */
const NAMED = new Set(detectors.filter(({ subjects }) => subjects === 'names').map(({ id }) => id));

const Exception = z
  .strictObject({
    detector: z.enum(detectors.map((detector) => detector.id)).describe('Id of the detector to mute'),
    subject: z
      .string()
      .min(1)
      .optional()
      .describe('Whom it is about: an address or network; an interface, account or source by its name'),
    peer: network.optional().describe('The other end: an address or network'),
    port: z.int().min(0).max(65_535).optional().describe('Server port'),
    protocol: z.int().min(0).max(255).optional().describe('IANA protocol number'),
    rule: z.string().optional().describe('Name of the policy rule, feed or counterpart'),
    reason: z.string().optional().describe('Why this is expected'),
    owner: z.string().optional().describe('Whom to ask'),
    expires: z
      .string()
      .refine((text) => !Number.isNaN(Date.parse(text)), 'not an ISO 8601 date or time')
      .optional()
      .describe('Date or time, in event time, from which it no longer holds'),
  })
  .refine(
    ({ subject, peer, port, protocol, rule }) =>
      [subject, peer, port, protocol, rule].some((value) => value !== undefined),
    'mutes everything: name a subject, peer, port, protocol or rule, or set the detector to mode: off',
  )
  .refine(
    ({ detector, subject }) =>
      subject === undefined || NAMED.has(detector) || parsePrefix(subject) !== undefined,
    { path: ['subject'], error: NOT_A_NETWORK },
  );

/** How long event time waits for a source: what every source can set, whatever it reads. */
const Times = z.object({
  lateness: duration
    .optional()
    .describe(
      'How long its records may come after newer ones of the same partition; without it as in ingest, but at least 20m for cloudwatch and 30m for s3',
    ),
  idle: duration
    .optional()
    .describe(
      'Silence after which time goes on without a partition that has caught up; without it as in ingest, but at least 10m for cloudwatch and 15m for s3',
    ),
});

const timed = SourceOptions.options.map((option) => option.extend(Times.shape));
const Source = z.discriminatedUnion('type', timed as [(typeof timed)[number]]);

const Sections = z.strictObject({
  network: z
    .strictObject({
      internal: z
        .array(network)
        .default([])
        .describe(
          'Networks that are ours beside private ranges; public ones that are not here are found out as they speak',
        ),
    })
    .prefault({})
    .describe('Where our network ends'),
  roles: z
    .record(z.string().min(1), z.array(network).min(1))
    .default({})
    .describe('Networks by the role of what runs there; without a role it is the subnet'),
  inventory: InventoryOptions.optional().describe('What has which addresses: names, roles and tags'),
  sources: z
    .array(Source)
    .refine(
      (sources) => new Set(sources.map(({ name }) => name)).size === sources.length,
      'two have one name',
    )
    .default([])
    .describe('What `flowsentry run` and `flowsentry forward` read'),
  forward: ForwardOptions.optional().describe('Topic of Kafka that `flowsentry forward` writes to'),
  serve: ServeOptions.optional().describe('HTTP server of `flowsentry run` for health and metrics'),
  ingest: z
    .strictObject({
      lateness: duration.prefault('5m').describe('How long a record may come after newer ones'),
      idle: duration
        .prefault('1m')
        .describe('Silence after which time goes on without a live source that has caught up'),
      checkpoint: duration
        .prefault('20s')
        .describe('Time between checkpoints: what a crash makes read again'),
      batchRows: z
        .int()
        .min(64)
        .max(65_536)
        .multipleOf(8)
        .default(16_384)
        .describe('Records decoded at once; changes speed and memory, never a result'),
      maxFlows: count(524_288, 'Most flows followed at once'),
      maxSessions: count(524_288, 'Most sessions followed at once'),
      maxWindowKeys: count(262_144, 'Most keys of one kind of window'),
    })
    .prefault({})
    .describe('Reading'),
  feeds: z
    .array(FeedOptions)
    .refine((feeds) => new Set(feeds.map(({ name }) => name)).size === feeds.length, 'two have one name')
    .default([])
    .describe('Lists of known bad addresses'),
  enrichment: z
    .array(FactOptions)
    .refine(
      (sources) => new Set(sources.map(({ name }) => name)).size === sources.length,
      'two have one name',
    )
    .default([])
    .describe('What alerts say of addresses of others: service of AWS, AS number, country'),
  retroHunt: z
    .strictObject({
      lookback: duration
        .prefault('30d')
        .describe('What a feed has new is looked for in sessions that ended so long before'),
      maxAlerts: count(100, 'Contacts that one new list may tell of; the rest is counted'),
      timeout: duration.prefault('10m').describe('A look through the history is stopped after this'),
    })
    .prefault({})
    .describe('Looks for what feeds have new in the history'),
  allow: z.array(network).default([]).describe('Addresses that no feed can make bad'),
  policy: z.string().min(1).optional().describe('Segmentation policy, relative to this configuration'),
  detectors: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe('Options by detector'),
  exceptions: z.array(Exception).default([]).describe('What is known and shall not alert'),
  sinks: z
    .array(SinkOptions)
    .refine((sinks) => new Set(sinks.map(({ name }) => name)).size === sinks.length, 'two have one name')
    .default([])
    .describe('Whom `flowsentry run` tells of alerts; without any they are printed'),
  route: RootRoute.optional().describe(
    'Who is told of what, grouped how; without it everything goes to every sink, grouped by detector and subject',
  ),
  inhibit: z
    .array(InhibitOptions)
    .default([])
    .describe('Alerts that keep others from being told while they fire'),
  silences: z
    .array(SilenceOptions)
    .default([])
    .describe('What nobody is told for a while; others are made by `flowsentry silences add`'),
  timeIntervals: TimeIntervals.default({}).describe('Times by name, for muteTimes and activeTimes of routes'),
  console: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address of the console, for links in messages'),
  history: z
    .strictObject({
      retention: duration
        .optional()
        .describe(
          'Age, counted back from the newest record, and never from later than now, from which history is deleted; without it all is kept',
        ),
      alerts: duration
        .prefault('90d')
        .describe(
          'Time after it has resolved, by event time, for which `flowsentry run` knows an alert; `alerts list` and queries show it as long',
        ),
      reserve: bytes
        .prefault('512MB')
        .describe('Space on its disk that stays free: `flowsentry run` pauses reading before it is used up'),
    })
    .prefault({})
    .describe('History'),
  query: z
    .strictObject({
      timeout: duration.prefault('30s').describe('A query is stopped after this'),
      maxRows: count(10_000, 'Rows a query may give back'),
      memory: z
        .string()
        .regex(SIZE, 'not an amount of memory, such as 512MB')
        .default('512MB')
        .describe('Memory a query may use'),
    })
    .prefault({})
    .describe('Limits of forensic queries'),
});

/** The configuration file but for the options of detectors, which each detector's own schema validates. */
export const Settings = Sections.superRefine(
  ({ route, sinks, timeIntervals, feeds, enrichment }, context) => {
    // Their lists lie in one folder, and they are watched alike.
    for (const [i, { name }] of enrichment.entries())
      if (feeds.some((feed) => feed.name === name))
        context.addIssue({
          code: 'custom',
          path: ['enrichment', i, 'name'],
          message: `a feed has the name ${JSON.stringify(name)} too`,
        });
    const names = { sinks: sinks.map(({ name }) => name), intervals: Object.keys(timeIntervals) };
    for (const { path, message } of routeProblems(route, names))
      context.addIssue({ code: 'custom', path: ['route', ...path], message });
  },
);

/** How a detector runs: not at all, recorded but notifying nobody, or in full. */
export const MODES = ['off', 'shadow', 'alert'] as const;
const Mode = z.enum(MODES, { error: 'not a mode: off, shadow or alert' }).default('alert');

const PER_DAY = /^(\d{1,5})\/day$/;

/** What a detector in the shadow has to show before people are told; defaults are those of `promote: {}`. */
const Promote = z.strictObject({
  after: duration
    .prefault('48h')
    .describe('Event time for which it has to keep to the budget; time that it only learns does not count'),
  budget: z
    .string({ error: 'not a budget, such as 20/day' })
    .regex(PER_DAY, 'not a budget, such as 20/day')
    .prefault('20/day')
    .transform((text) => Number(PER_DAY.exec(text)?.[1]))
    .describe('Most alerts that may begin to fire within any 24 hours'),
});

const running = {
  mode: Mode.describe('Whether it runs, and whether it notifies'),
  promote: Promote.optional().describe('With mode: shadow, what makes it notify'),
};

/** What every detector's part of the file may say beside the detector's own options. */
export const Running = z
  .object(running)
  .refine(({ mode, promote }) => promote === undefined || mode === 'shadow', {
    path: ['promote'],
    error: 'is for mode: shadow only, which is where a trial takes place',
  });

/** JSON Schema (draft 2020-12) of the configuration file, options of all detectors included. */
export function configSchema(): Record<string, unknown> {
  const input = { io: 'input' } as const;
  const schema = z.toJSONSchema(Settings, input);
  const { properties: own } = toPlain(z.toJSONSchema(Running, input));
  const properties: Record<string, object> = {};
  for (const detector of detectors) {
    const options = toPlain(z.toJSONSchema(detector.config, input));
    properties[detector.id] = {
      ...options,
      description: detector.summary,
      properties: { ...(own as object), ...(options.properties as object) },
    };
  }
  return {
    ...schema,
    title: 'flowsentry configuration',
    properties: {
      ...schema.properties,
      detectors: {
        type: 'object',
        description: 'Options by detector',
        properties,
        additionalProperties: false,
      },
    },
  };
}

function toPlain(schema: object): Record<string, unknown> {
  const { $schema: _, ...rest } = schema as Record<string, unknown>;
  return rest;
}
