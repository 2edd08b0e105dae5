import { countBits } from './bits.ts';
import { Generations } from './generations.ts';
import { hashNumber } from './key-table.ts';
import { packSnapshot, unpackSnapshot } from './snapshot.ts';

const PROBES = 3;
const SEED = 0x51ed270b;
/** Share of bits that are set by a tenth as many keys as there are bits: 1 − e^(−3/10). */
const FULL = 0.26;

/**
 * Two generations of a Bloom filter over 32-bit hashes: {@link turn} drops the older one, so what was not added again is forgotten after
 * one to two turns. What it says depends on the set added, not on the order. Fixed memory: twice `bits` / 8 bytes.
 */
export class AgingFilter extends Generations<Uint32Array> {
  readonly bits: number;
  /** Keys that came when a generation had more than it is made for: from then on it says "maybe" of more and more that it never saw. */
  overflow = 0;
  /** Bits set in `now`. */
  #set = 0;

  /** `bits`: a power of two. With three probes, `bits` / 10 keys a generation give 2 % false "maybe" each. */
  constructor(bits: number) {
    super(new Uint32Array(bits / 32), new Uint32Array(bits / 32));
    this.bits = bits;
  }

  add(hash: number): void {
    const mask = this.bits - 1;
    const step = stepOf(hash);
    const bits = this.now;
    const before = this.#set;
    for (let i = 0, probe = hash; i < PROBES; i++, probe = (probe + step) | 0) {
      const bit = probe & mask;
      const word = bits[bit >>> 5]!;
      if ((word & (1 << (bit & 31))) !== 0) continue;
      bits[bit >>> 5] = word | (1 << (bit & 31));
      this.#set++;
    }
    if (this.#set > before && this.#set > this.bits * FULL) this.overflow++;
  }

  maybe(hash: number): boolean {
    const step = stepOf(hash);
    return this.#in(this.now, hash, step) || this.#in(this.before, hash, step);
  }

  override turn(): void {
    super.turn();
    this.#set = 0;
  }

  override snapshot(): Uint8Array {
    return packSnapshot({ now: this.now, before: this.before }, { overflow: this.overflow });
  }

  /** A filter of another size is of before this one: it is forgotten. */
  override restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    if (columns.get('now')!.length !== this.now.length) return;
    this.now.set(columns.get('now') as Uint32Array);
    this.before.set(columns.get('before') as Uint32Array);
    this.overflow = (meta as { overflow: number }).overflow;
    this.#set = 0;
    for (const word of this.now) this.#set += countBits(word);
  }

  #in(bits: Uint32Array, hash: number, step: number): boolean {
    const mask = this.bits - 1;
    for (let i = 0, probe = hash; i < PROBES; i++, probe = (probe + step) | 0) {
      const bit = probe & mask;
      if ((bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** Distance of the probes: odd, and of all bits of the hash, since those above the mask tell hashes apart that begin at one place. */
function stepOf(hash: number): number {
  return hashNumber(hash, SEED) | 1;
}
