import type { Lanes } from './lanes.ts';
import type { SavedStep } from './open-steps.ts';

/** What a saved rollup says beside its columns. */
export interface SavedRollup {
  readonly open: SavedStep[];
  readonly lanes?: ReturnType<Lanes['snapshot']>;
  readonly watermark: { max: number; ahead: number[] };
  readonly next: number;
  readonly silent: number;
  readonly records: number;
  readonly longRecords: number;
  readonly flowOverflow: number;
  readonly sessionOverflow: number;
}
