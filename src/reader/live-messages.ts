import type { Layout } from '../columns/flow-batch.ts';
import type { Position, Reject } from '../contracts.ts';
import type { SourceOptions } from '../ingest/options.ts';

/** What the thread that reads live sources is started with. */
export interface LiveTask {
  readonly sources: readonly SourceOptions[];
  readonly instance: string;
  /** Durable positions, by source and partition. */
  readonly positions: ReadonlyMap<string, ReadonlyMap<string, Position>>;
  readonly batchRows: number;
  /** Texts that already have codes, in order of code, from code 1 on. */
  readonly names: readonly string[];
}

/** To the reading thread. A credit lets one more part come, with the memory of an old batch for it. */
export type LiveRequest =
  | { readonly kind: 'credit'; readonly buffer: ArrayBuffer | undefined }
  | { readonly kind: 'stop' }
  | { readonly kind: 'close' };

/** Some records of one partition; `position` is undefined when more of the same delivery follow. */
export interface LivePartMessage {
  readonly kind: 'part';
  readonly source: string;
  readonly partition: string;
  readonly position: Position | undefined;
  readonly layout: Layout | undefined;
  readonly length: number;
  readonly buffer: ArrayBuffer | undefined;
  readonly names: readonly string[];
  readonly rejects: readonly Reject[];
  readonly received: number;
  readonly skipped: number;
  /** Bytes of messages so far, all sources together. */
  readonly readBytes: number;
}

export type LiveMessage =
  | LivePartMessage
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly details: Readonly<Record<string, string | number | boolean>>;
    }
  | {
      readonly kind: 'lost';
      readonly source: string;
      readonly partition: string;
      readonly from: number;
      readonly to: number;
      readonly reason: string;
    }
  | { readonly kind: 'failure'; readonly message: string }
  /** All sources have stopped: nothing more comes. */
  | { readonly kind: 'stopped' };
