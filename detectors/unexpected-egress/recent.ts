import { hashWords } from '../../src/columns/key-table.ts';

/** Small, so that it stays in the cache: it holds what is used over and over. */
const SLOTS = 1 << 13;
/** FNV-1a, 32 bits: a second hash that has nothing in common with the first. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Combinations that were found known today, so that the usual row costs one look. It only saves work: forgetting it changes nothing,
 * and a wrong hit would need two equal 64-bit hashes.
 */
export class Recent {
  /** Two hashes a slot. */
  readonly #slots = new Int32Array(SLOTS * 2);
  #at = 0;
  #first = 0;
  #second = 0;

  /** Whether the key of `count` words was put; sets the place for {@link put}. */
  has(key: Uint32Array, count: number): boolean {
    const first = hashWords(key, 0, count) | 0;
    let second = FNV_OFFSET | 0;
    for (let i = 0; i < count; i++) second = Math.imul(second ^ key[i]!, FNV_PRIME);
    const at = (first & (SLOTS - 1)) * 2;
    this.#first = first;
    this.#second = second;
    this.#at = at;
    return this.#slots[at] === first && this.#slots[at + 1] === second;
  }

  /** Puts the key last asked for. */
  put(): void {
    this.#slots[this.#at] = this.#first;
    this.#slots[this.#at + 1] = this.#second;
  }

  clear(): void {
    this.#slots.fill(0);
  }
}
