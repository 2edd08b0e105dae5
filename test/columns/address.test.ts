import { isIP } from 'node:net';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  formatPrefix,
  inPrefix,
  parseAddress,
  parsePrefix,
} from '../../src/columns/address.ts';

const ipv4 = fc.ipV4();
// ipaddr.js takes the long deprecated `::a.b.c.d` (RFC 4291 §2.5.5.1) for an IPv4-mapped address; Node and we don't.
const ipv6 = fc.ipV6().filter((text) => !/^::(?:0:)?[\d.]+\.\d+$/.test(text));
/** Texts that are nearly addresses. */
const nearly = fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:./%x -'.split('')), maxLength: 24 });

/** The sixteen bytes of an address, by another implementation. */
function bytesOf(text: string): number[] {
  const parsed = ipaddr.parse(text);
  return parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress().toByteArray() : parsed.toByteArray();
}

function bytesOfWords(words: Uint32Array): number[] {
  return [...words].flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
}

describe('columns/address', () => {
  it('reads every address as ipaddr.js does', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (text) => {
        const words = parseAddress(text);
        expect(words === undefined ? undefined : bytesOfWords(words)).toEqual(bytesOf(text));
      }),
      { numRuns: 5000 },
    );
  });

  it('takes for an address exactly what Node does', () => {
    fc.assert(
      fc.property(fc.oneof(nearly, ipv4, ipv6), (text) => {
        // A zone id names an interface of one host: no flow log has one.
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'));
      }),
      { numRuns: 20_000 },
    );
  });

  it('writes canonical text, which reads back the same', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (text) => {
        const words = parseAddress(text) ?? new Uint32Array(4);
        const written = formatAddress(words);
        expect(parseAddress(written)).toEqual(words);
        const parsed = ipaddr.process(text);
        expect(written).toBe(parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString());
      }),
      { numRuns: 5000 },
    );
  });

  it('finds an address in a network when ipaddr.js does', () => {
    const network = fc.oneof(
      fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), network, (text, [base, length]) => {
        const prefix = parsePrefix(`${base}/${length}`);
        const words = parseAddress(text);
        if (prefix === undefined || words === undefined)
          throw new Error(`${base}/${length} or ${text} was not read`);
        const [address, range] = [ipaddr.parse(text), ipaddr.parse(base)];
        if (address.kind() === range.kind()) {
          const inside =
            address.kind() === 'ipv4'
              ? (address as ipaddr.IPv4).match(range as ipaddr.IPv4, length)
              : (address as ipaddr.IPv6).match(range as ipaddr.IPv6, length);
          expect(inPrefix(words, 0, prefix)).toBe(inside);
        }
        const masked = parsePrefix(formatPrefix(prefix));
        expect(masked).toEqual(prefix);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['1.2.3', 'too short'],
    ['01.2.3.4', 'octal to some'],
    ['1.2.3.256', 'too large'],
    ['0x7f.1', 'hexadecimal'],
    ['::1%eth0', 'with a zone'],
    [' 1.2.3.4', 'with a space'],
    ['1::2::3', 'with two gaps'],
    ['12345::', 'with a long group'],
    ['', 'empty'],
  ])('refuses %j: %s', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8', '10.0.0.0/ 8'])(
    'refuses the network %j',
    (text) => {
      expect(parsePrefix(text)).toBeUndefined();
    },
  );
});
