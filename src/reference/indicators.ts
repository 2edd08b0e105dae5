import { gunzipSync } from 'node:zlib';
import type { PrefixTrie } from '../columns/prefix-trie.ts';
import type { Indicators } from '../contracts.ts';
import { UserError } from '../errors.ts';
import { createFeedCache, type FeedCache, type FeedList, type KeptFeed, versionOf } from './feed-cache.ts';
import { type CheckFeed, createFeedCheck, isReserved, refusePage } from './feed-check.ts';
import { FeedEntries } from './feed-entries.ts';
import { type ParsedFeed, parseFeed } from './feed-formats.ts';
import { MAX_FILE_BYTES, readList } from './feed-list.ts';
import type { FeedSource } from './feed-source.ts';
import {
  type IndicatorColumns,
  indicatorColumns,
  indicatorsFrom,
  noIndicators,
  trieOf,
} from './indicator-set.ts';

export type { FeedSource } from './feed-source.ts';

export interface IndicatorOptions {
  readonly feeds: readonly FeedSource[];
  /** Addresses and CIDRs that never match. */
  readonly allow: readonly string[];
  /** The user's own networks: a feed that lists any of them is refused. */
  readonly internal: readonly string[];
  /** Where the last good lists are kept; without it a feed that fails is empty. */
  readonly cacheDir?: string | undefined;
  /** Lists with an address are those kept last, and nothing is written: for whoever only reads a data folder. */
  readonly offline?: boolean | undefined;
  /** Versions in use by feed: nothing but these lists is read, all of them kept ones. */
  readonly versions?: ReadonlyMap<string, string> | undefined;
}

export interface LoadedIndicators {
  readonly indicators: Indicators;
  readonly problems: readonly string[];
  /** Version of each list that is in it, by feed. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Version of a feed whose last list is too old to be used. */
export const DROPPED = 'dropped';

const DEFAULT_CATEGORY = 'listed';
const DEFAULT_CONFIDENCE = 75;

/**
 * Reads all feeds. A feed that cannot be had or is refused as a whole gives its last good list, or nothing, and a line in `problems`:
 * this never throws for a feed. Throws a RangeError when `allow` or `internal` hold anything but addresses and CIDRs.
 */
export async function loadIndicators(options: IndicatorOptions): Promise<LoadedIndicators> {
  const { feeds, versions } = options;
  const allow = trieOf(options.allow);
  trieOf(options.internal);
  if (feeds.length === 0) return { indicators: noIndicators, problems: [], versions: new Map() };
  const check = createFeedCheck(options.internal);
  const cache = options.cacheDir === undefined ? undefined : createFeedCache(options.cacheDir);
  const set = createFeedSet(feeds, allow);
  const used = new Map<string, string>();
  const problems: string[] = [];
  // One after the other: a set of a million networks is large while it is read.
  for (const feed of feeds) {
    const loaded = await (versions === undefined
      ? loadFeed(feed, check, cache, options.offline === true)
      : loadKept(feed, check, cache, versions.get(feed.name)));
    problems.push(...loaded.problems.map((problem) => `feed ${feed.name}: ${problem}`));
    if (loaded.parsed === undefined) continue;
    set.add(feed, loaded.parsed.entries);
    used.set(feed.name, loaded.version);
  }
  const columns = set.columns();
  if (set.overflow > 0) problems.push(`feeds: ${set.overflow} networks found no place`);
  return { indicators: indicatorsFrom(columns), problems, versions: used };
}

/** Puts the lists of feeds together, each by its place in `feeds`. */
export function createFeedSet(feeds: readonly FeedSource[], allow: PrefixTrie) {
  let merged = new FeedEntries();
  return {
    add(feed: FeedSource, entries: FeedEntries): void {
      if (feeds.length === 1) merged = entries;
      else merge(merged, entries, feeds.indexOf(feed));
    },
    /** Networks that found no place. */
    get overflow(): number {
      return merged.overflow;
    },
    columns: (): IndicatorColumns =>
      indicatorColumns(
        merged,
        feeds.map(({ name }) => name),
        allow,
      ),
  };
}

interface Loaded {
  readonly parsed: ParsedFeed | undefined;
  readonly version: string;
  readonly problems: readonly string[];
}

const nothing = (problem: string): Loaded => ({ parsed: undefined, version: '', problems: [problem] });

async function loadFeed(
  feed: FeedSource,
  check: CheckFeed,
  cache: FeedCache | undefined,
  offline: boolean,
): Promise<Loaded> {
  const kept = await cache?.read(feed.name);
  let problem: string;
  try {
    const list = offline && feed.url !== undefined ? keptOf(kept) : await readNow(feed);
    const { bytes } = list;
    const parsed = parseList(bytes, feed, check, kept?.count ?? 0);
    if (typeof parsed !== 'string') {
      const problems: string[] = [];
      if (cache !== undefined && !offline && kept?.bytes.equals(bytes) !== true)
        await cache
          .write(feed.name, { ...list, count: parsed.entries.count })
          .catch((error: unknown) => problems.push(`cannot keep it: ${messageOf(error)}`));
      return { parsed, version: versionOf(bytes), problems };
    }
    problem = `refused: ${parsed}`;
  } catch (error) {
    problem = messageOf(error);
  }
  if (kept === undefined || cache === undefined)
    return nothing(`${problem}; there is no earlier list, so it is left out`);
  const last = parseList(kept.bytes, feed, check, 0);
  if (typeof last === 'string') return nothing(`${problem}; the earlier list is refused too: ${last}`);
  return {
    parsed: last,
    version: kept.version,
    problems: [
      `${problem}; the earlier list of ${last.entries.count} networks stays (delete ${cache.path(feed.name)} to forget it)`,
    ],
  };
}

/** The list that a checkpoint named; a feed of which none was in use yet comes with an update. */
async function loadKept(
  feed: FeedSource,
  check: CheckFeed,
  cache: FeedCache | undefined,
  version: string | undefined,
): Promise<Loaded> {
  if (version === undefined || version === DROPPED) return { parsed: undefined, version: '', problems: [] };
  const kept = await cache?.read(feed.name);
  if (kept === undefined) return nothing('the list in use is gone; it is left out until the next update');
  const parsed = parseList(kept.bytes, feed, check, 0);
  if (typeof parsed === 'string') return nothing(`the list in use is refused: ${parsed}`);
  const problems = kept.version === version ? [] : ['another list stands in for the one that was in use'];
  return { parsed, version: kept.version, problems };
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

/** The set, or why it is refused as a whole; `lastCount`: networks of the last good one, 0 when there is none. */
export function parseList(
  bytes: Buffer,
  feed: FeedSource,
  check: CheckFeed,
  lastCount: number,
): ParsedFeed | string {
  let plain: Uint8Array = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      plain = gunzipSync(bytes, { maxOutputLength: MAX_FILE_BYTES });
    } catch (error) {
      return `cannot unpack it: ${messageOf(error)}`;
    }
  }
  const text = new TextDecoder().decode(plain);
  const page = refusePage(text);
  if (page !== undefined) return page;
  const parsed = parseFeed(text, {
    category: feed.category ?? DEFAULT_CATEGORY,
    confidence: feed.confidence ?? DEFAULT_CONFIDENCE,
    decay: feed.decay,
    passOver: feed.hasReserved === true ? isReserved : undefined,
  });
  return check(parsed, lastCount) ?? parsed;
}

function merge(into: FeedEntries, from: FeedEntries, source: number): void {
  const { keys } = from.keys;
  for (let row = 0; row < from.count; row++)
    into.add(
      keys,
      row * 5,
      keys[row * 5 + 4]!,
      {
        category: from.categoryText(row),
        confidence: from.confidence[row]!,
        expires: from.expires[row]!,
      },
      source,
    );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
