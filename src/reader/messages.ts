import type { PartMessage } from './hand-over.ts';

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

export type ReaderMessage =
  | PartMessage
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'done' };
