import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { isDenied, isLoopback } from '../../src/outbound/address-kinds.ts';

const METADATA = ['169.254.169.254', '169.254.170.2', '169.254.0.1', '100.100.100.200', '168.63.129.16'];

/** IPv6 spellings that reach an IPv4 address through a mapping or a translator. */
function spellings(address: string): string[] {
  const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
  const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  return [
    `::ffff:${address}`,
    `::ffff:${hex}`,
    `0:0:0:0:0:ffff:${hex}`,
    `::ffff:0:${hex}`,
    `::${hex}`,
    `64:ff9b::${hex}`,
    `64:ff9b::${address}`,
    `64:ff9b:1::${hex}`,
    `2002:${hex}::`,
    `2002:${hex}::1`,
  ];
}

describe('denied addresses', () => {
  it.each(METADATA)('are %s and all that leads there', (address) => {
    for (const spelling of [address, ...spellings(address)])
      expect([spelling, isDenied(spelling)]).toEqual([spelling, true]);
  });

  it.each([
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
    ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', '192.0.0.192', 'fec0::1'],
    ...['', 'localhost', '0x7f000001', '2852039166', '169.254.169.254.', '0251.0376.0251.0376'],
  ])('are %j', (address) => {
    expect(isDenied(address)).toBe(true);
  });

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '127.0.0.1',
    '::1',
    '8.8.8.8',
    '2001:db8::1',
    'fd12::1',
    '::ffff:10.0.0.1',
  ])('are not %s', (address) => {
    expect(isDenied(address)).toBe(false);
  });

  it('are the same in every spelling of an address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const denied = isDenied(address);
        expect(isDenied((ipaddr.parse(address) as ipaddr.IPv6).toNormalizedString())).toBe(denied);
        expect(isDenied(address.toUpperCase())).toBe(denied);
      }),
    );
  });

  it('know this machine', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost'])
      expect(isLoopback(address)).toBe(true);
    for (const address of ['10.0.0.1', '::2', '', 'localhost.example', '0.0.0.0'])
      expect(isLoopback(address)).toBe(false);
  });
});
