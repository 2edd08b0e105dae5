import { isIpv4, prefixMask, readAddress } from '../../columns/address.ts';

/** Receives one network: four words, host bits zero, and the length over 128 bits. Valid during the call. */
export type EachNetwork = (words: Uint32Array, length: number) => void;

/** Longest text that can be a network or a range: two full IPv6 addresses with ports, defanged. */
const LONGEST = 160;
const DEFANGED = /\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)/gi;

const bytes = new Uint8Array(LONGEST);
const first = new Uint32Array(4);
const last = new Uint32Array(4);

/**
 * Reads an address, a CIDR, a range `a-b`, an `address:port` or `[address]:port`, also defanged (`1[.]2[.]3[.]4`). A range is given as
 * the fewest networks that make it up. False, and nothing given, when the text is none of them.
 */
export function eachNetwork(text: string, each: EachNetwork): boolean {
  if (text.length === 0 || text.length > LONGEST) return false;
  const plain = text.includes('[') || text.includes('(') || text.includes('{') ? refang(text) : text;
  const dash = plain.indexOf('-');
  if (dash > 0) {
    if (!read(plain.slice(0, dash).trim(), first) || !read(plain.slice(dash + 1).trim(), last)) return false;
    return eachOfRange(each);
  }
  const slash = plain.indexOf('/');
  if (!read(slash < 0 ? withoutPort(plain) : plain.slice(0, slash), first)) return false;
  let length = 128;
  if (slash >= 0) {
    const bits = plain.slice(slash + 1);
    if (!/^\d{1,3}$/.test(bits)) return false;
    length = Number(bits) + (plain.includes(':') ? 0 : 96);
    if (length > 128) return false;
    for (let word = 0; word < 4; word++) first[word] = first[word]! & prefixMask(length, word);
  }
  each(first, length);
  return true;
}

/** The host of a URL, with its port and also defanged (`hxxp://1[.]2[.]3[.]4/x`); undefined when the text is no URL. */
export function hostOfUrl(text: string): string | undefined {
  return /^[a-z]{3,6}(?::|\[:\]|\[:)\/\/\]?(?:[^/?#@]*@)?([^/?#]+)/i.exec(text)?.[1];
}

function refang(text: string): string {
  return text.replace(DEFANGED, '.').replaceAll('[:]', ':');
}

function withoutPort(text: string): string {
  if (text.startsWith('[')) return /^\[([0-9a-fA-F:.]+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? '';
  const colon = text.indexOf(':');
  if (colon < 0 || colon !== text.lastIndexOf(':')) return text;
  return /^\d{1,5}$/.test(text.slice(colon + 1)) ? text.slice(0, colon) : text;
}

function read(text: string, out: Uint32Array): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return false;
    bytes[i] = c;
  }
  return readAddress(bytes, 0, text.length, out, 0);
}

/** Walks from `first` to `last`: each time the largest network that begins there and does not pass the end. */
function eachOfRange(each: EachNetwork): boolean {
  if (isIpv4(first, 0) !== isIpv4(last, 0)) return false;
  let from = toBigInt(first);
  const to = toBigInt(last);
  if (from > to) return false;
  const words = new Uint32Array(4);
  while (from <= to) {
    let bits = 0;
    while (
      bits < 128 &&
      (from & ((2n << BigInt(bits)) - 1n)) === 0n &&
      from + (2n << BigInt(bits)) - 1n <= to
    )
      bits++;
    for (let word = 0; word < 4; word++)
      words[word] = Number((from >> BigInt(96 - word * 32)) & 0xffff_ffffn);
    each(words, 128 - bits);
    from += 1n << BigInt(bits);
  }
  return true;
}

function toBigInt(words: Uint32Array): bigint {
  return (
    (BigInt(words[0]!) << 96n) | (BigInt(words[1]!) << 64n) | (BigInt(words[2]!) << 32n) | BigInt(words[3]!)
  );
}
