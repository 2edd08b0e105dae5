import { createHash } from 'node:crypto';
import type { Alert } from '../../contracts.ts';
import type { RouteOptions } from '../options.ts';
import { isLabel, LABEL_HELP, labelText } from './labels.ts';
import { type Matcher, parseMatcher } from './matchers.ts';

/** When a unit is told of, and when not. */
export interface Timing {
  /** Milliseconds. */
  readonly groupWait: number;
  readonly groupInterval: number;
  readonly repeatInterval: number;
  /** Minute of the day in the place of wait and interval. */
  readonly daily?: { readonly minute: number; readonly location: string } | undefined;
  readonly muteTimes: readonly string[];
  readonly activeTimes: readonly string[];
}

/** Where an alert goes: one sink, and the group it belongs to there. */
export interface Placement {
  readonly sink: string;
  readonly group: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly timing: Timing;
  /** The route by its place in the configuration, such as `route.routes[1]`. */
  readonly route: string;
}

/** A route that was looked at, and why it counts or not. */
export interface Step {
  readonly route: string;
  readonly matched: boolean;
  /** The first matcher that does not hold. */
  readonly failed?: string | undefined;
}

export interface Routes {
  /** At most one place for each sink: the first that the tree gives. */
  place(alert: Alert): Placement[];
  /** When an alert is told at a sink, and when not; undefined where no route brings it there. */
  timingAt(alert: Alert, sink: string): Timing | undefined;
  /** All routes that are looked at, in order. */
  explain(alert: Alert): Step[];
}

/** Alertmanager's: detection.md §2.14. */
const DEFAULTS = {
  groupBy: ['detector', 'subject'],
  groupWait: 30,
  groupInterval: 300,
  repeatInterval: 14_400,
  muteTimes: [],
  activeTimes: [],
} as const;

interface Node {
  readonly route: string;
  readonly matchers: readonly Matcher[];
  readonly sinks: readonly string[];
  readonly groupBy: readonly string[];
  readonly timing: Timing;
  readonly goesOn: boolean;
  readonly below: readonly Node[];
}

type RootOptions = Omit<RouteOptions, 'match' | 'continue'>;
/** What a route has from those above it, or by default. */
interface Inherited {
  readonly sinks: readonly string[];
  readonly groupBy: readonly string[];
  readonly groupWait: number;
  readonly groupInterval: number;
  readonly repeatInterval: number;
  readonly daily?: number | undefined;
  readonly location?: string | undefined;
  readonly muteTimes: readonly string[];
  readonly activeTimes: readonly string[];
}

/** Compiles the tree; without one everything goes to every sink. */
export function createRoutes(root: RootOptions | undefined, sinks: readonly string[]): Routes {
  const options = { match: [], continue: false, routes: [], ...root };
  const top = compile(options, 'route', { ...DEFAULTS, sinks });
  return {
    place(alert) {
      const places = new Map<string, Placement>();
      for (const node of chosen(top, alert, () => {}))
        for (const sink of node.sinks)
          if (!places.has(sink)) places.set(sink, placementOf(node, sink, alert));
      return [...places.values()];
    },
    timingAt: (alert, sink) => chosen(top, alert, () => {}).find(({ sinks }) => sinks.includes(sink))?.timing,
    explain(alert) {
      const steps: Step[] = [];
      chosen(top, alert, (step) => steps.push(step));
      return steps;
    },
  };
}

function compile(options: RouteOptions, route: string, above: Inherited): Node {
  const { match, continue: goesOn, routes, ...own } = options;
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const all: Inherited = { ...above, ...given };
  const { daily, location = 'UTC' } = all;
  return {
    route,
    matchers: match.map(parseMatcher),
    sinks: all.sinks,
    groupBy: all.groupBy,
    goesOn,
    timing: {
      groupWait: all.groupWait * 1000,
      groupInterval: all.groupInterval * 1000,
      repeatInterval: all.repeatInterval * 1000,
      daily: daily === undefined ? undefined : { minute: daily, location },
      muteTimes: all.muteTimes,
      activeTimes: all.activeTimes,
    },
    below: routes.map((one, i) => compile(one, `${route}.routes[${i}]`, all)),
  };
}

/** The deepest matching routes, as Alertmanager walks its tree. */
function chosen(node: Node, alert: Alert, see: (step: Step) => void): Node[] {
  const failed = node.matchers.find((matcher) => !matcher.holds(alert));
  see({ route: node.route, matched: failed === undefined, failed: failed?.text });
  if (failed !== undefined) return [];
  const found: Node[] = [];
  for (const below of node.below) {
    const deeper = chosen(below, alert, see);
    found.push(...deeper);
    if (deeper.length > 0 && !below.goesOn) break;
  }
  return found.length === 0 ? [node] : found;
}

function placementOf({ route, groupBy, timing }: Node, sink: string, alert: Alert): Placement {
  const labels = Object.fromEntries(
    groupBy.map((name) => [name, labelText(alert, name)] as const).filter(([, value]) => value !== ''),
  );
  const text = JSON.stringify([route, Object.entries(labels)]);
  const group = createHash('sha256').update(text).digest('hex').slice(0, 32);
  return { sink, group, labels, timing, route };
}

/** What a route tree names that is not there, each with its place. */
export function routeProblems(
  root: RootOptions | undefined,
  known: { readonly sinks: readonly string[]; readonly intervals: readonly string[] },
): { readonly path: readonly (string | number)[]; readonly message: string }[] {
  if (root === undefined) return [];
  const missing = (
    key: 'sinks' | 'groupBy' | 'muteTimes' | 'activeTimes',
    problem: (name: string) => string | undefined,
  ) =>
    (root[key] ?? []).flatMap((name, i) => {
      const message = problem(name);
      return message === undefined ? [] : [{ path: [key, i], message }];
    });
  const noSink = (name: string) => (known.sinks.includes(name) ? undefined : `no such sink: ${name}`);
  const noInterval = (name: string) =>
    known.intervals.includes(name) ? undefined : `no such interval under timeIntervals: ${name}`;
  const noLabel = (name: string) =>
    isLabel(name) ? undefined : `no such label: ${name}; there are ${LABEL_HELP}`;
  return [
    ...missing('sinks', noSink),
    ...missing('groupBy', noLabel),
    ...missing('muteTimes', noInterval),
    ...missing('activeTimes', noInterval),
    ...root.routes.flatMap((route, i) =>
      routeProblems(route, known).map(({ path, message }) => ({ path: ['routes', i, ...path], message })),
    ),
  ];
}
