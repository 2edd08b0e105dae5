import { formatPrefix, inPrefix, isIpv4, type Prefix, parsePrefix } from '../../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../../columns/prefix-trie.ts';
import { LINK_LOCAL_NETWORKS, MULTICAST_NETWORKS, PRIVATE_NETWORKS } from '../scopes.ts';
import type { FeedEntries } from './entries.ts';
import type { ParsedFeed } from './formats.ts';

/** Shortest prefixes a feed may list, over 128 bits: an IPv4 /8, an IPv6 /19 (the largest blocks that registries give to one holder). */
const SHORTEST_V4 = 104;
const SHORTEST_V6 = 19;
const MOST_BAD = 0.1;
const LEAST_LEFT = 0.1;
const MOST_GROWTH = 10;
/** Sets smaller than this may change at will: somebody edits them by hand. */
const SMALL_SET = 50;

/** Public resolvers and time servers everybody talks to: a feed that lists one is wrong about it. */
export const NEVER_LISTED = [
  ...['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '2001:4860:4860::8844'],
  ...['1.1.1.1', '1.0.0.1', '1.1.1.2', '1.0.0.2', '1.1.1.3', '1.0.0.3'],
  ...['2606:4700:4700::1111', '2606:4700:4700::1001', '2606:4700:4700::1112', '2606:4700:4700::1002'],
  ...['9.9.9.9', '9.9.9.10', '9.9.9.11', '149.112.112.112', '149.112.112.10', '149.112.112.11'],
  ...['2620:fe::fe', '2620:fe::9', '2620:fe::10', '2620:fe::11'],
  ...[
    '208.67.222.222',
    '208.67.220.220',
    '208.67.222.123',
    '208.67.220.123',
    '2620:119:35::35',
    '2620:119:53::53',
  ],
  ...[
    '4.2.2.1',
    '4.2.2.2',
    '64.6.64.6',
    '64.6.65.6',
    '94.140.14.14',
    '94.140.15.15',
    '76.76.2.0',
    '76.76.10.0',
  ],
] as const;

/** Networks that are nobody's on the internet (IANA's special-purpose registries), in the widest form in which lists have them. */
const RESERVED = [
  ...[...PRIVATE_NETWORKS, ...LINK_LOCAL_NETWORKS, ...MULTICAST_NETWORKS],
  ...['192.0.0.0/24', '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
].map((text) => parsePrefix(text) as Prefix);

/** Whether a network, given as its address and its length over 128 bits, is all reserved. */
export function isReserved(words: Uint32Array, length: number): boolean {
  return RESERVED.some((reserved) => length >= reserved.length && inPrefix(words, 0, reserved));
}

/** Says why a feed cannot be used as a whole; undefined when it can. `lastCount`: networks of the last good set, 0 when there is none. */
export type CheckFeed = (feed: ParsedFeed, lastCount: number) => string | undefined;

/** Makes the check; `internal` are the user's own networks, valid as CIDRs. */
export function createFeedCheck(internal: readonly string[]): CheckFeed {
  const own = [...internal, ...PRIVATE_NETWORKS, ...LINK_LOCAL_NETWORKS, ...MULTICAST_NETWORKS].map(
    (text) => parsePrefix(text) as Prefix,
  );
  const list = new PrefixList();
  for (const [value, prefix] of own.entries()) list.add(prefix, value);
  const trie = new PrefixTrie(list);
  return (feed, lastCount) => {
    const { entries, total, bad, example, saysEmpty } = feed;
    if (bad > total * MOST_BAD)
      return `${bad} of ${total} lines are no network, as ${JSON.stringify(example)}`;
    if (entries.count === 0) return saysEmpty ? undefined : 'it is empty';
    if (entries.overflow > 0) return `it has more than ${entries.count} networks`;
    return wideOrOwn(entries, own, trie) ?? sizeChange(entries.count, lastCount);
  };
}

/** Why bytes cannot be a feed at all, told before they are read. */
export function refusePage(text: string): string | undefined {
  return /^\s*</.test(text) ? 'it is an HTML or XML page, not a feed' : undefined;
}

/** Why a list of `count` networks cannot be what comes after one of `last`, 0 when there was none. */
export function sizeChange(count: number, last: number): string | undefined {
  if (last >= SMALL_SET && count < last * LEAST_LEFT) return `it shrank from ${last} networks to ${count}`;
  if (last > 0 && count >= SMALL_SET && count > last * MOST_GROWTH)
    return `it grew from ${last} networks to ${count}`;
  return undefined;
}

/**
 * Two networks overlap when one holds the first address of the other: inside is a question for the trie, and around is asked only where
 * the leading bits that every prefix here has (8, or 16 in IPv6) are those of an own network.
 */
function wideOrOwn(entries: FeedEntries, own: readonly Prefix[], trie: PrefixTrie): string | undefined {
  const { keys } = entries.keys;
  const near = new Set(own.map((prefix) => leadingBits(prefix.words, 0)));
  for (let row = 0; row < entries.count; row++) {
    const at = row * 5;
    const length = keys[at + 4]!;
    const v4 = isIpv4(keys, at) && length >= 96;
    const inside = trie.match(keys, at);
    const wide = length < (v4 ? SHORTEST_V4 : SHORTEST_V6);
    if (!wide && inside === NO_MATCH && !near.has(leadingBits(keys, at))) continue;
    const entry = { words: keys.slice(at, at + 4), length };
    const text = formatPrefix(entry);
    if (wide) return `it lists ${text}, which is too wide`;
    if (inside !== NO_MATCH)
      return `it lists ${text}, which is in ${formatPrefix(own[inside]!)}: private or own`;
    const held = own.find((prefix) => isIpv4(prefix.words, 0) === v4 && inPrefix(prefix.words, 0, entry));
    if (held !== undefined) return `it lists ${text}, which holds ${formatPrefix(held)}: private or own`;
  }
  return undefined;
}

function leadingBits(words: Uint32Array, at: number): number {
  return isIpv4(words, at) ? 0x1_0000 + (words[at + 3]! >>> 24) : words[at]! >>> 16;
}
