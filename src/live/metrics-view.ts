import type { Coverage, RejectReason, Severity } from '../contracts.ts';
import type { SinkView } from '../send/delivery/channel.ts';
import type { ServerMetrics } from '../serve/server.ts';

/** Counts since the start of the process, taken at one moment between two batches: only then does the identity hold. */
export interface RecordCounts {
  readonly received: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly late: number;
  readonly filtered: number;
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
}

/** What a source shows. Names come from the configuration, so there are few of them. */
export interface SourceMetrics {
  readonly source: string;
  /** Records read from it; those that were read again after a failure as often. */
  readonly records?: number;
  /** Seconds between the newest event time read and the clock. */
  readonly lagSeconds?: number;
  /** Gaps: data that could no longer be read. */
  readonly losses?: number;
}

/** What a feed shows. */
export interface FeedMetrics {
  readonly feed: string;
  /** In the list in use. */
  readonly networks: number;
  /** Seconds since the feed last confirmed the list in use; absent while there is none. */
  readonly age?: number;
  /** Times it was asked, by what became of it. Since the start of the process. */
  readonly answers: Readonly<Record<string, number | undefined>>;
}

/** What a source of the inventory shows. */
export interface InventoryMetrics {
  readonly source: string;
  /** Entries, those that ended included. */
  readonly entries: number;
  /** Seconds since it last answered; absent for a file, and while it never did. */
  readonly age?: number;
}

/** What a service shows from its start to its end. Counts are since the start of the process. */
export interface ServiceView {
  readonly records: RecordCounts;
  /** Bytes read from sources, before they were unzipped. */
  readonly bytes: number;
  readonly sources: readonly SourceMetrics[];
  readonly feeds: readonly FeedMetrics[];
  /** Hunts in the history for what feeds have new, and the contacts they found. */
  readonly retro: Readonly<
    Record<'done' | 'failed' | 'given_up' | 'pending' | 'told' | 'over_budget', number>
  >;
  readonly dataLossEvents: number;
  readonly configReloads: Readonly<Record<'loaded' | 'refused', number>>;
  readonly diskFreeBytes: number;
  readonly logLinesDropped: number;
}

/** What it shows while its state is open. */
export interface StateView {
  /** Event time, Unix seconds; 0 when there is none yet. */
  readonly watermark: number;
  /** Bytes of records between reading and history. */
  readonly queueBytes: number;
  readonly segments: number;
  readonly sessionsOpen: number;
  readonly flowsOpen: number;
  /** Keys that found no place, by table. */
  readonly overflow: Readonly<Record<string, number>>;
  readonly detectors: readonly {
    readonly detector: string;
    readonly seconds: number;
    readonly findings: number;
    /** Alerts that began to fire in the shadow. */
    readonly shadowed: number;
  }[];
  /** What an alert that is not there is worth. */
  readonly coverage: Coverage;
  readonly alerts: readonly {
    readonly detector: string;
    readonly severity: Severity;
    readonly count: number;
  }[];
  readonly alertsFiring: number;
  readonly inventory: readonly InventoryMetrics[];
  readonly sinks: readonly SinkView[];
}

/** What its server shows. */
export interface ServerView extends ServerMetrics {
  /** Why no records are read at the moment; empty when they are. */
  readonly paused: readonly string[];
}

/** Everything there is to show. Whoever provides a part declares that it is all of that part, so that nothing is without a provider. */
export type MetricsView = ServiceView & StateView & ServerView;
