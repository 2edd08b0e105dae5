import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inPrefix, isIpv4, type Prefix, parseAddress, parsePrefix } from '../../src/columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../../src/columns/prefix-trie.ts';

function trieOf(...networks: string[]): PrefixTrie {
  const list = new PrefixList();
  for (const [value, text] of networks.entries()) list.add(parsePrefix(text) as Prefix, value);
  return new PrefixTrie(list);
}

function match(trie: PrefixTrie, address: string): number {
  return trie.match(parseAddress(address) as Uint32Array, 0);
}

/** What the trie must say, by looking at every network. */
function matchLinearly(networks: readonly Prefix[], words: Uint32Array): number {
  const v4 = isIpv4(words, 0);
  let best = NO_MATCH;
  for (const [value, network] of networks.entries()) {
    if ((network.length >= 96 && isIpv4(network.words, 0)) !== v4 || !inPrefix(words, 0, network)) continue;
    if (best === NO_MATCH || network.length >= networks[best]!.length) best = value;
  }
  return best;
}

// Few distinct bits, so that networks nest, touch and repeat.
const sparse = fc.constantFrom(0, 1, 0x8000_0000, 0x7fff_ffff, 0xffff_ffff, 0xffff, 0x1_0000, 0x0a00_0000);
const v4Words = fc.tuple(fc.constant(0), fc.constant(0), fc.constant(0xffff), sparse);
const v6Words = fc.tuple(sparse, sparse, sparse, sparse);
const addressWords = fc.oneof(v4Words, v6Words).map((words) => Uint32Array.from(words));
const network = fc
  .oneof(
    fc.tuple(v4Words, fc.integer({ min: 96, max: 128 })),
    fc.tuple(v6Words, fc.integer({ min: 0, max: 128 })),
  )
  .map(([words, length]): Prefix => {
    const list = new PrefixList();
    list.addWords(Uint32Array.from(words), 0, length, 0);
    return { words: list.words.slice(0, 4), length };
  });

describe('PrefixTrie', () => {
  it('says what looking at every network says', () => {
    fc.assert(
      fc.property(
        fc.array(network, { maxLength: 60 }),
        fc.array(addressWords, { minLength: 1, maxLength: 30 }),
        (networks, addresses) => {
          const list = new PrefixList();
          for (const [value, prefix] of networks.entries()) list.add(prefix, value);
          const trie = new PrefixTrie(list);
          const edges = networks.map((prefix) => prefix.words);
          for (const words of [...addresses, ...edges])
            expect(trie.match(words, 0)).toBe(matchLinearly(networks, words));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('prefers the longest network and gives way where it ends', () => {
    const trie = trieOf('10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '10.1.255.0/24');
    expect(match(trie, '9.255.255.255')).toBe(NO_MATCH);
    expect(match(trie, '10.0.0.0')).toBe(0);
    expect(match(trie, '10.1.2.2')).toBe(1);
    expect(match(trie, '10.1.2.3')).toBe(2);
    expect(match(trie, '10.1.2.4')).toBe(1);
    expect(match(trie, '10.1.255.255')).toBe(3);
    expect(match(trie, '10.2.0.0')).toBe(0);
    expect(match(trie, '11.0.0.0')).toBe(NO_MATCH);
  });

  it('keeps the families apart', () => {
    const trie = trieOf('::/0', '10.0.0.0/8');
    expect(match(trie, '192.0.2.1')).toBe(NO_MATCH);
    expect(match(trie, '2001:db8::1')).toBe(0);
    expect(match(trie, '::ffff:10.0.0.1')).toBe(1);
  });

  it('reaches both ends of each family', () => {
    const trie = trieOf('0.0.0.0/0', '255.255.255.255', '::', 'ffff::/16');
    expect(match(trie, '0.0.0.0')).toBe(0);
    expect(match(trie, '255.255.255.255')).toBe(1);
    expect(match(trie, '::')).toBe(2);
    expect(match(trie, '::1')).toBe(NO_MATCH);
    expect(match(trie, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')).toBe(3);
  });

  it('matches nothing when empty', () => {
    expect(match(trieOf(), '10.0.0.1')).toBe(NO_MATCH);
    expect(match(trieOf(), '2001:db8::1')).toBe(NO_MATCH);
  });
});
