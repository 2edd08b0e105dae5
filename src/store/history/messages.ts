import type { ColumnSpec, RowSet, TableName } from './table-spec.ts';

/** Rows for the writing thread; it owns them from then on. */
export interface AppendMessage {
  readonly kind: 'append';
  readonly table: TableName;
  readonly columns: readonly ColumnSpec[];
  readonly rows: RowSet;
  /** Texts of dictionary codes that no message before had, in order of code. */
  readonly names: readonly string[];
}

/** Ask for everything appended so far to be sealed. */
export interface SealMessage {
  readonly kind: 'seal';
  readonly ticket: number;
}

export type WriterRequest = AppendMessage | SealMessage;

/** One immutable Parquet file of the history, durable under its final name. */
export interface Segment {
  readonly table: TableName;
  /** Relative to the data folder. */
  readonly path: string;
  readonly columns: readonly string[];
  readonly rows: number;
  /** Event times in Unix seconds. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly bytes: number;
  /** See {@link checksumsOf}; absent in segments of before there were any. */
  readonly checksums?: readonly number[];
}

export type WriterReply =
  | { readonly kind: 'sealed'; readonly segment: Segment; readonly buffers: readonly ArrayBuffer[] }
  | { readonly kind: 'done'; readonly ticket: number }
  | { readonly kind: 'failure'; readonly message: string };

/** What the writing thread is started with. */
export interface WriterTask {
  readonly dataDir: string;
  /** First number for a segment's name: above every one ever used. */
  readonly sequence: number;
}
