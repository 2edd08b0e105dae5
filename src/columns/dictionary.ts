/** Code of "no value"; its text is the empty string. */
export const NO_CODE = 0;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Texts ↔ codes, codes counted up from 1 in order of first sight. Bounded: past `limit` texts every new one gets the code of
 * {@link OVERFLOW_TEXT} and is counted, so that memory cannot grow with hostile input.
 */
export const OVERFLOW_TEXT = '<overflow>';

export class Dictionary {
  readonly limit: number;
  /** Texts that found no place. */
  overflow = 0;
  #texts: string[] = [''];
  /** Hash of each text's UTF-8 bytes: an order that does not depend on which text came first. */
  #hashes: Uint32Array = new Uint32Array(1024);
  #slots: Int32Array = new Int32Array(2048).fill(-1);
  #overflowCode = NO_CODE;

  constructor(limit = 1 << 22) {
    this.limit = limit;
  }

  /** Number of codes given, {@link NO_CODE} included. */
  get size(): number {
    return this.#texts.length;
  }

  text(code: number): string {
    return this.#texts[code] ?? '';
  }

  /** A hash that depends on the text alone, never on the order in which texts came. */
  hash(code: number): number {
    return this.#hashes[code] ?? 0;
  }

  /** An order of texts that does not depend on which came first. */
  precedes(a: number, b: number): boolean {
    const hashA = this.hash(a);
    const hashB = this.hash(b);
    return hashA !== hashB ? hashA < hashB : this.text(a) < this.text(b);
  }

  /** Of two codes the one whose text precedes, or the one that has a text: the same whichever came first. */
  firstOf(a: number, b: number): number {
    if (a === b || b === NO_CODE) return a;
    return a === NO_CODE || this.precedes(b, a) ? b : a;
  }

  /** The texts of all codes from `code` on, to send to a copy of this dictionary elsewhere. */
  since(code: number): string[] {
    return this.#texts.slice(code);
  }

  /** The code of the UTF-8 text in `bytes[from, to)`; equal bytes get equal codes without making a string. */
  codeOfBytes(bytes: Uint8Array, from: number, to: number): number {
    let hash = FNV_OFFSET;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME);
    hash = finish(hash);
    const slots = this.#slots;
    const mask = slots.length - 1;
    const length = to - from;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const code = slots[slot]!;
      if (code < 0) break;
      if (this.#hashes[code] === hash && sameBytes(this.#encoded(code), bytes, from, length)) return code;
    }
    return this.#add(Buffer.from(bytes.buffer, bytes.byteOffset + from, length).toString('utf8'), hash);
  }

  code(text: string): number {
    if (text === '') return NO_CODE;
    const bytes = Buffer.from(text, 'utf8');
    return this.codeOfBytes(bytes, 0, bytes.length);
  }

  #utf8: (Uint8Array | undefined)[] = [undefined];

  #encoded(code: number): Uint8Array {
    return this.#utf8[code]!;
  }

  #add(text: string, hash: number): number {
    if (this.#texts.length > this.limit && text !== OVERFLOW_TEXT) {
      this.overflow++;
      if (this.#overflowCode === NO_CODE) this.#overflowCode = this.code(OVERFLOW_TEXT);
      return this.#overflowCode;
    }
    const code = this.#texts.length;
    this.#texts.push(text);
    this.#utf8.push(Buffer.from(text, 'utf8'));
    if (code >= this.#hashes.length) {
      const hashes = new Uint32Array(this.#hashes.length * 2);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    this.#hashes[code] = hash;
    if (code * 2 >= this.#slots.length) this.#rehash();
    else this.#place(code);
    return code;
  }

  #place(code: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[code]! & mask;
    while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
    this.#slots[slot] = code;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let code = 1; code < this.#texts.length; code++) this.#place(code);
  }
}

/** MurmurHash3's 32-bit finaliser: FNV-1a alone leaves the low bits of ENI ids poorly spread. */
function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[from + i]) return false;
  return true;
}
