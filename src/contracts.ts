import type { Dictionary } from './columns/dictionary.ts';
import type { FlowBatch } from './columns/flow-batch.ts';
import type { SessionBatch, Step, WindowBatch } from './columns/session-batch.ts';
import type { FeedReport, Learner, SourceReport } from './contracts-coverage.ts';
import type { Sign } from './contracts-detector.ts';
import type { Indicators, PastContact } from './contracts-feeds.ts';
import type { AlertEnds } from './contracts-inventory.ts';
import type { NameAnswer } from './contracts-names.ts';

export type * from './contracts-coverage.ts';
export type * from './contracts-detector.ts';
export type * from './contracts-feeds.ts';
export type { AlertEnds, Asset, InventoryEntry, OutsideNetwork } from './contracts-inventory.ts';
export type { NameAnswer } from './contracts-names.ts';
export type { Opened, Trial } from './contracts-trial.ts';

/** Why a record could not be used. A closed set: each is a counter, a column of `rejects` and a line of the documentation. */
export const REJECT_REASONS = [
  'too-few-fields',
  'too-many-fields',
  'bad-number',
  'number-out-of-range',
  'bad-address',
  'bad-action',
  'bad-log-status',
  'bad-version',
  'no-time',
  'line-too-long',
  'bad-encoding',
  'bad-json',
  'bad-parquet',
  'bad-gzip',
  'too-deep',
  'unknown-shape',
  'truncated',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

/** A record that was refused, kept as it came. */
export interface Reject {
  readonly reason: RejectReason;
  /** Name of the file or stream. */
  readonly source: string;
  /** Byte offset in the uncompressed text (of the outermost document for a record inside one), or row number in Parquet. */
  readonly position: number;
  /** The record, at most {@link REJECT_RAW_LIMIT} bytes, invalid UTF-8 replaced. */
  readonly raw: string;
}
export const REJECT_RAW_LIMIT = 4096;

/** What is durable of a partition (a file, an object, a topic's partition, a request), as the last checkpoint left it. */
export interface Position {
  /** First offset that is not durable, in the partition's own unit: records of a file or object, bytes of a followed one, … */
  readonly next: number;
  /** Nothing will follow: the object, or the request, was read to its end. */
  readonly done: boolean;
  /** The source's own words, as it gave them last. */
  readonly note?: string | undefined;
}

/** What the delivery of alerts has to find again after a restart: a text by key, or that there is none any more. */
export interface OutboxChange {
  readonly key: string;
  readonly value: string | undefined;
}

/** Records of one partition in order. The batch is the receiver's; `release` lets the reader go on. */
export interface Part {
  readonly partition: string;
  /** Partitions whose event times move on together; empty when all do. */
  readonly lane: string;
  /** Where the partition stands behind this part; undefined inside a delivery, which a checkpoint covers as a whole or not at all. */
  readonly position: Position | undefined;
  readonly batch: FlowBatch | undefined;
  readonly rejects: readonly Reject[];
  /** What lines of a resolver's query log say; such lines are `filtered`: used, and not stored. */
  readonly answers: readonly NameAnswer[];
  readonly filtered: number;
  readonly received: number;
  readonly skipped: number;
  /** Bytes read so far, all partitions together. */
  readonly readBytes: number;
  /** Durable elsewhere: it fills open windows, and is neither counted nor stored. */
  readonly known: boolean;
  /** Ids to remember with the position, and the one before which they are forgotten. */
  readonly ids: readonly string[];
  readonly idsFrom: string | undefined;
  /** With the last part of a delivery: when its records became available to us, Unix milliseconds, where the transport says so. */
  readonly availableAt: number | undefined;
  release(): void;
}

export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A value that an explanation, a table cell or a label can hold. */
export type Scalar = string | number | boolean;

/** What a detector saw. Identity is detector + subject + counterpart, without time: the same thing seen again grows one alert. */
export interface Finding {
  readonly severity: Severity;
  /** One sentence, no trailing full stop. */
  readonly title: string;
  /** The entity the alert is about: canonical address text, else the name of an interface, account or source. */
  readonly subject: string;
  /** Canonical address text of the other end, when there is exactly one. */
  readonly peer?: string;
  readonly port?: number;
  readonly protocol?: number;
  /** Dictionary codes. */
  readonly interfaceId?: number;
  readonly accountId?: number;
  /** What, besides the subject, makes this alert this alert: a peer, a port, a rule's name. */
  readonly counterpart: string;
  /** Unix seconds, event time. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** How many sessions, windows or attempts this finding adds to the alert. */
  readonly count: number;
  /** Found in the past: event time, Unix seconds, at which what it shows became known. */
  readonly retro?: number;
  /** 0 to 1. */
  readonly score: number;
  /** The numbers: always observed, baseline, threshold and formula, then whatever helps. Printed in this order. */
  readonly explanation: Explanation;
  readonly samples: readonly FlowSample[];
  /** SQL that shows the evidence; must run as it stands with `flowsentry query`. */
  readonly query: string;
  /** What an exception that mutes just this must match, beside the detector. */
  readonly exception: ExceptionMatch;
}

export interface Explanation {
  readonly observed: Scalar;
  readonly baseline: Scalar;
  readonly threshold: Scalar;
  readonly formula: string;
  readonly [detail: string]: Scalar;
}

/** One direction of one connection as evidence: AWS's field names. */
export interface FlowSample {
  readonly 'interface-id': string;
  readonly srcaddr: string;
  readonly dstaddr: string;
  readonly srcport: number;
  readonly dstport: number;
  readonly protocol: number;
  readonly packets: number;
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
  readonly action: 'ACCEPT' | 'REJECT';
}

/** Every given field must match. `subject` and `peer` are addresses or CIDRs; `subject` may be a name, where the finding's is one. */
export interface ExceptionMatch {
  readonly subject?: string;
  readonly peer?: string;
  readonly port?: number;
  readonly protocol?: number;
  /** Name of a policy rule, feed or other counterpart a detector judges by. */
  readonly rule?: string;
}

/** A finding that is expected: whatever of it is given must match. */
export interface Exception {
  readonly detector: string;
  readonly subject?: string | undefined;
  readonly peer?: string | undefined;
  readonly port?: number | undefined;
  readonly protocol?: number | undefined;
  readonly rule?: string | undefined;
  readonly reason?: string | undefined;
  readonly owner?: string | undefined;
  /** ISO 8601 date or time (event time) from which it no longer holds. */
  readonly expires?: string | undefined;
}

export type AlertState = 'firing' | 'resolved';

/** The public alert record (JSON Lines). Times are ISO 8601 UTC, event time. */
export interface Alert extends AlertEnds {
  readonly id: string;
  readonly detector: string;
  readonly severity: Severity;
  readonly state: AlertState;
  readonly title: string;
  readonly subject: string;
  readonly peer?: string;
  readonly port?: number;
  readonly protocol?: number;
  readonly interface?: string;
  readonly account?: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** What is shown was found in the past, when a feed came to list it: ISO 8601 UTC, event time. */
  readonly retro?: string;
  readonly count: number;
  readonly score: number;
  /** MITRE ATT&CK technique ids. */
  readonly attack: readonly string[];
  readonly explanation: Explanation;
  readonly samples: readonly FlowSample[];
  readonly query: string;
  /** YAML; pasted into the configuration it mutes just this. */
  readonly exception: string;
  /** Only on its way to a sink that must not see all of it: a compact JWE of what stands as `[encrypted]`, for `flowsentry decrypt`. */
  readonly encrypted?: string;
}

/** What a message says of a kind of alert, in words that need no knowledge of flowsentry. */
export interface Guide {
  /** A few words, such as `Port scan`. */
  readonly name: string;
  /** Why it matters: what it may be, at worst and at best. */
  readonly meaning: string;
  /** What to look at first: goes on after `Check `, in lower case, with a full stop. */
  readonly check: string;
}

export type Emit = (finding: Finding) => void;

/** State that survives a crash: `restore(snapshot())` is invisible in everything that follows. */
export interface Stateful {
  snapshot(): Uint8Array;
  restore(state: Uint8Array): void;
}

/**
 * A detector at work: synchronous, deterministic in the data it is shown, with no clock and no I/O. The order of rows in a batch must not
 * change what it emits nor what it learns.
 */
export interface Detector extends Stateful, Learner {
  /** Called for each closed 60 s step, in order of time, also for steps without traffic between the first and the last one. */
  step?(step: Step, emit: Emit): void;
  /** Called for each closed window of a declared size and key, in order of time. */
  window?(window: WindowBatch, emit: Emit): void;
  /** Called with sessions made of late records only, which belong to no step. Judge what needs no state; never learn from it. */
  late?(sessions: SessionBatch, emit: Emit): void;
  /** Called by a live service, never by a replay. What is told by it must not change what is found in records. */
  source?(report: SourceReport, emit: Emit): void;
  /** As {@link source}, of a feed. */
  feed?(report: FeedReport, emit: Emit): void;
  /** Called with what one call of another detector found, in an order of its own, at event time `now`. What it emits is shown to nobody else. */
  signs?(signs: readonly Sign[], now: number, emit: Emit): void;
  /** Called with what was found in the past and is listed since event time `since`: findings carry that as `retro`. Never learn from it. */
  past?(contacts: readonly PastContact[], since: number, emit: Emit): void;
  /** Keys that found no place under the declared cap so far. */
  readonly overflow: number;
}

/** What a detector may know beyond the flows. All of it is read-only, and the indicators change with their feeds. */
export interface DetectorContext {
  readonly names: Dictionary;
  /**
   * The role of the address at `offset`, now: the inventory's, else a configured role's name, else its subnet (/24, /64) as text. Both
   * addresses of an interface have one role.
   */
  roleOf(words: Uint32Array, offset: number): string;
  /** Another number whenever roles or twins may be others than before, which is only between two steps. */
  readonly roleEpoch: number;
  /** The other address, IPv4 or IPv6, of the interface that has the address at `offset`: four words; undefined where none is known. */
  twinOf(words: Uint32Array, offset: number): Uint32Array | undefined;
  readonly indicators: Indicators;
  readonly policy: Policy;
}

export interface Verdict {
  /** `unmatched`: no zone of the policy knows either end. */
  readonly verdict: 'allowed' | 'violation' | 'unmatched';
  /** Name of the rule that decided, `default-deny` when none matched. */
  readonly rule: string;
  readonly srcZone: string;
  readonly dstZone: string;
}

export interface Policy {
  readonly size: number;
  /** Judges row `row` by its initiator → responder orientation. */
  judge(sessions: SessionBatch, row: number): Verdict;
  /**
   * Zone of an address (canonical text) or of an interface by its name; undefined in none. `interfaceName`: the interface that is known to be
   * the address's own.
   */
  zoneOf(name: string, interfaceName?: string): string | undefined;
}
