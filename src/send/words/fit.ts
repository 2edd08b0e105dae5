import type { Alert, Asset, Explanation, OutsideNetwork, Scalar } from '../../contracts.ts';
import { trim } from './text.ts';

/** Characters of each text and entries of each list: far more than detectors write, and bounded together. */
const MOST = {
  name: 300,
  title: 1000,
  detail: 2000,
  query: 8000,
  exception: 4000,
  details: 40,
  samples: 5,
  techniques: 40,
  tags: 50,
  groups: 20,
  names: 4,
};
/** Observed, baseline, threshold and formula come first and always stay. */
const LEAST_DETAILS = 4;

/**
 * The alert with everything that is too long cut between code points, so that no message is too large for its size limit. `share` of what is
 * allowed remains where even that is too much.
 */
export function fitAlert(alert: Alert, share = 1): Alert {
  const most = (name: keyof typeof MOST): number => Math.ceil(MOST[name] * share);
  const name = (text: string): string => cut(text, most('name'));
  const given = (key: 'peer' | 'interface' | 'account' | 'zone' | 'peerZone'): Partial<Alert> => {
    const value = alert[key];
    return value === undefined ? {} : { [key]: name(value) };
  };
  const asset = (its: Asset): Asset => {
    const { tags, securityGroups, ...texts } = its;
    return {
      ...(Object.fromEntries(
        Object.entries(texts).map(([key, value]) => [key, name(value)]),
      ) as typeof texts),
      ...(securityGroups && { securityGroups: securityGroups.slice(0, most('groups')).map(name) }),
      tags: Object.fromEntries(
        Object.entries(tags)
          .slice(0, most('tags'))
          .map(([key, value]) => [name(key), name(value)]),
      ),
    };
  };
  const network = (its: OutsideNetwork): OutsideNetwork =>
    Object.fromEntries(
      Object.entries(its).map(([key, value]) => [key, typeof value === 'string' ? name(value) : value]),
    );
  const details = Object.entries(alert.explanation).slice(0, Math.max(LEAST_DETAILS, most('details')));
  const fitted = details.map(([key, value]): [string, Scalar] => [
    name(key),
    typeof value === 'string' ? cut(value, most('detail')) : value,
  ]);
  return {
    ...alert,
    title: cut(alert.title, most('title')),
    subject: name(alert.subject),
    ...given('peer'),
    ...given('interface'),
    ...given('account'),
    ...(alert.asset && { asset: asset(alert.asset) }),
    ...(alert.peerAsset && { peerAsset: asset(alert.peerAsset) }),
    ...(alert.network && { network: network(alert.network) }),
    ...(alert.peerNetwork && { peerNetwork: network(alert.peerNetwork) }),
    ...(alert.peerNames && { peerNames: alert.peerNames.slice(0, most('names')).map(name) }),
    ...given('zone'),
    ...given('peerZone'),
    attack: alert.attack.slice(0, most('techniques')).map(name),
    explanation: Object.fromEntries(fitted) as unknown as Explanation,
    samples: alert.samples.slice(0, most('samples')).map((sample) => ({
      ...sample,
      'interface-id': name(sample['interface-id']),
      srcaddr: name(sample.srcaddr),
      dstaddr: name(sample.dstaddr),
    })),
    query: cut(alert.query, most('query')),
    exception: cut(alert.exception, most('exception')),
  };
}

function cut(text: string, most: number): string {
  return trim(text, most).toWellFormed();
}
