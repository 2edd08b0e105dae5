import { parsePrefix } from '../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../columns/prefix-trie.ts';
import { SCOPE, type Scope } from '../columns/session-batch.ts';

/** Private use (RFC 1918), carrier-grade NAT (RFC 6598), loopback, unique local (RFC 4193) and deprecated site-local addresses. */
export const PRIVATE_NETWORKS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '::1/128',
  'fc00::/7',
  'fec0::/10',
] as const;

/** Never leave the link: link-local (RFC 3927, RFC 4291) and unspecified addresses. */
export const LINK_LOCAL_NETWORKS = ['169.254.0.0/16', '0.0.0.0/8', 'fe80::/10', '::/128'] as const;

export const MULTICAST_NETWORKS = ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'] as const;

/** Instance metadata, DNS and time of AWS, at link-local and unique local addresses of every VPC (EC2 User Guide). */
export const AWS_SERVICE_NETWORKS = [
  '169.254.169.254/32',
  '169.254.169.253/32',
  '169.254.169.123/32',
  'fd00:ec2::/32',
] as const;

/** Well-known prefix of NAT64 (RFC 6052), 64:ff9b::/96: the IPv4 address is in the last 32 bits. */
const NAT64 = 0x0064_ff9b;

export type ScopeOf = (words: Uint32Array, offset: number) => Scope;

export interface ScopeOptions {
  /** The user's own networks beyond the private ones, as addresses or CIDRs. */
  readonly internal: readonly string[];
  /** Of a public address: whether it is ours all the same. */
  readonly isOurs?: ((words: Uint32Array, offset: number) => boolean) | undefined;
}

/**
 * Makes the function that tells the scope of the address at `offset`; throws a RangeError at a text that is no address or CIDR. The most
 * specific network decides.
 */
export function createScopes({ internal, isOurs = () => false }: ScopeOptions): ScopeOf {
  const list = new PrefixList();
  const add = (networks: readonly string[], scope: Scope): void => {
    for (const text of networks) {
      const prefix = parsePrefix(text);
      if (prefix === undefined)
        throw new RangeError(`cannot use internal network: not an address or CIDR: ${text}`);
      list.add(prefix, scope);
    }
  };
  add(PRIVATE_NETWORKS, SCOPE.internal);
  add(LINK_LOCAL_NETWORKS, SCOPE.linkLocal);
  add(MULTICAST_NETWORKS, SCOPE.multicast);
  add(internal, SCOPE.internal);
  add(AWS_SERVICE_NETWORKS, SCOPE.awsService);
  const trie = new PrefixTrie(list);
  const embedded = Uint32Array.of(0, 0, 0xffff, 0);
  return (words, offset) => {
    const scope = trie.match(words, offset);
    if (scope !== NO_MATCH) return scope as Scope;
    if (words[offset] !== NAT64 || words[offset + 1] !== 0 || words[offset + 2] !== 0)
      return isOurs(words, offset) ? SCOPE.internal : SCOPE.public;
    embedded[3] = words[offset + 3]!;
    const inner = trie.match(embedded, 0);
    return inner === NO_MATCH ? SCOPE.public : (inner as Scope);
  };
}
