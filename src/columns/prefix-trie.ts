import { formatAddress, isIpv4, type Prefix, prefixMask } from './address.ts';
import { grown } from './key-table.ts';

/** What {@link PrefixTrie.match} gives for an address in no network. */
export const NO_MATCH = -1;

const NONE = 0xffff_ffff;
const DIGITS = 65_536;

/** Networks in columns, to build a {@link PrefixTrie} from: a million of them are 21 MB and no objects. */
export class PrefixList {
  count = 0;
  /** Four words a network, host bits zero. */
  words: Uint32Array = new Uint32Array(64 * 4);
  /** Over 128 bits: an IPv4 /8 is 104. */
  lengths: Uint8Array = new Uint8Array(64);
  values: Uint32Array = new Uint32Array(64);

  /** Adds a network; `value` below 2^32 - 1. Host bits in `prefix` are cleared. */
  add(prefix: Prefix, value: number): void {
    this.addWords(prefix.words, 0, prefix.length, value);
  }

  addWords(words: Uint32Array, offset: number, length: number, value: number): void {
    const at = this.count++;
    if (at === this.lengths.length) {
      this.words = grown(this.words, at * 8);
      this.lengths = grown(this.lengths, at * 2);
      this.values = grown(this.values, at * 2);
    }
    for (let word = 0; word < 4; word++)
      this.words[at * 4 + word] = words[offset + word]! & prefixMask(length, word);
    this.lengths[at] = length;
    this.values[at] = value;
  }

  /** Whether network `at` is one of IPv4 addresses. */
  isV4(at: number): boolean {
    return this.lengths[at]! >= 96 && isIpv4(this.words, at * 4);
  }

  /** Canonical text of network `at`. */
  text(at: number): string {
    return `${formatAddress(this.words, at * 4)}/${this.lengths[at]! - (this.isV4(at) ? 96 : 0)}`;
  }
}

/** All of a {@link PrefixTrie} as plain columns, which threads can hand to each other. */
export interface TrieColumns {
  readonly size: number;
  readonly v4Ranges: Uint32Array;
  readonly v4Index: FirstLevel;
  readonly v6Starts: Uint32Array;
  readonly v6Heads: Uint32Array;
  readonly v6Values: Uint32Array;
  readonly v6Index: FirstLevel;
}

/**
 * Longest-prefix match: the networks are flattened into disjoint sorted ranges, and an index over the part of the address space that has
 * any leaves one or two to compare, so that an address costs about two misses of the cache. Families are apart: `::/0` holds no IPv4
 * address. Of equal networks the last added counts.
 */
export class PrefixTrie {
  /** Networks it was built from. */
  readonly size: number;
  /** What it reads. */
  readonly columns: TrieColumns;
  /** Of each range its start and its value, side by side. */
  readonly #v4Ranges: Uint32Array;
  readonly #v4Index: FirstLevel;
  /** Four words a range. */
  readonly #v6Starts: Uint32Array;
  /** First word of each range: dense, so that most of a search stays in the cache. */
  readonly #v6Heads: Uint32Array;
  readonly #v6Values: Uint32Array;
  readonly #v6Index: FirstLevel;

  /** Builds it from networks, or takes over what another one was. */
  constructor(from: PrefixList | TrieColumns) {
    const columns = from instanceof PrefixList ? columnsOf(from) : from;
    this.columns = columns;
    this.size = columns.size;
    this.#v4Ranges = columns.v4Ranges;
    this.#v4Index = columns.v4Index;
    this.#v6Starts = columns.v6Starts;
    this.#v6Heads = columns.v6Heads;
    this.#v6Values = columns.v6Values;
    this.#v6Index = columns.v6Index;
  }

  /** Value of the longest network that holds the address at `offset`, {@link NO_MATCH} when none does. */
  match(words: Uint32Array, offset: number): number {
    if (!isIpv4(words, offset)) return this.#matchV6(words, offset);
    const address = words[offset + 3]!;
    const ranges = this.#v4Ranges;
    const { base, shift, digits, first } = this.#v4Index;
    const above = address - base;
    const digit = above <= 0 ? 0 : Math.min(above >>> shift, digits - 1);
    let low = first[digit]!;
    let high = first[digit + 1]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (ranges[middle * 2]! <= address) low = middle;
      else high = middle - 1;
    }
    const value = ranges[low * 2 + 1]!;
    return value === NONE ? NO_MATCH : value;
  }

  #matchV6(words: Uint32Array, offset: number): number {
    const head = words[offset]!;
    const { base, shift, digits, first } = this.#v6Index;
    const above = head - base;
    const digit = above <= 0 ? 0 : Math.min(above >>> shift, digits - 1);
    const starts = this.#v6Starts;
    const heads = this.#v6Heads;
    let low = first[digit]!;
    let high = first[digit + 1]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const start = heads[middle]!;
      if (start < head || (start === head && compareWords(starts, middle * 4, words, offset) <= 0))
        low = middle;
      else high = middle - 1;
    }
    const value = this.#v6Values[low]!;
    return value === NONE ? NO_MATCH : value;
  }
}

function columnsOf(list: PrefixList): TrieColumns {
  const v4 = flatten(list, sortedOrder(list, true), true);
  const v4Starts = everyFourth(v4.starts, 3);
  const v6 = flatten(list, sortedOrder(list, false), false);
  const v6Heads = everyFourth(v6.starts, 0);
  return {
    size: list.count,
    v4Ranges: sideBySide(v4Starts, v4.values),
    v4Index: firstLevel(v4.starts, 3, v4Starts),
    v6Starts: v6.starts,
    v6Heads,
    v6Values: v6.values,
    v6Index: firstLevel(v6.starts, 0, v6Heads),
  };
}

function everyFourth(words: Uint32Array, from: number): Uint32Array {
  const column = new Uint32Array(words.length / 4);
  for (let i = 0; i < column.length; i++) column[i] = words[i * 4 + from]!;
  return column;
}

function sideBySide(starts: Uint32Array, values: Uint32Array): Uint32Array {
  const pairs = new Uint32Array(starts.length * 2);
  for (let i = 0; i < starts.length; i++) {
    pairs[i * 2] = starts[i]!;
    pairs[i * 2 + 1] = values[i]!;
  }
  return pairs;
}

function compareWords(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = a[i + word]! - b[j + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Positions of one family's networks by address, then by length, then as added: a radix sort, since a million comparisons are slow. */
function sortedOrder(list: PrefixList, v4: boolean): Uint32Array {
  const { words, lengths } = list;
  let order = new Uint32Array(list.count);
  let count = 0;
  for (let at = 0; at < list.count; at++) if (list.isV4(at) === v4) order[count++] = at;
  order = order.slice(0, count);
  let next = new Uint32Array(count);
  const digits = new Uint16Array(count);
  const tally = new Uint32Array(DIGITS + 1);
  for (let pass = 0; pass < 9; pass++) {
    const word = 3 - ((pass - 1) >> 1);
    const shift = pass & 1 ? 0 : 16;
    tally.fill(0);
    for (let i = 0; i < count; i++) {
      const at = order[i]!;
      const digit = pass === 0 ? lengths[at]! : (words[at * 4 + word]! >>> shift) & 0xffff;
      digits[i] = digit;
      tally[digit + 1] = tally[digit + 1]! + 1;
    }
    // All alike, as the upper words of IPv4 addresses are: nothing to sort.
    if (count === 0 || tally[digits[0]! + 1] === count) continue;
    for (let digit = 0; digit < DIGITS; digit++) tally[digit + 1] = tally[digit + 1]! + tally[digit]!;
    for (let i = 0; i < count; i++) {
      const digit = digits[i]!;
      next[tally[digit]!] = order[i]!;
      tally[digit] = tally[digit]! + 1;
    }
    [order, next] = [next, order];
  }
  return order;
}

/** Disjoint ranges in order: range r holds [start r, start r + 1) and has value r. The first starts at the family's lowest address. */
interface Ranges {
  readonly starts: Uint32Array;
  readonly values: Uint32Array;
}

/** Nested networks become ranges: each begins with its own value and, where it ends, gives way to the one around it. */
function flatten(list: PrefixList, order: Uint32Array, v4: boolean): Ranges {
  const lowest = v4 ? Uint32Array.of(0, 0, 0xffff, 0) : new Uint32Array(4);
  // Each network begins a range and ends one, before the first there is one more.
  const starts = new Uint32Array((order.length * 2 + 1) * 4);
  const values = new Uint32Array(order.length * 2 + 1);
  let count = 0;
  const begin = (words: Uint32Array, offset: number, value: number): void => {
    if (count > 0 && compareWords(starts, (count - 1) * 4, words, offset) === 0) count--;
    if (count > 0 && values[count - 1] === value) return;
    for (let word = 0; word < 4; word++) starts[count * 4 + word] = words[offset + word]!;
    values[count++] = value;
  };
  // At most 129 networks hold each other, and as many are equal as the list repeats one: those replace each other.
  const ends = new Uint32Array(130 * 4);
  const open = new Uint32Array(130);
  const lengths = new Uint8Array(130);
  let depth = 0;
  const close = (): void => {
    depth--;
    if (increment(ends, depth * 4, v4 ? 3 : 0)) begin(ends, depth * 4, depth === 0 ? NONE : open[depth - 1]!);
  };
  begin(lowest, 0, NONE);
  for (const at of order) {
    while (depth > 0 && compareWords(ends, (depth - 1) * 4, list.words, at * 4) < 0) close();
    const length = list.lengths[at]!;
    if (depth > 0 && lengths[depth - 1] === length) depth--;
    for (let word = 0; word < 4; word++)
      ends[depth * 4 + word] = list.words[at * 4 + word]! | ~prefixMask(length, word);
    lengths[depth] = length;
    open[depth++] = list.values[at]!;
    begin(list.words, at * 4, list.values[at]!);
  }
  while (depth > 0) close();
  return { starts: starts.slice(0, count * 4), values: values.slice(0, count) };
}

/** Adds one to the address at `offset`, carrying up to word `top`; false when it was the highest. */
function increment(words: Uint32Array, offset: number, top: number): boolean {
  for (let word = 3; word >= top; word--) {
    words[offset + word] = words[offset + word]! + 1;
    if (words[offset + word] !== 0) return true;
  }
  return false;
}

/** An index over the first words in use: digit d stands for `base` + d × 2^`shift` in that word. */
interface FirstLevel {
  readonly base: number;
  readonly shift: number;
  readonly digits: number;
  /** For each digit the last range that starts at or before it; one more at the end. */
  readonly first: Uint32Array;
}

/** An index has about as many digits as there are ranges: few networks are to stay in the cache, and many are to leave no search. */
const DIGITS_AT_LEAST = 1 << 8;
const DIGITS_AT_MOST = 1 << 20;

/** The index over word `word` of the ranges, which `heads` has for each. */
function firstLevel(starts: Uint32Array, word: number, heads: Uint32Array): FirstLevel {
  const count = heads.length;
  const digits = Math.min(Math.max(2 ** Math.ceil(Math.log2(count + 1)), DIGITS_AT_LEAST), DIGITS_AT_MOST);
  const base = heads[1] ?? 0;
  const span = heads[count - 1]! - base;
  const shift = Math.max(0, 32 - Math.clz32(span) - Math.log2(digits));
  const first = new Uint32Array(digits + 1);
  let range = 0;
  // What lies below the base has digit 0 too: its search begins with the first range.
  for (let digit = 1; digit < digits; digit++) {
    const start = base + digit * 2 ** shift;
    while (range + 1 < count && startsBy(starts, range + 1, word, start)) range++;
    first[digit] = range;
  }
  first[digits] = count - 1;
  return { base, shift, digits, first };
}

/** Whether a range starts at or before the address whose word `word` is `first`, the lower ones being zero. */
function startsBy(starts: Uint32Array, range: number, word: number, first: number): boolean {
  const start = starts[range * 4 + word]!;
  if (start !== first) return start < first;
  for (let lower = word + 1; lower < 4; lower++) if (starts[range * 4 + lower] !== 0) return false;
  return true;
}
