import { formatPrefix, type Prefix, parsePrefix } from '../../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie, type TrieColumns } from '../../columns/prefix-trie.ts';
import type { Indicator, Indicators } from '../../contracts.ts';
import { NEVER_LISTED } from './check.ts';
import { FeedEntries } from './entries.ts';

/** All that is listed, as plain columns, which a thread can make and another one use. */
export interface IndicatorColumns {
  readonly count: number;
  /** Five words a network: address, and length over 128 bits. */
  readonly keys: Uint32Array;
  readonly confidence: Uint8Array;
  readonly expires: Uint32Array;
  readonly seen: Uint32Array;
  readonly category: Uint32Array;
  readonly categories: readonly string[];
  /** Position in `feeds`. */
  readonly source: Uint32Array;
  readonly feeds: readonly string[];
  readonly listed: TrieColumns;
  /** What never matches, whoever lists it. */
  readonly allow: TrieColumns;
  readonly never: TrieColumns;
}

/** No feed: nothing ever matches. */
export const noIndicators: Indicators = { size: 0, categories: [], match: () => undefined };

/** The columns of what `feeds` list; `never`: addresses that no feed can list. */
export function indicatorColumns(
  entries: FeedEntries,
  feeds: readonly string[],
  allow: PrefixTrie,
  never: readonly string[] = NEVER_LISTED,
): IndicatorColumns {
  const { count } = entries;
  const keys = entries.keys.keys.slice(0, count * 5);
  const list = new PrefixList();
  for (let row = 0; row < count; row++) list.addWords(keys, row * 5, keys[row * 5 + 4]!, row);
  return {
    count,
    keys,
    confidence: entries.confidence.slice(0, count),
    expires: entries.expires.slice(0, count),
    seen: entries.seen.slice(0, count),
    category: entries.category.slice(0, count),
    categories: entries.categories,
    source: entries.source.slice(0, count),
    feeds,
    listed: new PrefixTrie(list).columns,
    allow: allow.columns,
    never: trieOf(never).columns,
  };
}

/** What the columns list; with `only`, the rows that are not 0 there. */
export function indicatorsFrom(columns: IndicatorColumns, only?: Uint8Array): Indicators {
  const trie = new PrefixTrie(columns.listed);
  const allow = new PrefixTrie(columns.allow);
  const never = new PrefixTrie(columns.never);
  return {
    size: columns.count,
    categories: columns.categories,
    match(words, offset) {
      const row = trie.match(words, offset);
      if (row === NO_MATCH || only?.[row] === 0) return undefined;
      // First in meaning; asked last because almost no address is listed at all.
      if (allow.match(words, offset) !== NO_MATCH || never.match(words, offset) !== NO_MATCH)
        return undefined;
      return new Listed(columns, row);
    },
  };
}

/** Networks that somebody asks about, as if `feed` listed them and nothing else held. */
export function indicatorsOf(networks: readonly Prefix[], feed: string): Indicators {
  const entries = new FeedEntries();
  const facts = { category: feed, confidence: 100, expires: 0, seen: 0 };
  for (const { words, length } of networks) entries.add(words, 0, length, facts);
  return indicatorsFrom(indicatorColumns(entries, [feed], trieOf([]), []));
}

/** What is listed at the moment: whoever holds it sees the next set as soon as it is in use. */
export interface CurrentIndicators extends Indicators {
  use(next: Indicators): void;
}

export function createCurrentIndicators(first: Indicators): CurrentIndicators {
  let current = first;
  return {
    get size() {
      return current.size;
    },
    get categories() {
      return current.categories;
    },
    match: (words, offset) => current.match(words, offset),
    use(next) {
      current = next;
    },
  };
}

/** A row of the set, whose columns are read when they are asked for: of most that match, nobody asks for the text. */
class Listed implements Indicator {
  readonly #columns: IndicatorColumns;
  readonly #row: number;

  constructor(columns: IndicatorColumns, row: number) {
    this.#columns = columns;
    this.#row = row;
  }

  get feed(): string {
    return this.#columns.feeds[this.#columns.source[this.#row]!]!;
  }

  get category(): string {
    return this.#columns.categories[this.#columns.category[this.#row]!]!;
  }

  get confidence(): number {
    return this.#columns.confidence[this.#row]!;
  }

  get network(): string {
    const { keys } = this.#columns;
    const at = this.#row * 5;
    return formatPrefix({ words: keys.slice(at, at + 4), length: keys[at + 4]! });
  }

  get expires(): number {
    return this.#columns.expires[this.#row]!;
  }

  get seen(): number {
    return this.#columns.seen[this.#row]!;
  }
}

/** Throws a RangeError at what is no address or CIDR. */
export function trieOf(networks: readonly string[]): PrefixTrie {
  const list = new PrefixList();
  for (const text of networks) {
    const prefix: Prefix | undefined = parsePrefix(text);
    if (prefix === undefined) throw new RangeError(`cannot use network: not an address or CIDR: ${text}`);
    list.add(prefix, 0);
  }
  return new PrefixTrie(list);
}
