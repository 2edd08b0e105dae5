import { UserError } from '../../errors.ts';
import { type FeedCache, type FeedList, type KeptFeed, versionOf } from './cache.ts';
import { lastCount, readList } from './list.ts';
import type { FeedSource } from './source.ts';

/** Version of a feed whose last list is too old to be used. */
export const DROPPED = 'dropped';

/** What the bytes of a list say, and of how many networks. */
export interface Content<T> {
  readonly content: T;
  readonly count: number;
}

/** What a list says, or why it is refused as a whole; `lastCount`: networks of the last good one, 0 when there is none. */
export type ReadContent<T> = (bytes: Buffer, lastCount: number) => Content<T> | string;

export interface Loaded<T> {
  readonly content: T | undefined;
  /** Of the list that is used; empty without one. */
  readonly version: string;
  readonly problems: readonly string[];
}

export interface LoadOptions {
  /** Where the last good lists are kept; without it a feed that fails is empty. */
  readonly cache?: FeedCache | undefined;
  /** A list with an address is the one kept last, and nothing is written. */
  readonly offline: boolean;
  /** Versions in use by feed: nothing but these lists is read, all of them kept ones. */
  readonly versions?: ReadonlyMap<string, string> | undefined;
}

/** The list of a feed for whoever begins to use it. What cannot be had or is refused gives the last good one, or nothing; never throws for that. */
export async function loadList<T>(
  feed: FeedSource,
  read: ReadContent<T>,
  { cache, versions, offline }: LoadOptions,
): Promise<Loaded<T>> {
  return versions === undefined
    ? loadNow(feed, read, cache, offline)
    : loadKept(read, await cache?.read(feed.name), versions.get(feed.name));
}

const nothing = (problem: string): Loaded<never> => ({
  content: undefined,
  version: '',
  problems: [problem],
});

async function loadNow<T>(
  feed: FeedSource,
  read: ReadContent<T>,
  cache: FeedCache | undefined,
  offline: boolean,
): Promise<Loaded<T>> {
  const kept = await cache?.read(feed.name);
  let problem: string;
  try {
    const list = offline && feed.url !== undefined ? keptOf(kept) : await readNow(feed);
    const { bytes } = list;
    const found = read(bytes, lastCount(list, kept));
    if (typeof found !== 'string') {
      const problems: string[] = [];
      if (cache !== undefined && !offline && kept?.bytes.equals(bytes) !== true)
        await cache
          .write(feed.name, { ...list, count: found.count })
          .catch((error: unknown) => problems.push(`cannot keep it: ${messageOf(error)}`));
      return { content: found.content, version: versionOf(bytes), problems };
    }
    problem = `refused: ${found}`;
  } catch (error) {
    problem = messageOf(error);
  }
  if (kept === undefined || cache === undefined)
    return nothing(`${problem}; there is no earlier list, so it is left out`);
  const last = read(kept.bytes, 0);
  if (typeof last === 'string') return nothing(`${problem}; the earlier list is refused too: ${last}`);
  return {
    content: last.content,
    version: kept.version,
    problems: [
      `${problem}; the earlier list of ${last.count} networks stays (delete ${cache.path(feed.name)} to forget it)`,
    ],
  };
}

/** The list that a checkpoint named; a feed of which none was in use yet comes with an update. */
function loadKept<T>(
  read: ReadContent<T>,
  kept: KeptFeed | undefined,
  version: string | undefined,
): Loaded<T> {
  if (version === undefined || version === DROPPED) return { content: undefined, version: '', problems: [] };
  if (kept === undefined) return nothing('the list in use is gone; it is left out until the next update');
  const found = read(kept.bytes, 0);
  if (typeof found === 'string') return nothing(`the list in use is refused: ${found}`);
  const problems = kept.version === version ? [] : ['another list stands in for the one that was in use'];
  return { content: found.content, version: kept.version, problems };
}

/** The list as it is at its place now, not yet counted. Throws a UserError or an error of the file system. */
async function readNow(feed: FeedSource): Promise<Omit<FeedList, 'count'>> {
  const list = await readList(feed);
  if (list === undefined) throw new UserError('it says that it has not changed, of which nobody asked');
  return list;
}

function keptOf(kept: KeptFeed | undefined): KeptFeed {
  if (kept === undefined) throw new UserError('no list of it was kept yet');
  return kept;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
