import { type Column, packSnapshot, unpackSnapshot } from './snapshot.ts';

/** What {@link KeyTable.find} and {@link KeyTable.upsert} give when there is no row. */
export const NO_ROW = -1;

const FIRST_ROWS = 64;
const DEFAULT_SEED = 0x9747b28c;

/** A well-spread 32-bit hash of `count` words from `offset` on: MurmurHash3's mixing and finaliser. */
export function hashWords(words: Uint32Array, offset: number, count: number, seed = DEFAULT_SEED): number {
  let h = seed;
  for (let i = offset; i < offset + count; i++) {
    let k = Math.imul(words[i]!, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  return finish(h);
}

/** A well-spread 32-bit hash of one unsigned 32-bit number. */
export function hashNumber(value: number, seed = DEFAULT_SEED): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  return finish(seed ^ Math.imul(k, 0x1b873593));
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A copy of `column` with `length` elements, new ones 0. For columns kept beside a {@link KeyTable}, by its row numbers. */
export function grown<C extends Column>(column: C, length: number): C {
  const Kind = column.constructor as new (length: number) => C;
  const copy = new Kind(length);
  copy.set(column as never);
  return copy;
}

/**
 * Keys of a fixed number of 32-bit words ↔ row numbers, for state kept as columns: row r of the caller's columns belongs to key r.
 * Open addressing with linear probing; it grows by doubling up to `limit` live keys, past which new keys are refused and counted.
 * Rows of deleted keys are given out again, the last deleted first. Row numbers follow arrival: never let them decide an order that
 * anyone sees.
 */
export class KeyTable {
  readonly words: number;
  readonly limit: number;
  /** Upserts refused because `limit` keys were live. */
  overflow = 0;
  /** Whether the last {@link upsert} made its row. */
  added = false;
  /** Live keys. */
  size = 0;
  /** One past the highest row ever given out: rows in [0, rows) are live or free. */
  rows = 0;
  /** `words` words a row; valid until the next upsert. */
  keys: Uint32Array;
  #live: Uint8Array;
  #free: Uint32Array = new Uint32Array(16);
  #freeCount = 0;
  /** A pair a slot: hash, row + 1 (0 = empty). */
  #slots: Uint32Array;
  #mask: number;
  readonly #seed: number;

  /** `words`: words a key. `limit`: most live keys. `seed` changes probing only, nothing that can be seen. */
  constructor(words: number, limit: number, seed = DEFAULT_SEED) {
    this.words = words;
    this.limit = limit;
    this.#seed = seed;
    this.keys = new Uint32Array(FIRST_ROWS * words);
    this.#live = new Uint8Array(FIRST_ROWS);
    this.#slots = new Uint32Array(FIRST_ROWS * 4);
    this.#mask = FIRST_ROWS * 2 - 1;
  }

  /** Rows the columns have room for: what the caller's own columns should grow to (see {@link grown}). */
  get capacity(): number {
    return this.#live.length;
  }

  /** Bytes held. */
  get byteLength(): number {
    return this.keys.byteLength + this.#live.byteLength + this.#free.byteLength + this.#slots.byteLength;
  }

  has(row: number): boolean {
    return this.#live[row] === 1;
  }

  /** Row of the key at `offset`, {@link NO_ROW} when it is unknown. */
  find(key: Uint32Array, offset: number): number {
    const hash = hashWords(key, offset, this.words, this.#seed);
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot * 2 + 1]! - 1;
      if (row < 0) return NO_ROW;
      if (slots[slot * 2] === hash && this.#same(row, key, offset)) return row;
    }
  }

  /**
   * Row of the key at `offset`, made when it is unknown ({@link added} tells); {@link NO_ROW}, counted, when the table is full.
   * Columns beside the table must reach {@link capacity} before the row is used; what a deleted key left in them is still there.
   */
  upsert(key: Uint32Array, offset: number): number {
    const hash = hashWords(key, offset, this.words, this.#seed);
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = hash & mask;
    for (; ; slot = (slot + 1) & mask) {
      const row = slots[slot * 2 + 1]! - 1;
      if (row < 0) break;
      if (slots[slot * 2] === hash && this.#same(row, key, offset)) {
        this.added = false;
        return row;
      }
    }
    this.added = false;
    if (this.size >= this.limit) {
      this.overflow++;
      return NO_ROW;
    }
    return this.#add(key, offset, hash, slot);
  }

  /** Frees the row; its number will be given out again. */
  delete(row: number): void {
    if (this.#live[row] !== 1) return;
    const slots = this.#slots;
    const mask = this.#mask;
    const hash = hashWords(this.keys, row * this.words, this.words, this.#seed);
    let hole = hash & mask;
    while (slots[hole * 2 + 1] !== row + 1) hole = (hole + 1) & mask;
    // Backward shift: no tombstones, so a table that churns for months probes like a fresh one.
    for (let next = (hole + 1) & mask; slots[next * 2 + 1] !== 0; next = (next + 1) & mask) {
      const home = slots[next * 2]! & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots[hole * 2] = slots[next * 2]!;
        slots[hole * 2 + 1] = slots[next * 2 + 1]!;
        hole = next;
      }
    }
    slots[hole * 2 + 1] = 0;
    this.#live[row] = 0;
    if (this.#freeCount === this.#free.length) this.#free = grown(this.#free, this.#free.length * 2);
    this.#free[this.#freeCount++] = row;
    this.size--;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#live.fill(0, 0, this.rows);
    this.size = 0;
    this.rows = 0;
    this.#freeCount = 0;
  }

  /** Keys, their rows and the overflow count: a restored table gives the same rows for everything that follows. */
  snapshot(): Uint8Array {
    return packSnapshot(
      {
        keys: this.keys.subarray(0, this.rows * this.words),
        live: this.#live.subarray(0, this.rows),
        free: this.#free.subarray(0, this.#freeCount),
      },
      { words: this.words, overflow: this.overflow },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    const { words, overflow } = meta as { words: number; overflow: number };
    if (words !== this.words)
      throw new RangeError(`cannot restore key table: keys of ${words} words, not ${this.words}`);
    const keys = columns.get('keys') as Uint32Array;
    const live = columns.get('live') as Uint8Array;
    const free = columns.get('free') as Uint32Array;
    let capacity = FIRST_ROWS;
    while (capacity < live.length) capacity *= 2;
    this.keys = grown(keys, capacity * words);
    this.#live = grown(live, capacity);
    this.#free = grown(free, Math.max(16, free.length));
    this.#freeCount = free.length;
    this.rows = live.length;
    this.size = live.length - free.length;
    this.overflow = overflow;
    this.added = false;
    this.#rehash(capacity);
  }

  #same(row: number, key: Uint32Array, offset: number): boolean {
    const keys = this.keys;
    const words = this.words;
    const at = row * words;
    for (let i = 0; i < words; i++) if (keys[at + i] !== key[offset + i]) return false;
    return true;
  }

  #add(key: Uint32Array, offset: number, hash: number, slot: number): number {
    const row = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.rows++;
    if (row >= this.#live.length) {
      const capacity = this.#live.length * 2;
      this.keys = grown(this.keys, capacity * this.words);
      this.#live = grown(this.#live, capacity);
    }
    const at = row * this.words;
    for (let i = 0; i < this.words; i++) this.keys[at + i] = key[offset + i]!;
    this.#live[row] = 1;
    this.size++;
    this.added = true;
    if (this.#live.length * 2 > this.#mask + 1) {
      this.#rehash(this.#live.length);
    } else {
      this.#slots[slot * 2] = hash;
      this.#slots[slot * 2 + 1] = row + 1;
    }
    return row;
  }

  /** Twice as many slots as rows: at most half full, so a miss probes 2.5 slots on average (Knuth 6.4). */
  #rehash(capacity: number): void {
    const slots = new Uint32Array(capacity * 4);
    const mask = capacity * 2 - 1;
    this.#slots = slots;
    this.#mask = mask;
    for (let row = 0; row < this.rows; row++) {
      if (this.#live[row] !== 1) continue;
      const hash = hashWords(this.keys, row * this.words, this.words, this.#seed);
      let slot = hash & mask;
      while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
      slots[slot * 2] = hash;
      slots[slot * 2 + 1] = row + 1;
    }
  }
}

/** Whether two tables have the same keys, in whatever rows. */
export function hasSameKeys(a: KeyTable, b: KeyTable): boolean {
  if (a.size !== b.size) return false;
  for (let row = 0; row < a.rows; row++)
    if (a.has(row) && b.find(a.keys, row * a.words) === NO_ROW) return false;
  return true;
}
