import type { Dictionary } from '../columns/dictionary.ts';

const SLOTS = 4096;
const WIDTH = 32;

/**
 * A direct-mapped cache in front of a dictionary. Interface and account ids repeat all the time: comparing 20 bytes with the last text
 * of the same slot is several times cheaper than hashing them.
 */
export class TextCodes {
  readonly names: Dictionary;
  readonly #bytes = new Uint8Array(SLOTS * WIDTH);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #codes = new Uint32Array(SLOTS);

  constructor(names: Dictionary) {
    this.names = names;
  }

  /** The code of the text in `bytes[from, to)`, which is valid UTF-8 and not empty. */
  code(bytes: Uint8Array, from: number, to: number): number {
    const known = this.peek(bytes, from, to);
    return known >= 0 ? known : this.add(bytes, from, to);
  }

  /** The code if the cache has it, else -1. */
  peek(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length > WIDTH || length < 3) return -1;
    const slot = slotOf(bytes, to);
    if (this.#lengths[slot] !== length) return -1;
    const known = this.#bytes;
    let at = slot * WIDTH;
    for (let i = from; i < to; i++, at++) if (known[at] !== bytes[i]) return -1;
    return this.#codes[slot]!;
  }

  /** As {@link code}, past the cache. */
  add(bytes: Uint8Array, from: number, to: number): number {
    const code = this.names.codeOfBytes(bytes, from, to);
    const length = to - from;
    if (length > WIDTH || length < 3) return code;
    const slot = slotOf(bytes, to);
    this.#lengths[slot] = length;
    this.#codes[slot] = code;
    let at = slot * WIDTH;
    for (let i = from; i < to; i++, at++) this.#bytes[at] = bytes[i]!;
    return code;
  }
}

function slotOf(bytes: Uint8Array, to: number): number {
  // Ids end in hexadecimal digits: their low five bits differ.
  return (bytes[to - 1]! ^ (bytes[to - 2]! << 4) ^ (bytes[to - 3]! << 8)) & (SLOTS - 1);
}
