import { Liquid, LiquidError } from 'liquidjs';
import { z } from 'zod';

/**
 * Bounds of one template: characters of its text, milliseconds and characters (about) of one use. Far more than a message has room for, and
 * nothing that could hold up delivery.
 */
const MOST = { parseLimit: 10_000, renderLimit: 100, memoryLimit: 200_000 };

/** Liquid without what reads files, and without what gives another text each time. */
const engine = new Liquid({
  ...MOST,
  ownPropertyOnly: true,
  strictFilters: true,
  timezoneOffset: 0,
  // Without this partials would be looked for on the disk.
  templates: {},
});
for (const tag of ['include', 'render', 'layout', 'block']) delete engine.tags[tag];
delete engine.filters.sample;
/** `{{ alert.count | grouped }}`: 1,200. */
engine.registerFilter('grouped', (value: unknown) =>
  Number.isFinite(Number(value)) ? new Intl.NumberFormat('en-GB').format(Number(value)) : String(value),
);

/** Fields that there are: `true` for whatever has no fields, or such as nobody can know beforehand. */
interface Fields {
  readonly [name: string]: true | Fields;
}

const MESSAGE: Fields = {
  console: true,
  message: {
    sink: true,
    event: true,
    kind: true,
    severity: true,
    count: true,
    firing: true,
    resolved: true,
    repeat: true,
    test: true,
    at: true,
    labels: true,
    counts: true,
  },
};
const ALERT: Fields = {
  alert: {
    id: true,
    short: true,
    detector: true,
    name: true,
    meaning: true,
    check: true,
    severity: true,
    state: true,
    title: true,
    subject: true,
    peer: true,
    port: true,
    protocol: true,
    interface: true,
    account: true,
    zone: true,
    peerZone: true,
    asset: true,
    peerAsset: true,
    network: true,
    peerNetwork: true,
    peerNames: true,
    ends: true,
    firstSeen: true,
    lastSeen: true,
    retro: true,
    count: true,
    score: true,
    attack: true,
    explanation: true,
    samples: true,
    query: true,
    exception: true,
    link: true,
  },
};
const FIELDS: Fields = { ...MESSAGE, ...ALERT };

/** What is wrong with a template, each with its line; empty when nothing is. */
export function templateProblems(text: string): string[] {
  let parsed: ReturnType<typeof engine.parse>;
  try {
    parsed = engine.parse(text);
  } catch (error) {
    return [problemOf(error)];
  }
  const { globals } = engine.analyzeSync(parsed, { partials: false });
  return Object.values(globals)
    .flat()
    .flatMap(({ segments, location }) => {
      const unknown = unknownField(segments);
      return unknown === undefined ? [] : [{ ...location, unknown }];
    })
    .sort((a, b) => a.row - b.row || a.col - b.col)
    .map(({ row, unknown: { name, known } }) => `line ${row}: no such field: ${name}; there are ${known}`);
}

function problemOf(error: unknown): string {
  if (!LiquidError.is(error)) return (error as Error).message;
  const [row] = error.token.getPosition();
  // Its message ends with the same position.
  return `line ${row}: ${error.message.replace(/, line:\d+, col:\d+$/, '')}`;
}

/** The first part of a path that names nothing; a part that is only known at work is believed. */
function unknownField(segments: readonly unknown[]): { name: string; known: string } | undefined {
  let fields: true | Fields = FIELDS;
  const path: string[] = [];
  for (const segment of segments) {
    if (fields === true || typeof segment !== 'string') return undefined;
    path.push(segment);
    if (!Object.hasOwn(fields, segment))
      return { name: path.join('.'), known: Object.keys(fields).join(', ') };
    fields = fields[segment] ?? true;
  }
  return undefined;
}

/** Gives the text for some fields. Throws an Error that says why when a bound is reached or a filter cannot work with what it gets. */
export function compileTemplate(text: string): (fields: object) => string {
  const parsed = engine.parse(text);
  return (fields) => {
    try {
      return String(engine.renderSync(parsed, fields)).trim();
    } catch (error) {
      throw new Error(problemOf(error));
    }
  };
}

const template = (what: string) =>
  z
    .string()
    .min(1)
    .superRefine((text, context) => {
      for (const message of templateProblems(text)) context.addIssue({ code: 'custom', message });
    })
    .optional()
    .describe(`${what}, as a Liquid template`);

/** Texts of a sink that speaks to people, instead of ours. */
export const Templates = z
  .strictObject({
    title: template('One line: the header, subject or summary'),
    sentence: template('What happened, of one alert'),
    resolved: template('What happened, of one alert that is over'),
    meaning: template('Why it matters and what to check, of one alert'),
    numbers: template('How unusual it is, of one alert: lines of `Name: value`'),
    next: template('What to do next, of one alert: lines of `What for: what`'),
    digest: template('What stands above the list, of several alerts'),
  })
  .prefault({})
  .describe('Texts instead of ours (docs/alerts.md)');
export type Templates = z.infer<typeof Templates>;
