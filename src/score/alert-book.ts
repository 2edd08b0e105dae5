import { stringify } from 'yaml';
import type { Dictionary } from '../columns/dictionary.ts';
import { compareTexts } from '../columns/text-order.ts';
import {
  type Alert,
  type AlertEnds,
  type Finding,
  type Opened,
  SEVERITIES,
  type Severity,
} from '../contracts.ts';
import { fingerprint } from './fingerprint.ts';
import { type Opening, openedOf } from './openings.ts';

/** Evidence kept with an alert: enough to see a pattern, little enough to read. */
const MAX_SAMPLES = 5;

/** Seconds of event time between two looks for what can be forgotten. */
const FORGET_SECONDS = 3600;
/** Resolved alerts that are kept at most, some 400 MB of them; a tenth of them, the oldest, gives way at once. */
const MAX_RESOLVED = 100_000;

export interface Origin {
  readonly detector: string;
  readonly attack: readonly string[];
  /** Seconds of event time without a finding after which the alert resolves. */
  readonly quietPeriod: number;
}

/** When a finding is booked, and whether its detector is in the shadow then: evaluated and recorded, but nobody is told. */
export interface Booking {
  /** Unix seconds of event time. */
  readonly at: number;
  readonly shadow: boolean;
}

/** What is known of the ends of a finding. */
export type EndsOf = (finding: Finding, interfaceName: string) => AlertEnds;

/** An alert and what the book needs to know of it. */
export interface Entry {
  readonly alert: Alert;
  /** Unix seconds at which it resolves unless it is seen again. */
  readonly resolvesAt: number;
  /** Nobody is told of it. What somebody was told of stays so until it resolves. */
  readonly shadow: boolean;
  /** The newest times at which it began to fire. */
  readonly opened: readonly Opened[];
}

/** An entry as it was saved, maybe before openings were noted. */
type SavedEntry = Omit<Entry, 'opened'> & Partial<Pick<Entry, 'opened'>>;

/**
 * All alerts by identity. A finding opens one or makes it grow; silence resolves it, and in time it is forgotten. Alerts change only as findings
 * and event time come in, so the same data gives the same book. Nothing is forgotten before it was taken as resolved: somebody may have been told.
 */
export class AlertBook {
  readonly #names: Dictionary;
  readonly #endsOf: EndsOf;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<string>();
  readonly #forgotten = new Set<string>();
  readonly #keep: number;
  readonly #maxResolved: number;
  #nextResolve = Number.POSITIVE_INFINITY;
  #nextForget = Number.NEGATIVE_INFINITY;
  #resolved = 0;
  #firing = 0;
  /** Resolved alerts that were forgotten before their time, since there were too many. */
  overflow = 0;

  /** `keep`: seconds of event time for which an alert is known after it has resolved. */
  constructor(
    names: Dictionary,
    endsOf: EndsOf = () => ({}),
    keep = Number.POSITIVE_INFINITY,
    maxResolved = MAX_RESOLVED,
  ) {
    this.#names = names;
    this.#endsOf = endsOf;
    this.#keep = keep;
    this.#maxResolved = maxResolved;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Alerts that are not resolved, without those in the shadow. */
  get firing(): number {
    return this.#firing;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** How many entries {@link takeChanged} would give. */
  get changes(): number {
    return this.#changed.size;
  }

  /** Books a finding. Returns the alert's opening if it begins to fire with it. */
  add(origin: Origin, finding: Finding, booking: Booking): Opening | undefined {
    const id = fingerprint(origin.detector, finding.subject, finding.counterpart);
    const found = this.#entries.get(id);
    // When it goes depends on when somebody looks; that it is forgotten must not.
    const known = found !== undefined && this.#isOld(found, booking.at) ? undefined : found;
    const fresh = toAlert(id, origin, finding, this.#names, this.#endsOf);
    const alert = known === undefined ? fresh : grow(known.alert, fresh);
    // What was found in the past is news now.
    const quietFrom = finding.retro ?? finding.lastSeen;
    const resolvesAt = Math.max(quietFrom + origin.quietPeriod, known?.resolvesAt ?? 0);
    const opens = known?.alert.state !== 'firing';
    const shadow = booking.shadow && (opens || known.shadow);
    const opened = openedOf(known?.opened, opens ? booking.at : finding.firstSeen, opens, shadow);
    this.#set(id, { alert, resolvesAt, shadow, opened });
    if (resolvesAt < this.#nextResolve) this.#nextResolve = resolvesAt;
    return opens ? { id, at: booking.at } : undefined;
  }

  /** Resolves what has been quiet long enough at event time `now`. */
  advance(now: number): void {
    this.#resolve(now);
    if (now >= this.#nextForget) {
      this.#nextForget = now + FORGET_SECONDS;
      for (const [id, entry] of this.#entries)
        if (this.#isOld(entry, now) && !this.#changed.has(id)) this.#forget(id);
    }
    if (this.#resolved > this.#maxResolved) this.#makeRoom();
  }

  #isOld({ alert, resolvesAt }: Entry, now: number): boolean {
    return alert.state === 'resolved' && resolvesAt + this.#keep <= now;
  }

  #makeRoom(): void {
    const resolved = this.entries().filter(
      ({ alert }) => alert.state === 'resolved' && !this.#changed.has(alert.id),
    );
    resolved.sort((a, b) => a.resolvesAt - b.resolvesAt);
    const left = Math.floor(this.#maxResolved * 0.9);
    for (const { alert } of resolved.slice(0, Math.max(0, this.#resolved - left))) {
      this.#forget(alert.id);
      this.overflow++;
    }
  }

  #forget(id: string): void {
    this.#entries.delete(id);
    this.#forgotten.add(id);
    this.#resolved--;
  }

  #resolve(now: number): void {
    if (now < this.#nextResolve) return;
    this.#nextResolve = Number.POSITIVE_INFINITY;
    for (const [id, entry] of this.#entries) {
      if (entry.alert.state !== 'firing') continue;
      if (entry.resolvesAt <= now) this.#set(id, { ...entry, alert: { ...entry.alert, state: 'resolved' } });
      else if (entry.resolvesAt < this.#nextResolve) this.#nextResolve = entry.resolvesAt;
    }
  }

  #set(id: string, entry: Entry): void {
    const before = this.#entries.get(id);
    this.#firing += firingIn(entry) - firingIn(before);
    this.#resolved += resolvedIn(entry) - resolvedIn(before);
    this.#entries.set(id, entry);
    this.#changed.add(id);
    this.#forgotten.delete(id);
  }

  /** Ids of what was forgotten since the last call. */
  takeForgotten(): string[] {
    const forgotten = [...this.#forgotten];
    this.#forgotten.clear();
    return forgotten;
  }

  /** Entries changed since the last call. */
  takeChanged(): Entry[] {
    const changed = [...this.#changed].map((id) => this.#entries.get(id)!);
    this.#changed.clear();
    return changed;
  }

  /** All entries, by first sight, then id. */
  entries(): Entry[] {
    return [...this.#entries.values()].sort(
      (a, b) => compareTexts(a.alert.firstSeen, b.alert.firstSeen) || compareTexts(a.alert.id, b.alert.id),
    );
  }

  restore(entries: readonly SavedEntry[]): void {
    this.#entries.clear();
    this.#changed.clear();
    this.#forgotten.clear();
    this.#nextResolve = Number.POSITIVE_INFINITY;
    this.#nextForget = Number.NEGATIVE_INFINITY;
    this.#firing = 0;
    this.#resolved = 0;
    for (const entry of entries) {
      this.#entries.set(entry.alert.id, { opened: [], ...entry });
      this.#firing += firingIn(entry);
      this.#resolved += resolvedIn(entry);
      if (entry.alert.state === 'firing' && entry.resolvesAt < this.#nextResolve)
        this.#nextResolve = entry.resolvesAt;
    }
  }
}

function firingIn(entry: Pick<Entry, 'alert' | 'shadow'> | undefined): number {
  return entry?.alert.state === 'firing' && !entry.shadow ? 1 : 0;
}

function resolvedIn(entry: Pick<Entry, 'alert'> | undefined): number {
  return entry?.alert.state === 'resolved' ? 1 : 0;
}

/** The alert, when somebody should see it. */
export function visible({ alert, shadow }: Entry): Alert[] {
  return shadow ? [] : [alert];
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

function toAlert(id: string, origin: Origin, finding: Finding, names: Dictionary, endsOf: EndsOf): Alert {
  const interfaceId = finding.interfaceId === undefined ? '' : names.text(finding.interfaceId);
  const account = finding.accountId === undefined ? '' : names.text(finding.accountId);
  return {
    id,
    detector: origin.detector,
    severity: finding.severity,
    state: 'firing',
    title: finding.title,
    subject: finding.subject,
    ...(finding.peer === undefined ? {} : { peer: finding.peer }),
    ...(finding.port === undefined ? {} : { port: finding.port }),
    ...(finding.protocol === undefined ? {} : { protocol: finding.protocol }),
    ...(interfaceId === '' ? {} : { interface: interfaceId }),
    ...(account === '' ? {} : { account }),
    ...endsOf(finding, interfaceId),
    firstSeen: isoTime(finding.firstSeen),
    lastSeen: isoTime(finding.lastSeen),
    ...(finding.retro === undefined ? {} : { retro: isoTime(finding.retro) }),
    count: finding.count,
    score: finding.score,
    attack: origin.attack,
    explanation: finding.explanation,
    samples: finding.samples.slice(0, MAX_SAMPLES),
    query: finding.query,
    exception: stringify({
      exceptions: [{ detector: origin.detector, ...finding.exception, reason: 'why this is expected' }],
    }),
  };
}

const ENDS = [
  'asset',
  'peerAsset',
  'network',
  'peerNetwork',
  'zone',
  'peerZone',
  'peerNames',
] as const satisfies readonly (keyof AlertEnds)[];

/**
 * The alert after it was seen again: it keeps its beginning and its worst, and shows the newest evidence of that worst. What its
 * ends are is what was known last.
 */
function grow(known: Alert, fresh: Alert): Alert {
  const shown = rank(fresh.severity) >= rank(known.severity) ? fresh : known;
  const ends = { ...known, ...fresh };
  return {
    ...shown,
    ...Object.fromEntries(ENDS.flatMap((name) => (ends[name] === undefined ? [] : [[name, ends[name]]]))),
    state: 'firing',
    firstSeen: [known.firstSeen, fresh.firstSeen].sort()[0]!,
    lastSeen: [known.lastSeen, fresh.lastSeen].sort()[1]!,
    count: known.count + fresh.count,
    score: Math.max(known.score, fresh.score),
  };
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
