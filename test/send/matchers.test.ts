import { describe, expect, it } from 'vitest';
import { labelText, labelValues } from '../../src/send/routing/labels.ts';
import { parseMatcher } from '../../src/send/routing/matchers.ts';
import { createRoutes } from '../../src/send/routing/route.ts';
import { alertOf } from './alerts.ts';

const asset = {
  id: 'i-0abc',
  role: 'web',
  vpc: 'vpc-1',
  securityGroups: ['sg-1', 'sg-2'],
  tags: { team: 'shop', 'cost centre': '4711', 'aws:autoscaling:groupName': 'asg-1', 'a"b=c': 'odd' },
};
const peerAsset = { id: 'db-1', tags: { team: 'data', constructor: 'own' } };
const peerNetwork = { asn: 64_500, organization: 'Example Ltd', country: 'NL', service: 'S3' };
const alert = alertOf(1, { zone: 'web', peerZone: 'database', asset, peerAsset, peerNetwork });
const holds = (matcher: string, of = alert): boolean => parseMatcher(matcher).holds(of);

describe('matchers', () => {
  it.each([
    'detector="port-scan"',
    'severity=high',
    'severity>=medium',
    'subject="10.0.1.0/24"',
    'peer="10.0.2.9"',
    'protocol=6',
    'account="123456789012"',
    'interface=~"eni-.*"',
    'attack="T1046"',
    'explanation.rule="no-scans"',
    'zone="web"',
    'zone=~"web|app"',
    'zone!="database"',
    'peerZone="database"',
    'port=""',
    'tag.team="shop"',
    'tag.team=~"shop|pay"',
    'peerTag.team="data"',
    'peerTag.constructor="own"',
    'tag.constructor=""',
    'explanation.constructor=""',
    'tag.aws:autoscaling:groupName="asg-1"',
    '"tag.cost centre"="4711"',
    '"tag.a\\"b=c"=odd',
    'tag.none!="x"',
    'asset.id="i-0abc"',
    'asset.role=web',
    'asset.vpc=~"vpc-.*"',
    'asset.securityGroups="sg-2"',
    'peerAsset.role=""',
    'peerNetwork.asn=64500',
    'peerNetwork.country=~"NL|DE"',
    'peerNetwork.service="S3"',
    'network.asn=""',
  ])('%s holds', (matcher) => {
    expect(holds(matcher)).toBe(true);
  });

  it.each([
    'zone="we"',
    'zone=~"we"',
    'peerZone="web"',
    'zone=""',
    'severity<=medium',
    'subject="10.0.2.0/24"',
    'attack="T1110"',
    'tag.team="data"',
    'peerTag.team="shop"',
    'tag.Team="shop"',
    'asset.securityGroups="sg-3"',
    'peerNetwork.asn=6450',
    'network.country="NL"',
  ])('%s does not', (matcher) => {
    expect(holds(matcher)).toBe(false);
  });

  it('take an alert in no zone for one whose zone is empty', () => {
    expect(holds('zone=""', alertOf(1))).toBe(true);
    expect(holds('peerZone!=""', alertOf(1))).toBe(false);
    expect(labelValues(alertOf(1), 'zone')).toEqual([]);
    expect(labelText(alert, 'peerZone')).toBe('database');
  });

  it.each([
    ['zones="web"', 'no such label: zones; there are id, '],
    ['peerNetwork.city="x"', 'no such label: peerNetwork.city; there are id, '],
    ['zone>=web', '>= is for severities alone'],
    ['zone=~"("', 'not a regular expression: ('],
    ['zone', 'not a matcher: zone'],
    ['tag="shop"', 'no such label: tag; there are id, '],
    ['tag.="shop"', 'no such label: tag.; '],
    ['asset.tags="shop"', 'no such label: asset.tags; '],
    ['"tag.cost centre="4711"', 'not a matcher: '],
  ])('%s is refused: %s', (matcher, problem) => {
    expect(() => parseMatcher(matcher)).toThrow(problem);
  });

  it('route and group by tags', () => {
    const match = ['tag.team="shop"'];
    const routes = createRoutes(
      {
        routes: [{ match, sinks: ['shop'], groupBy: ['tag.team', 'asset.vpc'], continue: false, routes: [] }],
      },
      ['all'],
    );
    expect(routes.place(alert)).toMatchObject([
      { sink: 'shop', labels: { 'tag.team': 'shop', 'asset.vpc': 'vpc-1' } },
    ]);
    expect(routes.place(alertOf(1))).toMatchObject([{ sink: 'all' }]);
  });

  it('route and group by zone', () => {
    const routes = createRoutes(
      {
        routes: [
          {
            match: ['peerZone="database"'],
            sinks: ['dba'],
            groupBy: ['peerZone'],
            continue: false,
            routes: [],
          },
        ],
      },
      ['all'],
    );
    expect(routes.place(alert)).toMatchObject([{ sink: 'dba', labels: { peerZone: 'database' } }]);
    expect(routes.place(alertOf(1))).toMatchObject([{ sink: 'all', route: 'route' }]);
  });
});
