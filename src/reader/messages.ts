import type { Layout } from '../columns/flow-batch.ts';
import type { Reject } from '../contracts.ts';

/** What the reading thread is started with. */
export interface ReaderTask {
  readonly files: readonly ReaderFile[];
  readonly format: string | undefined;
  readonly batchRows: number;
  /** Texts that already have codes, in order of code, from code 1 on. */
  readonly names: readonly string[];
}

export interface ReaderFile {
  readonly path: string;
  /** Name of the file in positions. */
  readonly identity: string;
  /** Records that an earlier run made durable: they are counted, not handed over. */
  readonly skip: number;
}

/** Records of one file, in the order of the file, and the texts that got codes since the part before. */
export interface PartMessage {
  readonly kind: 'part';
  readonly file: number;
  readonly layout: Layout | undefined;
  readonly length: number;
  readonly buffer: ArrayBuffer | undefined;
  readonly names: readonly string[];
  readonly rejects: readonly Reject[];
  readonly received: number;
  readonly skipped: number;
  /** Bytes of all files read so far, as stored (compressed). */
  readonly readBytes: number;
}

export type ReaderMessage =
  | PartMessage
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'done' };

/** Sent back to the reading thread: one more part may come, and here is the memory of an old batch for it. */
export interface CreditMessage {
  readonly buffer: ArrayBuffer | undefined;
}
