import type { Damaged } from './store/history/checksums.ts';
import { type Merged, mergeable, segmentsBefore } from './store/history/maintenance.ts';
import { mergeApart } from './store/history/merge-apart.ts';
import type { Segment } from './store/history/messages.ts';
import {
  createTurns,
  findDamaged,
  type HistoryLoss,
  keepDamaged,
  lossOf,
  refuseMissing,
} from './store/history/verify.ts';
import type { SegmentChange } from './store/state/state.ts';

/** Seconds between two looks at segments that can be merged or are past the retention. */
const MAINTENANCE_SECONDS = 600;

export interface UpkeepOptions {
  /** The data folder. */
  readonly path: string;
  /** The history as it is now. */
  segments(): readonly Segment[];
  /** Makes a change part of the history. */
  replace(change: SegmentChange): Promise<void>;
  /** Whether a segment may be merged with others at the moment. */
  mayMerge(segment: Segment): boolean;
  /** Seconds for which records are kept; undefined when all are. */
  readonly retention: number | undefined;
  /** Newest event time, Unix seconds. */
  newest(): number;
  warn(message: string): void;
  lost(loss: HistoryLoss): void;
}

/** Keeps the history in order: damaged files go, small ones become large ones, old ones are dropped. */
export interface Upkeep extends AsyncDisposable {
  /** Puts the damaged ones of some segments aside. `quickly`: only whether they are there, at their length. */
  check(some: Iterable<Segment>, quickly?: boolean): Promise<void>;
  /**
   * Does all that takes time, and changes nothing; what it resolves with does the rest. Given up when this is disposed. `merges`: false when
   * there is no room for a second copy of what is merged.
   */
  prepare(merges?: boolean): Promise<() => Promise<void>>;
}

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { path, segments, replace, mayMerge, retention, newest, warn, lost } = options;
  const nextTurn = createTurns();
  const closing = new AbortController();
  let preparing: Promise<unknown> = Promise.resolve();
  const putAside = async (damaged: readonly Damaged[]): Promise<void> => {
    if (damaged.length === 0) return;
    refuseMissing(path, segments(), damaged);
    await keepDamaged(path, damaged);
    lost(lossOf(damaged));
    await replace({ added: [], removed: damaged.map(({ segment }) => segment) });
  };
  const prepare = async (merges: boolean): Promise<() => Promise<void>> => {
    const all = segments();
    const free = merges ? all.filter(mayMerge) : [];
    // What is merged is read for the last time: its copy would have checksums of its own.
    const damaged = await findDamaged(path, new Set([...mergeable(free).flat(), ...nextTurn(all)]));
    const bad = new Set(damaged.map(({ segment }) => segment.path));
    // What is not merged now is tried again; meanwhile everything goes on, the retention too.
    const merged = await mergeApart(
      path,
      free.filter((segment) => !bad.has(segment.path)),
      closing.signal,
    ).catch((error: Error): Merged => {
      closing.signal.throwIfAborted();
      return { added: [], removed: [], failed: [error.message] };
    });
    for (const why of merged.failed) warn(`small files of the history are not merged yet: ${why}`);
    return async () => {
      await putAside(damaged);
      await replace(merged);
      if (retention === undefined) return;
      // A few records dated in the future take away no history, and neither does a clock that leaps by itself.
      const from = Math.min(newest(), Date.now() / 1000) - retention;
      await replace({ added: [], removed: segmentsBefore(segments(), from) });
    };
  };
  return {
    check: async (some, quickly) => putAside(await findDamaged(path, some, quickly)),
    prepare(merges = true) {
      const prepared = prepare(merges);
      preparing = prepared.catch(() => {});
      return prepared;
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await preparing;
    },
  };
}

/**
 * Maintenance for a service: what it returns is called after each checkpoint. Now and then, and at once when room `isShort`, it begins to
 * prepare, and carries that out after the checkpoint that finds it ready; it rejects when the preparing failed.
 */
export function createMaintenance(prepare: Upkeep['prepare'], isShort: () => boolean): () => Promise<void> {
  let since = performance.now();
  let isPreparing = false;
  let carryOut: (() => Promise<void>) | undefined;
  let failure: Error | undefined;
  return async () => {
    if (failure !== undefined) throw failure;
    if (carryOut !== undefined) {
      await carryOut();
      carryOut = undefined;
      isPreparing = false;
      since = performance.now();
    }
    const short = isShort();
    if (isPreparing || (!short && performance.now() - since < MAINTENANCE_SECONDS * 1000)) return;
    isPreparing = true;
    prepare(!short).then(
      (prepared) => {
        carryOut = prepared;
      },
      (error: Error) => {
        failure = error;
      },
    );
  };
}
