import { readFile, stat } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { formatPrefix, type Prefix, parsePrefix } from '../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../columns/prefix-trie.ts';
import type { Indicator, Indicators } from '../contracts.ts';
import { UserError } from '../errors.ts';
import { type CachedFeed, createFeedCache, type FeedCache } from './feed-cache.ts';
import { type CheckFeed, createFeedCheck, NEVER_LISTED, refusePage } from './feed-check.ts';
import { FeedEntries } from './feed-entries.ts';
import { type ParsedFeed, parseFeed } from './feed-formats.ts';
import { fetchFeed } from './fetch-feed.ts';

/** Where a list of bad addresses comes from: exactly one of `file` and `url`. */
export interface FeedSource {
  readonly name: string;
  readonly file?: string | undefined;
  /** HTTPS. */
  readonly url?: string | undefined;
  /** File with the PEM of a private certificate authority, for `url`. */
  readonly ca?: string | undefined;
  /** For records that name none; default `listed`. */
  readonly category?: string | undefined;
  /** 0 to 100, for records that name none; default 75. */
  readonly confidence?: number | undefined;
}

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
}

const DEFAULT_CATEGORY = 'listed';
const DEFAULT_CONFIDENCE = 75;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** No feed: nothing ever matches. */
export const noIndicators: Indicators = { size: 0, categories: [], match: () => undefined };

/**
 * Reads all feeds. A feed that cannot be had or is refused as a whole gives its last good list, or nothing, and a line in `problems`:
 * this never throws for a feed. Throws a RangeError when `allow` or `internal` hold anything but addresses and CIDRs.
 */
export async function loadIndicators(
  options: IndicatorOptions,
): Promise<{ indicators: Indicators; problems: string[] }> {
  const allow = trieOf(options.allow);
  trieOf(options.internal);
  if (options.feeds.length === 0) return { indicators: noIndicators, problems: [] };
  const check = createFeedCheck(options.internal);
  const cache = options.cacheDir === undefined ? undefined : createFeedCache(options.cacheDir);
  let merged = new FeedEntries();
  const problems: string[] = [];
  // One after the other: a set of a million networks is large while it is read.
  for (const [source, feed] of options.feeds.entries()) {
    const loaded = await loadFeed(feed, check, cache, options.offline === true);
    problems.push(...loaded.problems.map((problem) => `feed ${feed.name}: ${problem}`));
    if (loaded.parsed === undefined) continue;
    if (options.feeds.length === 1) merged = loaded.parsed.entries;
    else merge(merged, loaded.parsed.entries, source);
  }
  if (merged.overflow > 0) problems.push(`feeds: ${merged.overflow} networks found no place`);
  return { indicators: createIndicators(merged, options.feeds, allow), problems };
}

interface Loaded {
  readonly parsed: ParsedFeed | undefined;
  readonly problems: readonly string[];
}

async function loadFeed(
  feed: FeedSource,
  check: CheckFeed,
  cache: FeedCache | undefined,
  offline: boolean,
): Promise<Loaded> {
  const cached = await cache?.read(feed.name);
  let problem: string;
  try {
    const bytes = offline && feed.url !== undefined ? keptOf(cached) : await bytesOf(feed);
    const result = parseBytes(bytes, feed, check, cached?.count ?? 0);
    if (typeof result !== 'string') {
      const problems: string[] = [];
      if (cache !== undefined && !offline && cached?.bytes.equals(bytes) !== true)
        await cache
          .write(feed.name, { bytes, count: result.entries.count })
          .catch((error: unknown) => problems.push(`cannot keep it: ${messageOf(error)}`));
      return { parsed: result, problems };
    }
    problem = `refused: ${result}`;
  } catch (error) {
    problem = messageOf(error);
  }
  if (cached === undefined || cache === undefined)
    return { parsed: undefined, problems: [`${problem}; there is no earlier list, so it is left out`] };
  const last = parseBytes(cached.bytes, feed, check, 0);
  if (typeof last === 'string')
    return { parsed: undefined, problems: [`${problem}; the earlier list is refused too: ${last}`] };
  return {
    parsed: last,
    problems: [
      `${problem}; the earlier list of ${last.entries.count} networks stays (delete ${cache.path(feed.name)} to forget it)`,
    ],
  };
}

async function bytesOf(feed: FeedSource): Promise<Buffer> {
  if (feed.url !== undefined) return fetchFeed(feed.url, { ca: feed.ca });
  if (feed.file === undefined) throw new UserError('it has neither file nor url');
  const { size } = await stat(feed.file);
  if (size > MAX_FILE_BYTES) throw new UserError(`${feed.file} is larger than ${MAX_FILE_BYTES} bytes`);
  return readFile(feed.file);
}

function keptOf(cached: CachedFeed | undefined): Buffer {
  if (cached === undefined) throw new UserError('no list of it was kept yet');
  return cached.bytes;
}

/** The set, or why it is refused as a whole. */
function parseBytes(
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

/** Networks that somebody asks about, as if `feed` listed them and nothing else held. */
export function indicatorsOf(networks: readonly Prefix[], feed: string): Indicators {
  const entries = new FeedEntries();
  const facts = { category: feed, confidence: 100, expires: 0 };
  for (const { words, length } of networks) entries.add(words, 0, length, facts);
  return createIndicators(entries, [{ name: feed }], trieOf([]), trieOf([]));
}

function createIndicators(
  entries: FeedEntries,
  feeds: readonly FeedSource[],
  allow: PrefixTrie,
  never = trieOf(NEVER_LISTED),
): Indicators {
  const list = new PrefixList();
  const { keys } = entries.keys;
  for (let row = 0; row < entries.count; row++) list.addWords(keys, row * 5, keys[row * 5 + 4]!, row);
  const trie = new PrefixTrie(list);
  const feedNames = feeds.map((feed) => feed.name);
  return {
    size: entries.count,
    categories: entries.categories,
    match(words, offset) {
      const row = trie.match(words, offset);
      if (row === NO_MATCH) return undefined;
      // First in meaning; asked last because almost no address is listed at all.
      if (allow.match(words, offset) !== NO_MATCH || never.match(words, offset) !== NO_MATCH)
        return undefined;
      return new Listed(entries, feedNames, row);
    },
  };
}

/** A row of the set, whose columns are read when they are asked for: of most that match, nobody asks for the text. */
class Listed implements Indicator {
  readonly #entries: FeedEntries;
  readonly #feedNames: readonly string[];
  readonly #row: number;

  constructor(entries: FeedEntries, feedNames: readonly string[], row: number) {
    this.#entries = entries;
    this.#feedNames = feedNames;
    this.#row = row;
  }

  get feed(): string {
    return this.#feedNames[this.#entries.source[this.#row]!]!;
  }

  get category(): string {
    return this.#entries.categoryText(this.#row);
  }

  get confidence(): number {
    return this.#entries.confidence[this.#row]!;
  }

  get network(): string {
    const { keys } = this.#entries.keys;
    const at = this.#row * 5;
    return formatPrefix({ words: keys.slice(at, at + 4), length: keys[at + 4]! });
  }

  get expires(): number {
    return this.#entries.expires[this.#row]!;
  }
}

function trieOf(networks: readonly string[]): PrefixTrie {
  const list = new PrefixList();
  for (const text of networks) {
    const prefix: Prefix | undefined = parsePrefix(text);
    if (prefix === undefined) throw new RangeError(`cannot use network: not an address or CIDR: ${text}`);
    list.add(prefix, 0);
  }
  return new PrefixTrie(list);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
