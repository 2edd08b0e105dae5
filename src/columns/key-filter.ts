import { packSnapshot, unpackSnapshot } from './snapshot.ts';

const FIRST_BITS = 1 << 10;

/**
 * A filter over 32-bit hashes that says "surely not" or "maybe": one bit a hash, for keys that are mostly absent from a table whose
 * lookup costs more. It grows when rebuilt (see {@link rebuild}) and never forgets otherwise.
 */
export class KeyFilter {
  #bits: Uint32Array = new Uint32Array(FIRST_BITS / 32);
  #mask = FIRST_BITS - 1;

  add(hash: number): void {
    const at = (hash & this.#mask) >>> 5;
    this.#bits[at] = this.#bits[at]! | (1 << (hash & 31));
  }

  maybe(hash: number): boolean {
    return (this.#bits[(hash & this.#mask) >>> 5]! & (1 << (hash & 31))) !== 0;
  }

  /** Empties the filter and makes it fit for `count` keys: at least 16 bits each. */
  rebuild(count: number): void {
    let bits = FIRST_BITS;
    while (bits < count * 16) bits *= 2;
    if (bits === this.#mask + 1) this.#bits.fill(0);
    else this.#bits = new Uint32Array(bits / 32);
    this.#mask = bits - 1;
  }
}

/**
 * Two generations of a Bloom filter over pairs of 32-bit hashes: {@link turn} drops the older one, so what was not added again is
 * forgotten after one to two turns. What it says depends on the set added, not on the order. Fixed memory: twice `bits` / 8 bytes.
 */
export class AgingFilter {
  readonly bits: number;
  #now: Uint32Array;
  #before: Uint32Array;

  /** `bits`: a power of two. With three probes, `bits` / 10 keys a generation give 2 % false "maybe". */
  constructor(bits: number) {
    this.bits = bits;
    this.#now = new Uint32Array(bits / 32);
    this.#before = new Uint32Array(bits / 32);
  }

  add(first: number, second: number): void {
    const mask = this.bits - 1;
    const bits = this.#now;
    for (let i = 0, hash = first; i < 3; i++, hash = (hash + second) | 0) {
      const bit = hash & mask;
      bits[bit >>> 5] = bits[bit >>> 5]! | (1 << (bit & 31));
    }
  }

  maybe(first: number, second: number): boolean {
    return this.#in(this.#now, first, second) || this.#in(this.#before, first, second);
  }

  turn(): void {
    const oldest = this.#before;
    this.#before = this.#now;
    this.#now = oldest;
    oldest.fill(0);
  }

  snapshot(): Uint8Array {
    return packSnapshot({ now: this.#now, before: this.#before }, null);
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.#now.set(columns.get('now') as Uint32Array);
    this.#before.set(columns.get('before') as Uint32Array);
  }

  #in(bits: Uint32Array, first: number, second: number): boolean {
    const mask = this.bits - 1;
    for (let i = 0, hash = first; i < 3; i++, hash = (hash + second) | 0) {
      const bit = hash & mask;
      if ((bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}
