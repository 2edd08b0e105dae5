import type { Position, SourceLoss } from '../contracts.ts';
import type { FileContent } from './file.ts';

/** What a source finds at start. */
export interface Resume {
  /** Names this data folder, for ever: a member of a group tells itself from others by it. */
  readonly instance: string;
  /** For files that need not outlive the process; in it a source has a folder by its name, which it makes, and empties of what a killed one left. */
  readonly scratch: string;
  /** By partition. */
  readonly positions: ReadonlyMap<string, Position>;
  /** Ids of {@link Delivery.ids} that are durable and not yet forgotten, by partition. */
  readonly ids: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * What a source read at once. Deliveries of one partition come in order and without gaps: each begins where the one before ended, except behind a
 * loss that was told, which may also lead back. One without messages makes durable where the partition begins.
 */
export interface Delivery {
  /** Stable name of what offsets count in, unique within the source: `topic/3`, `bucket/key@etag`, a log group, a request id. */
  readonly partition: string;
  /** Partitions whose event times move on together, one of {@link SourceEvents.lanes}. */
  readonly lane: string;
  /**
   * `messages`: each is whole lines, whole documents or compressed ones; a checkpoint covers all of them or none. `object`: read from its
   * begin, as long as it may be; its offsets count records, and those before `from` are left out.
   */
  readonly content:
    | { readonly kind: 'messages'; readonly messages: readonly Uint8Array[] }
    | { readonly kind: 'object'; open(): Promise<FileContent> };
  /** Offset at which it begins, {@link Position.next} of the delivery before. */
  readonly from: number;
  /** Offset behind the last message. Absent for an object. */
  readonly to?: number;
  /** Whether nothing of the partition follows. */
  readonly last: boolean;
  /** AWS's `${…}` format or a header line, when the source knows it; else content decides. */
  readonly format?: string | undefined;
  /**
   * Durable elsewhere: another member of the group stored these records before it lost the partition. They fill open windows and are
   * neither counted nor stored.
   */
  readonly known?: boolean;
  /** Ids to remember with this delivery, so that what is read again can be told apart. They sort by age: begin them with a time. */
  readonly ids?: readonly string[];
  /** Ids of the partition that sort before this one are forgotten, with this delivery. */
  readonly idsFrom?: string;
  /** Records that the source recognised as read before and left out. */
  readonly duplicates?: number;
  /** Kept in the partition's position. */
  readonly note?: string;
  /** When the records became available to us, Unix milliseconds, when the transport says so: the delivery lag. */
  readonly availableAt?: number;
}

/** A partition up to an offset: what a checkpoint covers. */
export interface Covered {
  readonly partition: string;
  /** First offset covered that the checkpoint before did not cover. */
  readonly from: number;
  readonly next: number;
  readonly done: boolean;
  /** First offset that an open window needs: where another member has to begin to read. At most `next`. */
  readonly floor: number;
}

/** What a source tells whoever runs it, at any time. */
export interface SourceEvents {
  /** The lanes that are ours from now on. Event time waits for each of them until it has records or is idle. */
  lanes(names: readonly string[]): void;
  /**
   * Nothing more can be read of the lane at this moment: it has caught up. The first time after what waited at the start was read; one that
   * was idle before is not waited for any longer.
   */
  caughtUp(lane: string): void;
  /** What was handed over has to become durable soon: another shall have what it belongs to. */
  flush(): void;
  /** Partitions that can never come again, not even as a repeat: their positions are forgotten with the next checkpoint. */
  forget(partitions: readonly string[]): void;
  lost(gap: SourceLoss): void;
  /** For the log: one static message and plain values, no secrets. */
  log(
    level: 'info' | 'warn' | 'error',
    message: string,
    details?: Readonly<Record<string, string | number | boolean>>,
  ): void;
}

/**
 * A live source. Whoever runs it asks for a delivery only when there is room for it, makes what came durable, then tells the other side.
 */
export interface Source {
  /**
   * Reads until `signal` aborts, and then ends soon without an error. Retries what can be retried by itself, for ever, with backoff;
   * throws a UserError for what only a person can mend.
   */
  deliveries(signal: AbortSignal): AsyncIterable<Delivery>;
  /**
   * Binds the offsets to this process at the other side, before the checkpoint `seq` that covers them becomes valid. Rejects when they
   * are another's by now: then everything since the last checkpoint is void. For sources without members that share them it is absent.
   */
  claim?(seq: number, covered: readonly Covered[]): Promise<void>;
  /** At start, before `deliveries`: whether `claim` with just this was carried out before a crash. Asks until it knows; rejects when `signal` aborts. */
  wasClaimed?(seq: number, covered: readonly Covered[], signal: AbortSignal): Promise<boolean>;
  /** The checkpoint is durable: commit, delete the messages, answer the requests. What fails here comes again and is recognised. */
  acknowledge?(covered: readonly Covered[]): Promise<void>;
  /** Closes connections; nothing is called afterwards. */
  close(): Promise<void>;
}
