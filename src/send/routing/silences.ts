import { createHash } from 'node:crypto';
import type { Alert } from '../../contracts.ts';
import type { SilenceOptions } from '../options.ts';
import { type Matcher, matchAll, parseMatcher } from './matchers.ts';

/** What nobody has to be told for a while, with who says so, why, and how often it held something back. */
export interface Silence extends SilenceOptions {
  readonly id: string;
  /** Alerts that it held back so far. */
  readonly hits: number;
  /** ISO 8601 time of the last one. */
  readonly lastHit?: string | undefined;
  /** It stands in the configuration, and is ended there. */
  readonly configured: boolean;
}

export interface Silences {
  list(): Silence[];
  /** The silence that holds an alert back at this moment (Unix milliseconds). */
  find(alert: Alert, now: number): Silence | undefined;
  /** Adds one, or puts it in the place of the one with its id. */
  put(silence: Silence): void;
  /** Ends one at that moment; undefined when there is none that could be. */
  end(id: string, now: number): Silence | undefined;
  /** Counts an alert, once for each silence. */
  hit(id: string, alertId: string, now: number): Silence | undefined;
}

/** A silence of the configuration: the same text is the same silence. */
export function configuredSilence(options: SilenceOptions): Silence {
  const id = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 12);
  return { ...options, id, hits: 0, configured: true };
}

export function createSilences(saved: readonly Silence[], configured: readonly SilenceOptions[]): Silences {
  const known = new Map<string, { silence: Silence; readonly matchers: readonly Matcher[] }>();
  const counted = new Set<string>();
  const put = (silence: Silence): void => {
    known.set(silence.id, { silence, matchers: silence.match.map(parseMatcher) });
  };
  const hitsOf = new Map(saved.map((silence) => [silence.id, silence]));
  for (const silence of saved) if (!silence.configured) put(silence);
  for (const options of configured) {
    const silence = configuredSilence(options);
    const { hits = 0, lastHit } = hitsOf.get(silence.id) ?? {};
    put({ ...silence, hits, lastHit });
  }
  return {
    list: () => [...known.values()].map(({ silence }) => silence),
    find(alert, now) {
      for (const { silence, matchers } of known.values())
        if (isActive(silence, now) && matchAll(matchers, alert)) return silence;
      return undefined;
    },
    put,
    end(id, now) {
      const found = known.get(id)?.silence;
      if (found === undefined || found.configured) return undefined;
      const ended = { ...found, expires: new Date(Math.min(now, Date.parse(found.expires))).toISOString() };
      put(ended);
      return ended;
    },
    hit(id, alertId, now) {
      const found = known.get(id)?.silence;
      if (found === undefined || counted.has(`${id} ${alertId}`)) return undefined;
      counted.add(`${id} ${alertId}`);
      const hit = { ...found, hits: found.hits + 1, lastHit: new Date(now).toISOString() };
      put(hit);
      return hit;
    },
  };
}

/** Whether it holds at a moment (Unix milliseconds). */
export function isActive({ starts, expires }: Pick<Silence, 'starts' | 'expires'>, now: number): boolean {
  return now < Date.parse(expires) && (starts === undefined || now >= Date.parse(starts));
}
