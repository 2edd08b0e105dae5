import type { Dictionary } from '../columns/dictionary.ts';
import type { SessionBatch, Step, WindowBatch } from '../columns/session-batch.ts';
import { compareTexts } from '../columns/text-order.ts';
import type {
  Detector,
  DetectorStanding,
  FeedReport,
  Finding,
  Interest,
  PastContact,
  Phase,
  Severity,
  Sign,
  SourceReport,
  WindowDemand,
} from '../contracts.ts';
import { AlertBook, type Booking, type EndsOf, type Origin } from './alert-book.ts';
import type { Mute } from './exceptions.ts';
import type { Opening } from './openings.ts';
import { type Promote, Promotions } from './promotion.ts';

/** A detector that is switched on, and the windows it asked for. */
export interface Judge extends Origin {
  readonly instance: Detector;
  /** What its findings are a sign of, for detectors that judge signs. */
  readonly phase?: Phase | undefined;
  readonly windows: readonly WindowDemand[];
  /** Evaluated and recorded, but nobody is told, unless it was promoted. */
  readonly shadow: boolean;
  /** Only of one in the shadow. */
  readonly promote?: Promote | undefined;
  /** Identity of its parameters. */
  readonly parameters?: string;
  /** Flows that are enough for it; undefined: it has to see all. */
  readonly interest?: Interest | undefined;
  /** Seconds of event time that it only learns. */
  readonly learns?: number;
  /** What is missing at the moment without which it can find nothing. */
  readonly lacks?: (() => string | undefined) | undefined;
}

export interface DetectorCount {
  findings: number;
  muted: number;
  /** Alerts that began to fire, by the severity they had then; those in the shadow are only counted. */
  readonly opened: Map<Severity, number>;
  shadowed: number;
  failures: number;
  /** Message of the last failure. */
  failure: string;
  /** Time spent in it, for whoever tunes it; nothing is decided by it. */
  ms: number;
}

export interface ScorerOptions {
  readonly endsOf?: EndsOf | undefined;
  /** Told of each alert that begins to fire, in the shadow too. */
  readonly onOpening?: (opening: Opening) => void;
  /** Seconds of event time for which an alert is known after it has resolved; without it for ever. */
  readonly keep?: number | undefined;
}

/** After this many failures a detector is left out until the next start: its state can no longer be trusted. */
const MAX_FAILURES = 5;

/** Shows closed data to each detector, keeps one that fails from harming the others, and books what they find. */
export class Scorer {
  readonly book: AlertBook;
  readonly promotions: Promotions;
  readonly counts = new Map<string, DetectorCount>();
  readonly #judges: readonly Judge[];
  readonly #mute: Mute;
  readonly #onOpening: (opening: Opening) => void;
  #findings: Finding[] = [];
  readonly #emit = (finding: Finding): void => {
    this.#findings.push(finding);
  };

  constructor(
    judges: readonly Judge[],
    mute: Mute,
    names: Dictionary,
    { endsOf, onOpening = () => {}, keep }: ScorerOptions = {},
  ) {
    this.#judges = judges;
    this.#mute = mute;
    this.#onOpening = onOpening;
    this.book = new AlertBook(names, endsOf, keep);
    this.promotions = new Promotions(
      judges.flatMap(({ detector, shadow, promote, parameters = '', learns = 0 }) =>
        shadow && promote !== undefined ? [{ detector, promote, parameters, learns }] : [],
      ),
    );
    for (const judge of judges)
      this.counts.set(judge.detector, {
        findings: 0,
        muted: 0,
        opened: new Map(),
        shadowed: 0,
        failures: 0,
        failure: '',
        ms: 0,
      });
  }

  step(step: Step): void {
    for (const judge of this.#judges)
      if (judge.instance.step !== undefined)
        this.#run(judge, step.end, () => judge.instance.step?.(step, this.#emit));
    this.book.advance(step.end);
    for (const { detector, promote, lacks } of this.#judges)
      if (promote !== undefined && lacks?.() !== undefined) this.promotions.hold(detector, step.end);
    this.promotions.advance(step.end);
  }

  window(window: WindowBatch): void {
    const { size, key } = window;
    for (const judge of this.#judges)
      if (judge.windows.some((demand) => demand.size === size && demand.key === key))
        this.#run(judge, window.start + window.size, () => judge.instance.window?.(window, this.#emit));
  }

  late(sessions: SessionBatch, now: number): void {
    for (const judge of this.#judges)
      if (judge.instance.late !== undefined)
        this.#run(judge, now, () => judge.instance.late?.(sessions, this.#emit));
  }

  source(report: SourceReport): void {
    for (const judge of this.#judges)
      if (judge.instance.source !== undefined)
        this.#run(judge, report.now, () => judge.instance.source?.(report, this.#emit));
  }

  feed(report: FeedReport): void {
    for (const judge of this.#judges)
      if (judge.instance.feed !== undefined)
        this.#run(judge, report.now, () => judge.instance.feed?.(report, this.#emit));
  }

  /** Contacts of the past with what a feed lists since event time `since`; `now` is where event time stands. */
  past(contacts: readonly PastContact[], since: number, now: number): void {
    for (const judge of this.#judges)
      if (judge.instance.past !== undefined)
        this.#run(judge, now, () => judge.instance.past?.(contacts, since, this.#emit));
  }

  #run(judge: Judge, now: number, inspect: () => void): void {
    const count = this.counts.get(judge.detector)!;
    if (count.failures >= MAX_FAILURES) {
      this.promotions.hold(judge.detector, now);
      return;
    }
    this.#findings = [];
    const began = performance.now();
    try {
      inspect();
    } catch (error) {
      count.failures++;
      count.failure = error instanceof Error ? error.message : String(error);
      this.promotions.hold(judge.detector, now);
    }
    count.ms += performance.now() - began;
    // Rows come in no particular order; findings are booked in one.
    this.#findings.sort(byContent);
    const signs: Sign[] = [];
    for (const finding of this.#findings) {
      count.findings++;
      if (this.#mute(judge.detector, finding, now) >= 0) {
        count.muted++;
        continue;
      }
      const { detector, phase } = judge;
      const shadow = this.#isHidden(judge);
      this.#book(judge, finding, { at: now, shadow });
      if (phase !== undefined && !shadow) signs.push({ detector, phase, finding });
    }
    this.#findings = [];
    if (signs.length > 0) this.#show(signs, now);
  }

  /** Shows what was found to the detectors that judge it; they have no phase, so that this ends here. */
  #show(signs: readonly Sign[], now: number): void {
    for (const judge of this.#judges)
      if (judge.instance.signs !== undefined)
        this.#run(judge, now, () => judge.instance.signs?.(signs, now, this.#emit));
  }

  /** Whether nobody is told of what a detector finds now. */
  #isHidden({ detector, shadow }: Judge): boolean {
    return shadow && !this.promotions.isPromoted(detector);
  }

  #book(judge: Judge, finding: Finding, booking: Booking): void {
    const opening = this.book.add(judge, finding, booking);
    if (opening === undefined) return;
    const { severity } = this.book.get(opening.id)!.alert;
    const count = this.counts.get(judge.detector)!;
    if (booking.shadow) count.shadowed++;
    else count.opened.set(severity, (count.opened.get(severity) ?? 0) + 1);
    this.promotions.opened(judge.detector, booking.at);
    this.#onOpening(opening);
  }

  /** State of every detector, by id. */
  snapshots(): Map<string, Uint8Array> {
    return new Map(this.#judges.map((judge) => [judge.detector, judge.instance.snapshot()]));
  }

  restore(states: ReadonlyMap<string, Uint8Array>): void {
    for (const judge of this.#judges) {
      const state = states.get(judge.detector);
      if (state !== undefined) judge.instance.restore(state);
    }
  }

  /** Last message of each detector that failed. */
  failures(): Record<string, string> {
    return Object.fromEntries(
      [...this.counts].filter(([, count]) => count.failures > 0).map(([id, count]) => [id, count.failure]),
    );
  }

  seconds(): Record<string, number> {
    return Object.fromEntries([...this.counts].map(([id, count]) => [id, count.ms / 1000]));
  }

  /** What each detector is worth; `since`: event time of the first records, Unix seconds, `now`: of the last. */
  standings(since: number, now: number): DetectorStanding[] {
    return this.#judges.map((judge): DetectorStanding => {
      const { detector, learns = 0, lacks } = judge;
      const missing = lacks?.();
      if (missing !== undefined) return { detector, state: 'off', why: missing };
      const { failures, failure } = this.counts.get(detector)!;
      if (failures >= MAX_FAILURES) return { detector, state: 'failed', why: failure };
      const until = since + learns;
      if (learns > 0 && (since === 0 || now < until))
        return { detector, state: 'learning', ...(since === 0 ? {} : { until }) };
      const trial = this.promotions.trial(detector, now);
      const state = this.#isHidden(judge) ? 'shadow' : 'on';
      return { detector, state, ...(trial === undefined ? {} : { trial }) };
    });
  }

  /** Keys that found no place, by detector. */
  overflow(): Record<string, number> {
    return {
      ...Object.fromEntries(this.#judges.map((judge) => [judge.detector, judge.instance.overflow])),
      alerts: this.book.overflow,
    };
  }
}

function byContent(a: Finding, b: Finding): number {
  return (
    compareTexts(a.subject, b.subject) ||
    compareTexts(a.counterpart, b.counterpart) ||
    a.firstSeen - b.firstSeen ||
    a.lastSeen - b.lastSeen ||
    compareTexts(a.title, b.title)
  );
}
