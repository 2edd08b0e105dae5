import { packSnapshot, unpackSnapshot } from './columns/snapshot.ts';
import { createFeedCache } from './reference/feeds/cache.ts';

/** What a list had new is still to be looked for in the stored sessions. */
export interface PendingHunt {
  readonly feed: string;
  readonly version: string;
  /** Networks to look for. */
  readonly networks: number;
  /** Event time, Unix seconds, at which the list came into use; what was stored before it lies in segments up to number `upTo`. */
  readonly at: number;
  readonly upTo: number;
}

/** Which lists of feeds judge the records: part of each checkpoint, so that records read again are judged by the same ones. */
export interface FeedsInUse {
  /** By feed, those included that are not configured any more. */
  readonly versions: ReadonlyMap<string, string>;
  /** Oldest first. */
  readonly hunts: readonly PendingHunt[];
  /** These lists are in use from now on. */
  use(versions: ReadonlyMap<string, string>): void;
  /** Stored sessions have to be looked through for this. */
  hunt(hunt: PendingHunt): void;
  /** They have been, or that was given up. */
  hunted(hunt: PendingHunt): void;
  snapshot(): Uint8Array;
  /** A checkpoint made what was said durable: the lists it names take the place of those before, and what is no longer needed goes. */
  settle(): Promise<void>;
}

interface Saved {
  readonly versions: readonly (readonly [string, string])[];
  readonly hunts: readonly PendingHunt[];
}

/** As the last checkpoint left them; what was staged and never named by one is removed. `feeds`: names of the configured ones. */
export async function openFeedsInUse(
  folder: string,
  feeds: readonly string[],
  saved: Uint8Array | undefined,
): Promise<FeedsInUse> {
  const cache = createFeedCache(folder);
  const before: Saved =
    saved === undefined ? { versions: [], hunts: [] } : (unpackSnapshot(saved).meta as Saved);
  const versions = new Map(before.versions);
  let hunts = [...before.hunts];
  const over: PendingHunt[] = [];
  let changed: Iterable<string> = feeds;
  const settle = async (): Promise<void> => {
    for (const feed of changed) await cache.settle(feed, versions.get(feed));
    changed = [];
    for (const { feed, version } of over.splice(0)) await cache.removeNews(feed, version);
  };
  await settle();
  await cache.keepNews(hunts);
  return {
    versions,
    get hunts() {
      return hunts;
    },
    use(next) {
      for (const [feed, version] of next) versions.set(feed, version);
      changed = next.keys();
    },
    hunt(hunt) {
      hunts.push(hunt);
    },
    hunted(done) {
      hunts = hunts.filter((hunt) => hunt !== done);
      over.push(done);
    },
    snapshot: () => packSnapshot({}, { versions: [...versions], hunts } satisfies Saved),
    settle,
  };
}
