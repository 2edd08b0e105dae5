import { birthOf, partitionOf } from './identity.ts';

/** Files whose positions are kept: those made first are forgotten before others. */
const MAX_GONE = 1000;

/**
 * Finished files that nothing names any more. They may come back, so their positions are kept, but not those of all that ever were: a file an
 * hour, or a minute, for years.
 */
export interface GoneFiles {
  /** `generation`: the last one that has a position. */
  add(identity: string, generation: number): void;
  /** It came back. */
  delete(identity: string): void;
  /** Drops what is too much; returns its partitions, which can be forgotten. */
  takeOldest(): string[];
}

export function createGoneFiles(): GoneFiles {
  const gone = new Map<string, number>();
  return {
    add(identity, generation) {
      gone.set(identity, Math.max(gone.get(identity) ?? 0, generation));
    },
    delete(identity) {
      gone.delete(identity);
    },
    takeOldest() {
      if (gone.size <= MAX_GONE) return [];
      const ordered = [...gone].sort(([a], [b]) => birthOf(a) - birthOf(b));
      const oldest = ordered.slice(0, gone.size - MAX_GONE);
      for (const [identity] of oldest) gone.delete(identity);
      return oldest.flatMap(([identity, last]) =>
        Array.from({ length: last + 1 }, (_, generation) => partitionOf({ identity, generation })),
      );
    },
  };
}
