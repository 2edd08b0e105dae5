import { formatPrefix, isIpv4, parsePrefix, prefixMask } from '../columns/address.ts';
import { KeyTable, NO_ROW } from '../columns/key-table.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../columns/prefix-trie.ts';

/** Subnets whose text is kept; when it is full the cache starts anew, which changes no answer. */
const CACHED_SUBNETS = 65_536;

export type RoleOf = (words: Uint32Array, offset: number) => string;

/**
 * Makes the function that names the role of the address at `offset`: the configured role of the most specific CIDR that holds it, else
 * the subnet (/24, /64) as text. Throws a RangeError at a text that is no address or CIDR.
 */
export function createRoles(roles: Readonly<Record<string, readonly string[]>>): RoleOf {
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
  return (words, offset) => {
    const value = trie.match(words, offset);
    if (value !== NO_MATCH) return names[value]!;
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
}
