import { gunzipSync } from 'node:zlib';
import type { PrefixTrie } from '../../columns/prefix-trie.ts';
import type { Indicators } from '../../contracts.ts';
import { createFeedCache } from './cache.ts';
import { type CheckFeed, createFeedCheck, isReserved, refusePage } from './check.ts';
import { FeedEntries } from './entries.ts';
import { type ParsedFeed, parseFeed } from './formats.ts';
import {
  type IndicatorColumns,
  indicatorColumns,
  indicatorsFrom,
  noIndicators,
  trieOf,
} from './indicator-set.ts';
import { MAX_FILE_BYTES } from './list.ts';
import { loadList, messageOf, type ReadContent } from './load.ts';
import type { FeedSource } from './source.ts';

export type { FeedSource } from './source.ts';

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

const DEFAULT_CATEGORY = 'listed';
const DEFAULT_CONFIDENCE = 75;

/**
 * Reads all feeds. A feed that cannot be had or is refused as a whole gives its last good list, or nothing, and a line in `problems`:
 * this never throws for a feed. Throws a RangeError when `allow` or `internal` hold anything but addresses and CIDRs.
 */
export async function loadIndicators(options: IndicatorOptions): Promise<LoadedIndicators> {
  const { feeds, versions, offline = false } = options;
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
    const loaded = await loadList(feed, listReader(feed, check), { cache, versions, offline });
    problems.push(...loaded.problems.map((problem) => `feed ${feed.name}: ${problem}`));
    if (loaded.content === undefined) continue;
    set.add(feed, loaded.content);
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

/** Reads the lists of a feed. */
export function listReader(feed: FeedSource, check: CheckFeed): ReadContent<FeedEntries> {
  return (bytes, lastCount) => {
    const parsed = parseList(bytes, feed, check, lastCount);
    return typeof parsed === 'string' ? parsed : { content: parsed.entries, count: parsed.entries.count };
  };
}

function parseList(
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
        seen: from.seen[row]!,
      },
      source,
    );
}
