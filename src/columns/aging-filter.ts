import { Generations } from './generations.ts';

/**
 * Two generations of a Bloom filter over pairs of 32-bit hashes: {@link turn} drops the older one, so what was not added again is
 * forgotten after one to two turns. What it says depends on the set added, not on the order. Fixed memory: twice `bits` / 8 bytes.
 */
export class AgingFilter extends Generations<Uint32Array> {
  readonly bits: number;

  /** `bits`: a power of two. With three probes, `bits` / 10 keys a generation give 2 % false "maybe". */
  constructor(bits: number) {
    super(new Uint32Array(bits / 32), new Uint32Array(bits / 32));
    this.bits = bits;
  }

  add(first: number, second: number): void {
    const mask = this.bits - 1;
    const bits = this.now;
    for (let i = 0, hash = first; i < 3; i++, hash = (hash + second) | 0) {
      const bit = hash & mask;
      bits[bit >>> 5] = bits[bit >>> 5]! | (1 << (bit & 31));
    }
  }

  maybe(first: number, second: number): boolean {
    return this.#in(this.now, first, second) || this.#in(this.before, first, second);
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
