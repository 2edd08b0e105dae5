import type { Position, SourceLoss } from '../contracts.ts';
import type { SourceOptions } from '../ingest/options.ts';
import type { Covered } from '../ingest/source.ts';
import type { Credit, PartMessage } from './hand-over.ts';

/** What the thread that reads live sources is started with: it loads what they need. */
export interface LiveSetting {
  readonly sources: readonly SourceOptions[];
}

/** Where it begins to read: its first message. */
export interface LiveTask {
  readonly instance: string;
  readonly scratch: string;
  /** Durable positions, by source and partition. */
  readonly positions: ReadonlyMap<string, ReadonlyMap<string, Position>>;
  /** Durable ids, by source and partition. */
  readonly ids: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
  readonly batchRows: number;
  /** Texts that already have codes, in order of code, from code 1 on. */
  readonly names: readonly string[];
}

/** What a checkpoint covers, by source. */
export type CoveredBySource = ReadonlyMap<string, readonly Covered[]>;

/** To the reading thread. */
export type LiveRequest =
  | Credit
  | { readonly kind: 'acknowledge'; readonly covered: CoveredBySource }
  /** Answered by `claimed`. */
  | { readonly kind: 'claim'; readonly seq: number; readonly covered: CoveredBySource }
  /** No new delivery is begun. */
  | { readonly kind: 'stop' }
  /** Everything acknowledged is told to the other sides first. */
  | { readonly kind: 'close' };

export type LiveMessage =
  | PartMessage
  | { readonly kind: 'lanes'; readonly source: string; readonly lanes: readonly string[] }
  | { readonly kind: 'caught-up'; readonly source: string; readonly lane: string }
  | { readonly kind: 'flush' }
  | { readonly kind: 'forget'; readonly source: string; readonly partitions: readonly string[] }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly details: Readonly<Record<string, string | number | boolean>>;
    }
  | ({ readonly kind: 'lost'; readonly source: string } & SourceLoss)
  /** The answer to `claim`; `error` when a source rejected it. */
  | { readonly kind: 'claimed'; readonly seq: number; readonly error: string | undefined }
  /** `person`: only a person can mend it, and the message says how. */
  | { readonly kind: 'failure'; readonly message: string; readonly person: boolean }
  /** All sources have stopped: nothing more comes. */
  | { readonly kind: 'stopped' };
