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
