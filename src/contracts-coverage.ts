import type { RejectReason } from './contracts.ts';
import type { Trial } from './contracts-trial.ts';

/** A stretch of a source that can no longer be read: offsets [from, to) of a partition; without `to` nobody knows how many. */
export interface SourceLoss {
  readonly partition: string;
  readonly from: number;
  readonly to?: number | undefined;
  /** The offsets are event times, Unix seconds: what was lost had been read before. */
  readonly times?: true;
  readonly reason: string;
}

/**
 * What only a live service sees of a source, once a minute. When one comes depends on the clock; the times in it that findings carry are
 * event times, so an alert about a source has the same identity and place as all others.
 */
export interface SourceReport {
  readonly source: string;
  /** Newest event time of its own records and of all, Unix seconds; the clock's as long as there are none. */
  readonly newest: number;
  readonly now: number;
  /** Seconds of a steady clock. */
  readonly at: number;
  /** Seconds since something came, and the longest such time that there was twice in the last two weeks, as far as the service ran. */
  readonly silence: number;
  readonly usualSilence: number;
  /** Of the last deliveries whose transport says when they were available: how many, and 95 % of them were at most `lag` seconds after their newest record. */
  readonly deliveries: number;
  readonly lag: number;
  /** Since the report before. */
  readonly received: number;
  readonly rejectedBy: ReadonlyMap<RejectReason, number>;
  readonly lost: readonly SourceLoss[];
}

/** What only a live service sees of a feed, once a minute, and at once when its list is refused. */
export interface FeedReport {
  readonly feed: string;
  /** Event time, Unix seconds; the clock's as long as there is none. */
  readonly now: number;
  /** Unix seconds of the clock. */
  readonly at: number;
  /** Seconds since the feed last confirmed its list, or since it is missed when there is none; and how many are too many. */
  readonly age: number;
  readonly limit: number;
  /** In the list in use. */
  readonly networks: number;
  /** Why its newest list is refused as a whole; undefined when it is not. */
  readonly refused: string | undefined;
  /** Why it could not be had last; empty when it could. */
  readonly problem: string;
}

/** What a detector is worth at the moment. */
export interface DetectorStanding {
  readonly detector: string;
  /**
   * `off`: not run, or it lacks what `why` says; `failed`: left out after failures; `learning`: it judges little or nothing before `until`;
   * `shadow`: it judges, and nobody is told; else `on`.
   */
  readonly state: 'on' | 'shadow' | 'learning' | 'off' | 'failed';
  readonly why?: string;
  /** Unix seconds, event time. */
  readonly until?: number;
  /** Of one that begins in the shadow to be promoted. */
  readonly trial?: Trial;
}

/** How much of what happened the records of a data folder show, from its beginning on: published with each checkpoint. */
export interface Coverage {
  /** Event time of the first and the last step with records, Unix seconds; 0 without records. */
  readonly from: number;
  readonly to: number;
  /** Ever seen; heard within the last day; of these, heard within the last two aggregation intervals. */
  readonly interfaces: { readonly seen: number; readonly expected: number; readonly speaking: number };
  /** Minutes of all interfaces together in which they were expected, and those that records cover. */
  readonly minutes: { readonly expected: number; readonly heard: number };
  /** Records received, duplicates left out, and those among them that say of others that they were skipped, came late or could not be used. */
  readonly records: number;
  readonly skipData: number;
  readonly late: number;
  readonly rejected: number;
  readonly detectors: readonly DetectorStanding[];
}

/** What a detector has learnt of something, for people. */
export interface Learnt {
  /** A role, or a subject. */
  readonly about: string;
  /** Event time from which it was learnt, Unix seconds. */
  readonly since: number;
  /** Whether it is judged by it already. */
  readonly isKnown: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

export interface Learner {
  /** As of `now`, event time in Unix seconds, by `about`. */
  learnt?(now: number): Learnt[];
}
