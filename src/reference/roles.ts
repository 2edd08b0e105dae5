import { formatPrefix, isIpv4, parsePrefix, prefixMask } from '../columns/address.ts';
import { KeyTable, NO_ROW } from '../columns/key-table.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../columns/prefix-trie.ts';
import type { KnownAddresses } from './interface-addresses.ts';
import type { Inventory } from './inventory/inventory.ts';

/** Subnets whose text is kept; when it is full the cache starts anew, which changes no answer. */
const CACHED_SUBNETS = 65_536;

type RoleOf = (words: Uint32Array, offset: number) => string;

/** What else knows roles and hosts; all of it may change between two steps. */
export interface RoleSources {
  readonly inventory?: Pick<Inventory, 'roleAt'> | undefined;
  readonly addresses?: Pick<KnownAddresses, 'twinOf'> | undefined;
}

/**
 * Makes the function that names the role of the address at `offset`: the inventory's, else the configured role of the most specific CIDR
 * that holds it, else the subnet (/24, /64) as text. An IPv6 address that nobody has given a role has that of its interface's IPv4
 * address, so that a host has one role. Throws a RangeError at a text that is no address or CIDR.
 */
export function createRoles(
  roles: Readonly<Record<string, readonly string[]>>,
  { inventory, addresses }: RoleSources = {},
): RoleOf {
  const names = Object.keys(roles);
  const list = new PrefixList();
  for (const [value, name] of names.entries())
    for (const text of roles[name]!) {
      const prefix = parsePrefix(text);
      if (prefix === undefined)
        throw new RangeError(`cannot use role ${name}: not an address or CIDR: ${text}`);
      list.add(prefix, value);
    }
  const trie = new PrefixTrie(list);
  const subnets = new KeyTable(4, CACHED_SUBNETS);
  const texts: string[] = [];
  const key = new Uint32Array(4);
  const given = (words: Uint32Array, offset: number): string | undefined => {
    const role = inventory?.roleAt(words, offset);
    if (role !== undefined) return role;
    const value = trie.match(words, offset);
    return value === NO_MATCH ? undefined : names[value]!;
  };
  const subnetOf: RoleOf = (words, offset) => {
    const length = isIpv4(words, offset) ? 120 : 64;
    for (let word = 0; word < 4; word++) key[word] = words[offset + word]! & prefixMask(length, word);
    let row = subnets.find(key, 0);
    if (row !== NO_ROW) return texts[row]!;
    if (subnets.size === CACHED_SUBNETS) subnets.clear();
    row = subnets.upsert(key, 0);
    const text = formatPrefix({ words: key, length });
    texts[row] = text;
    return text;
  };
  return (words, offset) => {
    const role = given(words, offset);
    if (role !== undefined) return role;
    const twin = isIpv4(words, offset) ? undefined : addresses?.twinOf(words, offset);
    return twin === undefined ? subnetOf(words, offset) : (given(twin, 0) ?? subnetOf(twin, 0));
  };
}
