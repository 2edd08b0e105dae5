import type { Coverage, RejectReason, Severity } from '../contracts.ts';
import type { SinkView } from '../send/delivery/channel.ts';

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

/** Everything there is to show; each part is absent until somebody provides it. Counts are since the start of the process. */
export interface MetricsView {
  readonly records: RecordCounts;
  /** Bytes read from sources, before they were unzipped. */
  readonly bytes: number;
  readonly sources: readonly SourceMetrics[];
  /** Event time, Unix seconds; 0 when there is none yet. */
  readonly watermark: number;
  /** Bytes that wait between reading and history. */
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
  readonly feeds: readonly FeedMetrics[];
  readonly inventory: readonly InventoryMetrics[];
  /** Hunts in the history for what feeds have new, and the contacts they found. Counts are since the start of the process. */
  readonly retro: Readonly<
    Record<'done' | 'failed' | 'given_up' | 'pending' | 'told' | 'over_budget', number>
  >;
  readonly sinks: readonly SinkView[];
  /** Certificates, and lists of revoked ones, with the Unix seconds after which they are no good. */
  readonly certificates: readonly { readonly file: string; readonly notAfter: number }[];
  readonly certificateReloads: Readonly<Record<'loaded' | 'refused', number>>;
  readonly configReloads: Readonly<Record<'loaded' | 'refused', number>>;
  readonly dataLossEvents: number;
  readonly diskFreeBytes: number;
  /** Why no records are read at the moment; empty when they are. */
  readonly paused: readonly string[];
  readonly httpConnections: number;
  /** Requests by status class, such as `2xx`. */
  readonly httpRequests: Readonly<Record<string, number>>;
  /** Refused before they were a request: `too-many`, `handshake`, `client-certificate`, … */
  readonly httpRefusals: Readonly<Record<string, number>>;
  readonly logLinesDropped: number;
}
