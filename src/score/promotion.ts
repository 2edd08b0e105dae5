import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';
import type { Stateful, Trial } from '../contracts.ts';

const DAY = 86_400;

/** What a detector in the shadow has to show before people are told of what it finds. */
export interface Promote {
  /** Seconds of event time for which it has to keep to the budget. */
  readonly after: number;
  /** Most alerts that may begin to fire within 24 hours. */
  readonly budget: number;
}

/** A detector that is on trial. */
export interface Candidate {
  readonly detector: string;
  readonly promote: Promote;
  /** Identity of the parameters: with others the trial begins anew. */
  readonly parameters: string;
  /** Seconds of event time that it only learns: they prove nothing. */
  readonly learns: number;
}

interface Case {
  readonly parameters: string;
  /** Unix seconds from which it has kept to its budget; the time it learns may lie before. */
  since: number;
  /** When alerts began to fire within the last 24 hours; the newest that the budget allows and one more. */
  opened: number[];
  /** When it last went over the budget, and when it was promoted; 0 = never. */
  exceeded: number;
  promoted: number;
}

/** Something that people who run this want to read in the log. */
export interface TrialNews extends Trial {
  readonly detector: string;
  readonly what: 'begins' | 'over budget' | 'promoted';
}

/**
 * The trials of detectors that begin in the shadow. One that for as long as it has to, in event time, had no alert beyond its budget of any 24
 * hours is promoted at the end of a step, and stays so until its parameters change. All of it follows from the data alone.
 */
export class Promotions implements Stateful {
  readonly #candidates: ReadonlyMap<string, Candidate>;
  readonly #cases = new Map<string, Case>();
  /** End of the first step ever: what detectors learn, they learn from there on. */
  #first = 0;
  #news: TrialNews[] = [];

  constructor(candidates: readonly Candidate[]) {
    this.#candidates = new Map(candidates.map((candidate) => [candidate.detector, candidate]));
  }

  isPromoted(detector: string): boolean {
    return (this.#cases.get(detector)?.promoted ?? 0) > 0;
  }

  /** An alert of the detector began to fire at event time `at`. */
  opened(detector: string, at: number): void {
    const candidate = this.#candidates.get(detector);
    if (candidate === undefined || this.isPromoted(detector)) return;
    const one = this.#caseOf(candidate, at);
    one.opened = one.opened.filter((time) => time > at - DAY);
    one.opened.push(at);
    const { budget } = candidate.promote;
    if (one.opened.length <= budget) return;
    one.opened = one.opened.slice(-(budget + 1));
    const isNews = one.exceeded === 0 || at - one.exceeded >= DAY;
    one.since = Math.max(one.since, at);
    one.exceeded = at;
    if (isNews) this.#tell(candidate, 'over budget', at);
  }

  /** The detector fails, or lacks what it needs: that it finds nothing proves nothing. */
  hold(detector: string, at: number): void {
    const candidate = this.#candidates.get(detector);
    if (candidate === undefined) return;
    const one = this.#caseOf(candidate, at);
    one.since = Math.max(one.since, at);
  }

  /** Event time has come to `now`, the end of a step. */
  advance(now: number): void {
    if (this.#first === 0) this.#first = now;
    for (const candidate of this.#candidates.values()) {
      const one = this.#caseOf(candidate, now);
      if (one.promoted > 0 || now - one.since < candidate.promote.after) continue;
      one.promoted = now;
      this.#tell(candidate, 'promoted', now);
      one.opened = [];
    }
  }

  #caseOf(candidate: Candidate, now: number): Case {
    const { detector, parameters, learns } = candidate;
    const known = this.#cases.get(detector);
    if (known !== undefined) return known;
    const since = Math.max(now, (this.#first || now) + learns);
    const fresh: Case = { parameters, since, opened: [], exceeded: 0, promoted: 0 };
    this.#cases.set(detector, fresh);
    this.#tell(candidate, 'begins', now);
    return fresh;
  }

  /** How the trial of a detector goes at event time `now`; undefined when it has none. */
  trial(detector: string, now: number): Trial | undefined {
    const candidate = this.#candidates.get(detector);
    const one = this.#cases.get(detector);
    if (candidate === undefined || one === undefined) return undefined;
    const { after, budget } = candidate.promote;
    const lastDay = one.opened.filter((time) => time > now - DAY).length;
    const { since, promoted, exceeded } = one;
    return {
      ...{ since, budget, lastDay },
      ...(exceeded > 0 ? { exceeded } : {}),
      ...(promoted > 0 ? { promoted } : { until: since + after }),
    };
  }

  #tell({ detector }: Candidate, what: TrialNews['what'], now: number): void {
    this.#news.push({ detector, what, ...this.trial(detector, now)! });
  }

  /** What happened since the last call. */
  takeNews(): readonly TrialNews[] {
    const news = this.#news;
    this.#news = [];
    return news;
  }

  snapshot(): Uint8Array {
    return packSnapshot({}, { first: this.#first, cases: [...this.#cases] });
  }

  restore(state: Uint8Array): void {
    const { first, cases } = unpackSnapshot(state).meta as { first: number; cases: [string, Case][] };
    this.#first = first;
    this.#cases.clear();
    for (const [detector, one] of cases)
      if (this.#candidates.get(detector)?.parameters === one.parameters) this.#cases.set(detector, one);
  }
}
