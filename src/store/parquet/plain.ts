/** Values in Parquet's PLAIN encoding, and the least and the greatest of them in the same encoding. */
export interface PlainValues {
  readonly bytes: Uint8Array;
  readonly least: Uint8Array | undefined;
  readonly greatest: Uint8Array | undefined;
}

/** Texts longer than this have no statistics. */
const MAX_STATISTIC = 64;
/** As have columns of more texts than this. */
const MAX_COMPARED = 1024;

/** Words as 32-bit integers; `out` has room for them. */
export function plainInt32(words: Uint32Array, count: number, out: Uint8Array): PlainValues {
  const target = new Uint32Array(out.buffer, 0, count);
  let least = 0xffff_ffff;
  let greatest = 0;
  for (let i = 0; i < count; i++) {
    const value = words[i]!;
    target[i] = value;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return values(out.subarray(0, count * 4), 4, Uint32Array.of(least), Uint32Array.of(greatest));
}

/** Numbers from 0 to 2^53, each times `factor`, as 64-bit integers. */
export function plainInt64(
  numbers: Uint32Array | Float64Array,
  count: number,
  factor: number,
  out: Uint8Array,
): PlainValues {
  const target = new Uint32Array(out.buffer, 0, count * 2);
  let least = Number.POSITIVE_INFINITY;
  let greatest = 0;
  for (let i = 0; i < count; i++) {
    const value = numbers[i]! * factor;
    target[i * 2] = value;
    target[i * 2 + 1] = value / 2 ** 32;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const halves = (value: number): Uint32Array => Uint32Array.of(value, value / 2 ** 32);
  return values(out.subarray(0, count * 8), 8, halves(least), halves(greatest));
}

/** Addresses of four words, most significant byte first. */
export function plainAddresses(words: Uint32Array, count: number, out: Uint8Array): PlainValues {
  const target = new Uint32Array(out.buffer, 0, count * 4);
  let least = 0;
  let greatest = 0;
  for (let i = 0; i < count * 4; i += 4) {
    for (let word = i; word < i + 4; word++) target[word] = bigEndian(words[word]!);
    if (precedes(words, i, least)) least = i;
    if (precedes(words, greatest, i)) greatest = i;
  }
  const at = (word: number): Uint8Array => out.slice(word * 4, word * 4 + 16);
  const bytes = out.subarray(0, count * 16);
  return count === 0
    ? { bytes, least: undefined, greatest: undefined }
    : { bytes, least: at(least), greatest: at(greatest) };
}

/** Texts, each with its length before it. */
export function plainTexts(texts: readonly string[]): PlainValues {
  const encoded = texts.map((text) => Buffer.from(text, 'utf8'));
  const bytes = Buffer.alloc(encoded.reduce((sum, text) => sum + 4 + text.length, 0));
  let at = 0;
  for (const text of encoded) {
    at = bytes.writeUInt32LE(text.length, at);
    at += text.copy(bytes, at);
  }
  if (encoded.length > MAX_COMPARED || encoded.some((text) => text.length > MAX_STATISTIC))
    return { bytes, least: undefined, greatest: undefined };
  const sorted = encoded.toSorted(Buffer.compare);
  return { bytes, least: sorted[0], greatest: sorted.at(-1) };
}

/** Integers of 4 or 8 bytes that may be negative. */
export function plainIntegers(integers: readonly bigint[], width: 4 | 8): PlainValues {
  const encode = (integer: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(integer);
    return bytes.subarray(0, width);
  };
  const sorted = integers.toSorted((a, b) => (a < b ? -1 : 1));
  const [least, greatest] = [sorted[0], sorted.at(-1)];
  return {
    bytes: Buffer.concat(integers.map(encode)),
    least: least === undefined ? undefined : encode(least),
    greatest: greatest === undefined ? undefined : encode(greatest),
  };
}

function values(bytes: Uint8Array, width: number, least: Uint32Array, greatest: Uint32Array): PlainValues {
  if (bytes.length === 0) return { bytes, least: undefined, greatest: undefined };
  const statistic = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, 0, width);
  return { bytes, least: statistic(least), greatest: statistic(greatest) };
}

function bigEndian(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function precedes(words: Uint32Array, a: number, b: number): boolean {
  for (let word = 0; word < 4; word++) {
    const left = words[a + word]!;
    const right = words[b + word]!;
    if (left !== right) return left < right;
  }
  return false;
}
