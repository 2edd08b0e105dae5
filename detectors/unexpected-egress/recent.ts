import { hashWords } from '../../src/columns/key-table.ts';

const SLOTS = 1 << 15;
const SEED = 0x7c3a9d15;

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
    this.#first = hashWords(key, 0, count);
    this.#second = hashWords(key, 0, count, SEED);
    this.#at = (this.#first & (SLOTS - 1)) * 3;
    const slots = this.#slots;
    return (
      slots[this.#at] === this.#first && slots[this.#at + 1] === this.#second && slots[this.#at + 2] === day
    );
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
