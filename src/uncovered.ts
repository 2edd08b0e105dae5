import type { Memory } from './checkpoint.ts';
import type { Part } from './contracts.ts';
import type { Covered } from './ingest/source.ts';

/** What came from live sources since the last checkpoint: what the next one covers. */
export interface Uncovered {
  add(part: Pick<Part, 'partition' | 'position' | 'ids' | 'idsFrom' | 'known'>): void;
  /** Partitions that never come again. */
  forget(partitions: readonly string[]): void;
  /** Whether a checkpoint would change anything. */
  readonly isEmpty: boolean;
  /** Begins anew, and hands over what there was: what the checkpoint remembers, and what it lets each source acknowledge. */
  take(): { memory: Memory; covered: Map<string, Covered[]> };
}

/** `nextOf`: where a partition stands at the last checkpoint before the first part. */
export function createUncovered(nextOf: (partition: string) => number): Uncovered {
  const known = new Map<string, number>();
  let ranges = new Map<string, { from: number; next: number; done: boolean }>();
  let ids = new Map<string, { added: string[]; from: string | undefined }>();
  let forgotten: string[] = [];
  return {
    get isEmpty() {
      return ranges.size + ids.size + forgotten.length === 0;
    },
    add({ partition, position, ids: added, idsFrom, known: elsewhere }) {
      if (position === undefined || elsewhere) return;
      const { next, done } = position;
      const from = ranges.get(partition)?.from ?? known.get(partition) ?? nextOf(partition);
      ranges.set(partition, { from, next, done });
      if (added.length === 0 && idsFrom === undefined) return;
      const change = ids.get(partition) ?? { added: [], from: undefined };
      ids.set(partition, change);
      for (const id of added) change.added.push(id);
      change.from = idsFrom ?? change.from;
    },
    forget(partitions) {
      for (const partition of partitions) {
        known.delete(partition);
        forgotten.push(partition);
      }
    },
    take() {
      const covered = new Map<string, Covered[]>();
      for (const [key, range] of ranges) {
        if (range.done) known.delete(key);
        else known.set(key, range.next);
        const colon = key.indexOf(':');
        const source = key.slice(0, colon);
        const list = covered.get(source) ?? [];
        covered.set(source, list);
        // Open windows are part of the checkpoint: nothing before `next` is needed again.
        list.push({ partition: key.slice(colon + 1), ...range, floor: range.next });
      }
      const memory = { ids, forget: forgotten };
      ranges = new Map();
      ids = new Map();
      forgotten = [];
      return { memory, covered };
    },
  };
}
