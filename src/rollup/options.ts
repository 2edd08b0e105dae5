import type { Dictionary } from '../columns/dictionary.ts';
import type { SessionBatch, Step, WindowBatch } from '../columns/session-batch.ts';
import type { WindowDemand } from '../contracts.ts';
import type { ScopeOf } from './lone-flow.ts';

export interface RollupOptions {
  readonly names: Dictionary;
  readonly scopeOf: ScopeOf;
  /** Seconds a record may lag behind the newest one of its lane, where the lane says nothing else. */
  readonly lateness: number;
  /** Most connections in all open steps together; 128 bytes each. */
  readonly maxFlows: number;
  /** Most living sessions; 160 bytes each. */
  readonly maxSessions: number;
  /** Most keys of one window; some 120 bytes each, and twice that for pairs. */
  readonly maxWindowKeys: number;
  /**
   * Connections in open steps up to which closing waits although it could go on; 0 when alerts must come as soon as they can. Files are
   * often several streams one after the other: whoever replays them can wait, and then nothing of a smaller file is late.
   */
  readonly holdFlows: number;
  /** Of each step it is told by `pass` how many records there were: those that are added are not all, and are not counted. */
  readonly isToldCounts?: boolean;
  /** Windows to hand over, beside the 60 s subject windows, which always are. */
  readonly windows: readonly WindowDemand[];
}

/** Where closed data goes, in order of event time. What is handed over is valid during the call. */
export interface RollupOutput {
  step(step: Step): void;
  window(window: WindowBatch): void;
  late(sessions: SessionBatch): void;
}

/** What found no place under the declared caps, by name. */
export interface RollupOverflow {
  readonly flows: number;
  readonly sessions: number;
  readonly windowKeys: number;
}
