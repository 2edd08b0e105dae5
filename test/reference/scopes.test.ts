import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import { SCOPE_NAMES } from '../../src/columns/session-batch.ts';
import { createScopes } from '../../src/reference/scopes.ts';

const scopeOf = createScopes({ internal: ['198.51.100.0/24', '2001:db8:1::/48'] });

function scope(address: string): string {
  return SCOPE_NAMES[scopeOf(parseAddress(address) as Uint32Array, 0)];
}

describe('createScopes', () => {
  it.each([
    ['internal', '10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ['internal', '100.64.0.0', '100.127.255.255', '127.0.0.1', '::1', 'fc00::1', 'fdff::1'],
    ['internal', '198.51.100.7', '2001:db8:1:ffff::1'],
    ['link-local', '169.254.0.1', '169.254.169.252', 'fe80::1', 'febf::1', '0.0.0.0', '::'],
    [
      'aws-service',
      '169.254.169.253',
      '169.254.169.254',
      '169.254.169.123',
      'fd00:ec2::254',
      'fd00:ec2::253',
    ],
    ['multicast', '224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
    ['public', '8.8.8.8', '172.32.0.0', '100.128.0.0', '198.51.101.0', '240.0.0.1', '2001:db8:2::1'],
  ])('says %s', (name, ...addresses) => {
    for (const address of addresses) expect([address, scope(address)]).toEqual([address, name]);
  });

  it('sees the IPv4 address in a NAT64 address', () => {
    expect(scope('64:ff9b::10.0.0.1')).toBe('internal');
    expect(scope('64:ff9b::8.8.8.8')).toBe('public');
    expect(scope('64:ff9b::169.254.169.254')).toBe('aws-service');
    expect(scope('64:ff9b:0:0:1::10.0.0.1')).toBe('public');
  });

  it('reads the address at the given offset', () => {
    const words = new Uint32Array(8);
    words.set(parseAddress('8.8.8.8') as Uint32Array, 0);
    words.set(parseAddress('10.0.0.1') as Uint32Array, 4);
    expect([scopeOf(words, 0), scopeOf(words, 4)]).toEqual([2, 0]);
  });

  it('refuses what is no network', () => {
    expect(() => createScopes({ internal: ['10.0.0.0/33'] })).toThrow('not an address or CIDR: 10.0.0.0/33');
  });
});
