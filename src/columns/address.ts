/** Third word of an IPv4-mapped address (RFC 4291 §2.5.5.2). */
export const V4_MARK = 0xffff;

/** Whether the four words at `offset` are an IPv4 address. */
export function isIpv4(words: Uint32Array, offset: number): boolean {
  return words[offset + 2] === V4_MARK && words[offset] === 0 && words[offset + 1] === 0;
}

/** Whether the four words at `i` and those at `j` are the same address. */
export function isSameAddress(a: Uint32Array, i: number, b: Uint32Array, j: number): boolean {
  return a[i] === b[j] && a[i + 1] === b[j + 1] && a[i + 2] === b[j + 2] && a[i + 3] === b[j + 3];
}

/** Copies the four words at `i` to `j`. */
export function copyAddress(from: Uint32Array, i: number, to: Uint32Array, j: number): void {
  for (let word = 0; word < 4; word++) to[j + word] = from[i + word]!;
}

/**
 * Reads the address in `bytes[from, to)` into four words of `out` at `offset`; false (and `out` undefined there) when it is not one.
 * Strict as `net.isIP`: no octal, no short forms, no zone ids. An IPv4-mapped IPv6 text gives the IPv4 address.
 */
export function readAddress(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint32Array,
  offset: number,
): boolean {
  return readIpv4(bytes, from, to, out, offset) || readIpv6(bytes, from, to, out, offset);
}

function readIpv4(bytes: Uint8Array, from: number, to: number, out: Uint32Array, offset: number): boolean {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = from; i < to; i++) {
    const c = bytes[i]!;
    if (c === 46) {
      if (octet < 0 || ++dots > 3) return false;
      value = (value << 8) | octet;
      octet = -1;
    } else {
      const digit = c - 48;
      // A leading zero is refused: `010` is 8 to some readers and 10 to others, which is a way to hide.
      if (digit < 0 || digit > 9 || octet === 0) return false;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return false;
    }
  }
  if (dots !== 3 || octet < 0) return false;
  out[offset] = 0;
  out[offset + 1] = 0;
  out[offset + 2] = V4_MARK;
  out[offset + 3] = (value << 8) | octet;
  return true;
}

const groups = new Uint16Array(8);
const embedded = new Uint32Array(4);

function readIpv6(bytes: Uint8Array, from: number, to: number, out: Uint32Array, offset: number): boolean {
  let count = 0;
  let gap = -1;
  let i = from;
  if (to - from < 2) return false;
  if (bytes[i] === 58) {
    if (bytes[i + 1] !== 58) return false;
    gap = 0;
    i += 2;
  }
  while (i < to) {
    if (count > 7) return false;
    const groupStart = i;
    let value = 0;
    let digits = 0;
    while (i < to) {
      const digit = hexDigit(bytes[i]!);
      if (digit < 0) break;
      value = (value << 4) | digit;
      if (++digits > 4) return false;
      i++;
    }
    if (i < to && bytes[i] === 46) {
      // A dotted quad may only be the last 32 bits.
      if (count > 6 || !readIpv4(bytes, groupStart, to, embedded, 0)) return false;
      groups[count++] = embedded[3]! >>> 16;
      groups[count++] = embedded[3]! & 0xffff;
      i = to;
      break;
    }
    if (digits === 0) return false;
    groups[count++] = value;
    if (i === to) break;
    if (bytes[i] !== 58) return false;
    i++;
    if (i === to) return false;
    if (bytes[i] === 58) {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  if (gap < 0) gap = 8;
  for (let word = 0; word < 4; word++) {
    const high = groupAt(word * 2, gap, count);
    out[offset + word] = (high << 16) | groupAt(word * 2 + 1, gap, count);
  }
  return true;
}

/** Group `index` of eight once the run of zeros at `gap` is filled in. */
function groupAt(index: number, gap: number, count: number): number {
  if (index < gap) return groups[index]!;
  const fromEnd = 8 - index;
  return fromEnd <= count - gap ? groups[count - fromEnd]! : 0;
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  if (c >= 65 && c <= 70) return c - 55;
  return -1;
}

/** The address of a text as four words, or undefined when it is not one. For cold paths. */
export function parseAddress(text: string): Uint32Array | undefined {
  const out = new Uint32Array(4);
  const bytes = Buffer.from(text, 'latin1');
  return readAddress(bytes, 0, bytes.length, out, 0) ? out : undefined;
}

/** Canonical text (RFC 5952) of the four words at `offset`. */
export function formatAddress(words: Uint32Array, offset = 0): string {
  if (isIpv4(words, offset)) {
    const v = words[offset + 3]!;
    return `${v >>> 24}.${(v >>> 16) & 255}.${(v >>> 8) & 255}.${v & 255}`;
  }
  const parts: number[] = [];
  for (let word = 0; word < 4; word++)
    parts.push(words[offset + word]! >>> 16, words[offset + word]! & 0xffff);
  let bestAt = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && parts[at + length] === 0) length++;
    if (length > bestLength) {
      bestAt = at;
      bestLength = length;
    }
    at += length;
  }
  const hex = (from: number, to: number): string =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(':');
  return bestAt < 0 ? hex(0, 8) : `${hex(0, bestAt)}::${hex(bestAt + bestLength, 8)}`;
}

/** A network: the address's four words and the prefix length counted over 128 bits (an IPv4 /8 is 104). */
export interface Prefix {
  readonly words: Uint32Array;
  readonly length: number;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; undefined when it is neither. Host bits are cleared.
 * `::ffff:10.0.0.0/104` is the same network as `10.0.0.0/8`.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const words = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (words === undefined) return undefined;
  const dotted = !text.includes(':');
  let length = 128;
  if (slash >= 0) {
    const bits = text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(bits)) return undefined;
    length = Number(bits) + (dotted ? 96 : 0);
    if (length > 128) return undefined;
  }
  for (let word = 0; word < 4; word++) words[word] = words[word]! & prefixMask(length, word);
  return { words, length };
}

/** Canonical text of a prefix, `a.b.c.d/n` or `x::/n`. */
export function formatPrefix(prefix: Prefix): string {
  const v4 = prefix.length >= 96 && isIpv4(prefix.words, 0);
  return `${formatAddress(prefix.words)}/${v4 ? prefix.length - 96 : prefix.length}`;
}

/** The network and those around it that have one of these lengths over 128 bits (longest first), as canonical text. */
export function networksAround({ words, length }: Prefix, lengths: readonly number[]): string[] {
  const least = isIpv4(words, 0) && length >= 96 ? 96 : 0;
  return lengths
    .filter((shorter) => shorter <= length && shorter >= least)
    .map((shorter) =>
      formatPrefix({ words: words.map((word, i) => word & prefixMask(shorter, i)), length: shorter }),
    );
}

/** Mask of word 0–3 of a prefix of `length` bits, as a signed 32-bit integer. */
export function prefixMask(length: number, word: number): number {
  const bits = length - word * 32;
  if (bits >= 32) return -1;
  return bits <= 0 ? 0 : -1 << (32 - bits);
}

/** Whether the four words at `offset` lie in the prefix. */
export function inPrefix(words: Uint32Array, offset: number, prefix: Prefix): boolean {
  for (let word = 0; word < 4; word++) {
    if (((words[offset + word]! ^ prefix.words[word]!) & prefixMask(prefix.length, word)) !== 0) return false;
  }
  return true;
}
