import { parseAddress } from '../../columns/address.ts';
import { SCOPE } from '../../columns/session-batch.ts';
import type { AlertEnds, Finding, Policy } from '../../contracts.ts';
import type { ScopeOf } from '../scopes.ts';

/**
 * Makes the function that says which zones the ends of a finding are in. As where a policy judges, an interface counts for the
 * internal end of two of which the other is not; else only networks do, and so for a finding without a single peer, whose interface may be
 * anybody's.
 */
export function createZones(
  policy: Policy,
  scopeOf: ScopeOf,
): (ends: Pick<Finding, 'subject' | 'peer'>, interfaceName: string) => AlertEnds {
  if (policy.size === 0) return () => ({});
  const isInternal = (text: string): boolean => {
    const words = parseAddress(text);
    return words !== undefined && scopeOf(words, 0) === SCOPE.internal;
  };
  return ({ subject, peer }, interfaceName) => {
    const inside = isInternal(subject);
    const isOwn = interfaceName !== '' && peer !== undefined && inside !== isInternal(peer);
    const zone = policy.zoneOf(subject, isOwn && inside ? interfaceName : undefined);
    const peerZone =
      peer === undefined ? undefined : policy.zoneOf(peer, isOwn && !inside ? interfaceName : undefined);
    return { ...(zone === undefined ? {} : { zone }), ...(peerZone === undefined ? {} : { peerZone }) };
  };
}
