import type { Dictionary } from '../columns/dictionary.ts';

const SLOTS = 4096;
const WIDTH = 32;

/**
 * A direct-mapped cache in front of a dictionary. Interface and account ids repeat all the time: comparing 20 bytes with the last text
 * of the same slot, a word at a time, is several times cheaper than hashing them.
 */
export class TextCodes {
  readonly names: Dictionary;
  /** Code of the text that {@link endOf} read. */
  found = 0;
  /** Guesses for {@link endOf}: lengths of the last account and interface id. */
  accountLength = 12;
  interfaceLength = 21;
  readonly #bytes = new Uint8Array(SLOTS * WIDTH);
  readonly #words = new DataView(this.#bytes.buffer);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #codes = new Uint32Array(SLOTS);

  constructor(names: Dictionary) {
    this.names = names;
  }

  /** The code of the text in `bytes[from, to)`, which is valid UTF-8 and not empty. */
  code(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length > WIDTH || length < 3) return this.names.codeOfBytes(bytes, from, to);
    const slot = slotOf(bytes, from, to);
    if (this.#lengths[slot] === length) {
      const known = this.#bytes;
      let at = slot * WIDTH;
      let i = from;
      while (i < to && known[at] === bytes[i]) {
        i++;
        at++;
      }
      if (i === to) return this.#codes[slot]!;
    }
    const code = this.names.codeOfBytes(bytes, from, to);
    // `endOf` relies on there being no blank in what is kept here; values of JSON may have one.
    for (let i = from; i < to; i++) if (bytes[i]! <= 32) return code;
    this.#lengths[slot] = length;
    this.#codes[slot] = code;
    this.#bytes.set(bytes.subarray(from, to), slot * WIDTH);
    return code;
  }

  /**
   * The end of the value at `from`, whose code is then in {@link found}; -1 when it needs care: not ASCII, empty, `-`, or not followed by
   * `stop`, a blank or newline. `length` is a guess that makes it fast. `bytes[to - 1]` is a newline.
   */
  endOf(bytes: Uint8Array, view: DataView, from: number, to: number, length: number, stop: number): number {
    let end = from + length;
    if (length >= 4 && length <= WIDTH && end < to && bytes[end] === stop) {
      const slot = slotOf(bytes, from, end);
      if (this.#lengths[slot] === length) {
        // What matches holds no blank, so this is where the value ends.
        const words = this.#words;
        const last = end - 4;
        let at = slot * WIDTH;
        let i = from;
        while (i < last && words.getInt32(at) === view.getInt32(i)) {
          i += 4;
          at += 4;
        }
        if (i >= last && words.getInt32(at - i + last) === view.getInt32(last)) {
          this.found = this.#codes[slot]!;
          return end;
        }
      }
    }
    end = from;
    let c = bytes[end]!;
    while (c > 32 && c < 127) c = bytes[++end]!;
    if (c !== stop || end === from || (end === from + 1 && bytes[from] === 45)) return -1;
    this.found = this.code(bytes, from, end);
    return end;
  }
}

function slotOf(bytes: Uint8Array, from: number, to: number): number {
  // Ids end in hexadecimal digits, whose low five bits differ; a VPC and its subnet may end alike, but their first letters differ.
  return (bytes[to - 1]! ^ (bytes[to - 2]! << 4) ^ (bytes[to - 3]! << 8) ^ (bytes[from]! << 3)) & (SLOTS - 1);
}
