import { Blocks } from './blocks.ts';
import { grown } from './key-table.ts';
import { packParts, type SnapshotParts, unpackSnapshot } from './snapshot.ts';

/** Distinct values counted exactly; past it a counter becomes a sketch. */
export const EXACT_LIMIT = 16;
/** Registers of a sketch, a byte each: standard error 1.04 / √256 = 6.5 %. */
export const REGISTERS = 256;
const INDEX_BITS = 8;
const FEW = 4;
/** α∞ = 1 / (2 ln 2), the constant of Ertl's estimator. */
const ALPHA = 1 / (2 * Math.LN2);

/** Forms of a counter: none seen, up to 4 hashes, up to 16 hashes, HyperLogLog registers. */
const FORM = { empty: 0, few: 1, exact: 2, sketch: 3 } as const;

/**
 * Bounded distinct counts, one a row, made for columns beside a KeyTable. Values come as 32-bit hashes. Up to {@link EXACT_LIMIT} values
 * are kept as they are, then HyperLogLog registers take over, so a counter depends on the set of values alone and not on their order.
 * A row costs 9 bytes, then 16, 64 or 256. When `limit` sketches are in use, further counters stay at {@link EXACT_LIMIT}, counted in
 * {@link overflow}.
 */
export class DistinctCounts {
  readonly limit: number;
  /** Values that found no place because every sketch was taken. */
  overflow = 0;
  #form: Uint8Array = new Uint8Array(64);
  #used: Uint32Array = new Uint32Array(64);
  #block: Uint32Array = new Uint32Array(64);
  readonly #few = new Blocks(FEW);
  readonly #exact = new Blocks(EXACT_LIMIT);
  readonly #sketches = new Blocks(REGISTERS / 4);

  /** `limit`: most sketches, 256 bytes each. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes held. */
  get byteLength(): number {
    return this.#form.length * 9 + this.#few.byteLength + this.#exact.byteLength + this.#sketches.byteLength;
  }

  /** Whether every sketch is taken, so that further counters stay at {@link EXACT_LIMIT}. */
  isFull(most = this.limit): boolean {
    return this.#sketches.live >= most;
  }

  /**
   * Adds a value by its 32-bit hash (see `hashWords`); true when the counter's state changed. `most`: sketches that may be in use for this
   * counter to become one.
   */
  add(row: number, hash: number, most = this.limit): boolean {
    if (row >= this.#form.length) this.#grow(row);
    const form = this.#form[row]!;
    if (form === FORM.sketch) return this.#raise(this.#block[row]!, hash);
    const used = this.#used[row]!;
    if (form !== FORM.empty) {
      const blocks = form === FORM.few ? this.#few : this.#exact;
      const words = blocks.words;
      const at = this.#block[row]! * blocks.size;
      for (let i = at; i < at + used; i++) if (words[i] === hash) return false;
      if (used < blocks.size) {
        words[at + used] = hash;
        this.#used[row] = used + 1;
        return true;
      }
    }
    if (form === FORM.exact && this.isFull(most)) {
      this.overflow++;
      return false;
    }
    this.#promote(row, form);
    return this.add(row, hash, most);
  }

  /** Distinct values: exact to 16, then an estimate (± 6.5 % standard error, rounded). */
  count(row: number): number {
    const form = this.#form[row];
    if (form === undefined || form === FORM.empty) return 0;
    return form === FORM.sketch ? this.#estimate(this.#block[row]!) : this.#used[row]!;
  }

  /** Whether {@link count} is exact. */
  isExact(row: number): boolean {
    return this.#form[row] !== FORM.sketch;
  }

  /** Forgets the row's values and frees their memory. */
  clear(row: number): void {
    const form = this.#form[row];
    if (form === undefined || form === FORM.empty) return;
    this.#blocksOf(form).free(this.#block[row]!);
    this.#form[row] = FORM.empty;
    this.#used[row] = 0;
  }

  clearAll(): void {
    this.#form.fill(FORM.empty);
    this.#used.fill(0);
    this.#few.clear();
    this.#exact.clear();
    this.#sketches.clear();
  }

  /** Adds everything that `row` of `other` (which may be this) has seen to `into`. */
  merge(into: number, other: DistinctCounts, row: number): void {
    const form = other.#form[row];
    if (form === undefined || form === FORM.empty) return;
    if (form !== FORM.sketch) {
      const blocks = other.#blocksOf(form);
      const at = other.#block[row]! * blocks.size;
      const used = other.#used[row]!;
      for (let i = 0; i < used; i++) this.add(into, blocks.words[at + i]!);
      return;
    }
    if (into >= this.#form.length) this.#grow(into);
    while (this.#form[into] !== FORM.sketch) {
      if (this.#form[into] === FORM.exact && this.isFull()) {
        this.overflow++;
        return;
      }
      this.#promote(into, this.#form[into]!);
    }
    const target = this.#sketches.bytes;
    const source = other.#sketches.bytes;
    const to = this.#block[into]! * REGISTERS;
    const from = other.#block[row]! * REGISTERS;
    for (let i = 0; i < REGISTERS; i++) {
      if (source[from + i]! > target[to + i]!) target[to + i] = source[from + i]!;
    }
  }

  snapshot(): SnapshotParts {
    return packParts(
      {
        form: this.#form,
        used: this.#used,
        block: this.#block,
        few: this.#few.snapshot(),
        exact: this.#exact.snapshot(),
        sketches: this.#sketches.snapshot(),
      },
      { overflow: this.overflow },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.#form = columns.get('form') as Uint8Array;
    this.#used = columns.get('used') as Uint32Array;
    this.#block = columns.get('block') as Uint32Array;
    this.#few.restore(columns.get('few') as Uint8Array);
    this.#exact.restore(columns.get('exact') as Uint8Array);
    this.#sketches.restore(columns.get('sketches') as Uint8Array);
    this.overflow = (meta as { overflow: number }).overflow;
  }

  #blocksOf(form: number): Blocks {
    if (form === FORM.few) return this.#few;
    return form === FORM.exact ? this.#exact : this.#sketches;
  }

  #grow(row: number): void {
    let length = this.#form.length;
    while (length <= row) length *= 2;
    this.#form = grown(this.#form, length);
    this.#used = grown(this.#used, length);
    this.#block = grown(this.#block, length);
  }

  /** Moves a counter to the next larger form, keeping what it has seen. */
  #promote(row: number, form: number): void {
    const next = form + 1;
    const to = this.#blocksOf(next);
    const block = to.take();
    if (form !== FORM.empty) {
      const from = this.#blocksOf(form);
      const old = this.#block[row]!;
      const used = this.#used[row]!;
      for (let i = 0; i < used; i++) {
        const hash = from.words[old * from.size + i]!;
        if (next === FORM.sketch) this.#raise(block, hash);
        else to.words[block * to.size + i] = hash;
      }
      from.free(old);
    }
    this.#form[row] = next;
    this.#block[row] = block;
  }

  #raise(block: number, hash: number): boolean {
    const registers = this.#sketches.bytes;
    const at = block * REGISTERS + (hash >>> (32 - INDEX_BITS));
    // Leading zeros of the other 24 bits, plus one; the guard bit stops at 25.
    const rank = Math.clz32((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))) + 1;
    if (registers[at]! >= rank) return false;
    registers[at] = rank;
    return true;
  }

  #estimate(block: number): number {
    const registers = this.#sketches.bytes;
    histogram.fill(0);
    const at = block * REGISTERS;
    for (let i = at; i < at + REGISTERS; i++) {
      const rank = registers[i]!;
      histogram[rank] = histogram[rank]! + 1;
    }
    return estimate(histogram);
  }
}

const HIGHEST_RANK = 32 - INDEX_BITS + 1;
const histogram = new Uint32Array(HIGHEST_RANK + 1);

/** Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6: unbiased over the whole range. */
function estimate(ranks: Uint32Array): number {
  const m = REGISTERS;
  const q = HIGHEST_RANK - 1;
  let z = m * tau(1 - ranks[q + 1]! / m);
  for (let k = q; k >= 1; k--) z = (z + ranks[k]!) / 2;
  z += m * sigma(ranks[0]! / m);
  return Math.round((ALPHA * m * m) / z);
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let x = share;
  let y = 1;
  let z = x;
  for (;;) {
    x *= x;
    const before = z;
    z += x * y;
    y += y;
    if (z === before) return z;
  }
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - x;
  for (;;) {
    x = Math.sqrt(x);
    const before = z;
    y /= 2;
    z -= (1 - x) * (1 - x) * y;
    if (z === before) return z / 3;
  }
}
