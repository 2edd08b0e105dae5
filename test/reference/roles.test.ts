import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import { createRoles } from '../../src/reference/roles.ts';

const roleOf = createRoles({ web: ['10.0.0.0/16', 'fd00:1::/32'], bastion: ['10.0.9.9'], __proto__x: [] });

function role(address: string): string {
  return roleOf(parseAddress(address) as Uint32Array, 0);
}

describe('createRoles', () => {
  it('names the role of the most specific network', () => {
    expect(role('10.0.9.8')).toBe('web');
    expect(role('10.0.9.9')).toBe('bastion');
    expect(role('fd00:1:2::3')).toBe('web');
  });

  it('falls back to the subnet', () => {
    expect(role('10.1.2.3')).toBe('10.1.2.0/24');
    expect(role('10.1.2.200')).toBe('10.1.2.0/24');
    expect(role('2001:db8:1:2:3::4')).toBe('2001:db8:1:2::/64');
  });

  it('stays right when more subnets pass by than it keeps', () => {
    const words = parseAddress('11.0.0.1') as Uint32Array;
    for (let i = 0; i < 70_000; i++) {
      words[3] = ((11 << 24) | (i << 8) | 1) >>> 0;
      roleOf(words, 0);
    }
    expect(role('11.0.0.9')).toBe('11.0.0.0/24');
    expect(role('11.1.17.9')).toBe('11.1.17.0/24');
  });

  it('refuses what is no network', () => {
    expect(() => createRoles({ web: ['web'] })).toThrow('cannot use role web');
  });
});
