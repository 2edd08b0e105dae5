import { packSnapshot, unpackSnapshot } from './columns/snapshot.ts';
import { createFeedCache } from './reference/feed-cache.ts';
import type { FeedUpdate } from './reference/feed-update.ts';

/** Which lists of feeds judge the records: part of each checkpoint, so that records read again are judged by the same ones. */
export interface FeedsInUse {
  /** By feed, those included that are not configured any more. */
  readonly versions: ReadonlyMap<string, string>;
  /** These lists are in use from now on. */
  use(versions: ReadonlyMap<string, string>): void;
  snapshot(): Uint8Array;
  /** A checkpoint has made the update durable: its lists take the place of those before. */
  adopt(update: FeedUpdate): Promise<void>;
}

/** As the last checkpoint left them; what was staged and never named by one is removed. `feeds`: names of the configured ones. */
export async function openFeedsInUse(
  folder: string,
  feeds: readonly string[],
  saved: Uint8Array | undefined,
): Promise<FeedsInUse> {
  const cache = createFeedCache(folder);
  const versions = new Map(saved === undefined ? [] : (unpackSnapshot(saved).meta as [string, string][]));
  for (const feed of feeds) await cache.settle(feed, versions.get(feed));
  return {
    versions,
    use(next) {
      for (const [feed, version] of next) versions.set(feed, version);
    },
    snapshot: () => packSnapshot({}, [...versions]),
    async adopt(update) {
      for (const [feed, version] of update.versions) await cache.settle(feed, version);
    },
  };
}
