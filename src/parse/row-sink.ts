import type { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch, DEFAULT_LAYOUT, type FlowBatch, type Layout } from '../columns/flow-batch.ts';
import {
  type NameAnswer,
  REJECT_RAW_LIMIT,
  REJECT_REASONS,
  type Reject,
  type RejectReason,
} from '../contracts.ts';
import { TextCodes } from './text-codes.ts';

/** A slice of a source's records in order: each is a row, a reject, or was skipped. */
export interface DecodedPart {
  /** The caller owns it. Absent when the slice has no rows. */
  readonly batch?: FlowBatch;
  readonly rejects: readonly Reject[];
  /** What records said that are no flows, and how many of those there were. */
  readonly answers: readonly NameAnswer[];
  readonly filtered: number;
  /** Rows, rejects and filtered records of this part: records that were not skipped. */
  readonly received: number;
  readonly skipped: number;
}

export interface DecodeOptions {
  /** Name of the file or stream, for rejects and warnings. */
  readonly source: string;
  /** `${version} ${account-id} …` or a header line; undefined = recognise. */
  readonly format?: string | undefined;
  readonly names: Dictionary;
  /** Rows of a batch, a multiple of 8. */
  readonly batchRows: number;
  /** Supplies batches, new or recycled. */
  readonly newBatch: (capacity: number, layout: Layout) => FlowBatch;
  /** Records (rows and rejects in the order of the source) to leave out from the beginning. */
  readonly skip: number;
  readonly warn: (message: string) => void;
}

/** A part is handed on when it holds this many rejects, so that hostile input can't fill the memory with them. */
const MAX_REJECTS = 1024;
/** As that, for records of name servers. */
const MAX_FILTERED = 4096;
/** Past this many extra fields the layout starts anew instead of growing: a bound on memory, far above any real log. */
const MAX_EXTRA = 320;

/** Stands where no batch has been asked for yet. */
const NO_BATCH = createFlowBatch(0, DEFAULT_LAYOUT);

/** Result of reading a record: it became a row. */
export const ROW_OK = -1;
/** Results of reading a record that is refused: positions in REJECT_REASONS. */
export const REFUSED = Object.fromEntries(REJECT_REASONS.map((reason, index) => [reason, index])) as Readonly<
  Record<RejectReason, number>
>;

/**
 * Where parsers put what they read. A parser calls `open`, writes row `row` of `batch`, then calls `accept`, or `reject`; full batches
 * and their rejects pile up until `take`.
 */
export class RowSink {
  readonly options: DecodeOptions;
  readonly codes: TextCodes;
  /** Grows within a source when a line, document or header brings further fields. */
  layout: Layout = DEFAULT_LAYOUT;
  batch: FlowBatch = NO_BATCH;
  row = 0;
  skipLeft: number;
  skipped = 0;
  #ready: DecodedPart[] = [];
  #rejects: Reject[] = [];
  #answers: NameAnswer[] = [];
  #filtered = 0;

  constructor(options: DecodeOptions) {
    this.options = options;
    this.codes = new TextCodes(options.names);
    this.skipLeft = options.skip;
  }

  /** Makes sure that there is a batch with room for one row. */
  open(): void {
    if (this.batch === NO_BATCH) this.batch = this.options.newBatch(this.options.batchRows, this.layout);
  }

  /** Makes sure that the current batch has these columns; a batch that lacks them is handed on first. */
  widen(extra: readonly string[], packetAddresses: boolean): void {
    const layout = this.layout;
    const missing = extra.filter((name) => !layout.extra.includes(name));
    if (missing.length === 0 && (layout.packetAddresses || !packetAddresses)) return;
    const all = [...layout.extra, ...missing];
    this.layout =
      all.length > MAX_EXTRA
        ? { extra: [...extra], packetAddresses }
        : { extra: all, packetAddresses: layout.packetAddresses || packetAddresses };
    this.flush();
    this.batch = NO_BATCH;
  }

  /** The current row is complete. */
  accept(): void {
    if (this.skipLeft > 0) {
      this.skipLeft--;
      this.skipped++;
    } else if (++this.row === this.batch.capacity) {
      this.flush();
    }
  }

  reject(reason: number, position: number, raw: Uint8Array): void {
    if (this.skipLeft > 0) {
      this.skipLeft--;
      this.skipped++;
      return;
    }
    const shown = raw.subarray(0, REJECT_RAW_LIMIT);
    this.#rejects.push({
      reason: REJECT_REASONS[reason]!,
      source: this.options.source,
      position,
      raw: Buffer.from(shown.buffer, shown.byteOffset, shown.length).toString('utf8'),
    });
    if (this.#rejects.length >= MAX_REJECTS) this.flush();
  }

  /** A record was read that is no flow: what it says of names. */
  answer(answers: readonly NameAnswer[]): void {
    if (this.skipLeft > 0) {
      this.skipLeft--;
      this.skipped++;
      return;
    }
    for (const answer of answers) this.#answers.push(answer);
    if (++this.#filtered >= MAX_FILTERED) this.flush();
  }

  /** Hands on what there is. */
  flush(): void {
    const rows = this.row;
    if (rows + this.#rejects.length + this.#filtered + this.skipped === 0) return;
    const counts = {
      rejects: this.#rejects,
      answers: this.#answers,
      filtered: this.#filtered,
      received: rows + this.#rejects.length + this.#filtered,
      skipped: this.skipped,
    };
    this.#rejects = [];
    this.#answers = [];
    this.#filtered = 0;
    this.skipped = 0;
    this.row = 0;
    if (rows === 0) {
      this.#ready.push(counts);
      return;
    }
    this.batch.length = rows;
    this.#ready.push({ batch: this.batch, ...counts });
    this.batch = NO_BATCH;
  }

  /** The parts that are ready, which the caller now owns. */
  take(): DecodedPart[] {
    const parts = this.#ready;
    this.#ready = [];
    return parts;
  }
}
