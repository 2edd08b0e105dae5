import { hashWords } from '../../src/columns/key-table.ts';

const SLOTS = 1 << 15;
/** FNV-1a, 32 bits: a second hash that has nothing in common with the first. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Combinations that were found known today, so that the usual row costs one look. It only saves work: forgetting it changes nothing,
 * and a wrong hit would need two equal 64-bit hashes.
 */
export class Recent {
  /** Two hashes and the day, a slot. Allocated at first use. */
  #slots: Uint32Array = new Uint32Array(0);
  #at = 0;
  #first = 0;
  #second = 0;

  /** Whether the key of `count` words was put on `day`; sets the place for {@link put}. */
  has(key: Uint32Array, count: number, day: number): boolean {
    const first = hashWords(key, 0, count);
    let second = FNV_OFFSET;
    for (let i = 0; i < count; i++) second = Math.imul(second ^ key[i]!, FNV_PRIME);
    const at = (first & (SLOTS - 1)) * 3;
    this.#first = first;
    this.#second = second >>> 0;
    this.#at = at;
    const slots = this.#slots;
    return slots[at] === first && slots[at + 1] === second >>> 0 && slots[at + 2] === day;
  }

  /** Puts the key last asked for. */
  put(day: number): void {
    if (this.#slots.length === 0) this.#slots = new Uint32Array(SLOTS * 3);
    this.#slots[this.#at] = this.#first;
    this.#slots[this.#at + 1] = this.#second;
    this.#slots[this.#at + 2] = day;
  }

  clear(): void {
    this.#slots = new Uint32Array(0);
  }
}
