import { describe, expect, it } from 'vitest';
import type { Asset, OutsideNetwork } from '../../src/contracts.ts';
import { conceal } from '../../src/send/encryption/conceal.ts';
import type { Message } from '../../src/send/message.ts';
import { toAsff } from '../../src/send/records/asff.ts';
import { toOcsf } from '../../src/send/records/ocsf.ts';
import { fitAlert } from '../../src/send/words/fit.ts';
import { assetText, factsOf } from '../../src/send/words/text.ts';
import { alertOf } from './alerts.ts';
import { HOSTILE } from './hostile.ts';

const web: Asset = {
  id: 'i-0abc',
  name: 'shop-web-3',
  role: 'web',
  region: 'eu-central-1',
  securityGroups: ['sg-1'],
  tags: { team: 'shop', Name: 'shop-web-3', 'aws:autoscaling:groupName': 'asg-1', env: 'prod' },
};
const db: Asset = { id: 'db-1', tags: {} };
const peerNames = ['cdn.example', 'evil.example'];
const network: OutsideNetwork = { country: 'NL' };
const peerNetwork: OutsideNetwork = {
  ...{ asn: 16_509, organization: 'AMAZON-02', country: 'DE', service: 'S3', region: 'eu-central-1' },
};
const alert = alertOf(1, { asset: web, peerAsset: db, network, peerNetwork, peerNames });
const message: Message = {
  ...{ key: 'k', sink: 's', unit: 'u', kind: 'alert', event: 'firing', repeat: false, labels: {} },
  ...{ firing: 1, resolved: 0, counts: [], alerts: [alert], dropped: [], at: '2026-01-05T00:11:00.000Z' },
};

describe('what the ends of an alert are', () => {
  it('stands among the facts, without what AWS tags and what was said already', () => {
    expect(factsOf(message, alert)).toContainEqual([
      'That is',
      'shop-web-3, i-0abc, role web, env=prod, team=shop',
    ]);
    expect(factsOf(message, alert)).toContainEqual(['The other end', 'db-1']);
    expect(factsOf(message, alert)).toContainEqual(['Asked for', 'cdn.example, evil.example']);
    expect(factsOf(message, alert)).toContainEqual(['Who is in', 'NL']);
    expect(factsOf(message, alert)).toContainEqual([
      'The other end is in',
      'S3 eu-central-1, AS16509 AMAZON-02, DE',
    ]);
    expect(factsOf(message, alertOf(1)).map(([name]) => name)).not.toContain('That is');
  });

  it('is dead text, whatever somebody wrote into a tag', () => {
    for (const text of HOSTILE) {
      const facts = factsOf(message, {
        ...alert,
        asset: { id: text, name: text, role: text, tags: { [text]: text } },
      });
      const shown = facts.find(([name]) => name === 'That is')?.[1] ?? '';
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(shown.isWellFormed()).toBe(true);
      const asked = factsOf(message, { ...alert, peerNames: [text] }).find(([name]) => name === 'Asked for');
      expect(asked?.[1] ?? '').not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      const held = factsOf(message, { ...alert, network: { organization: text } }).find(
        ([name]) => name === 'Who is in',
      );
      expect(held?.[1] ?? '').not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  it('names five tags at most', () => {
    const tags = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i + 10}`, 'v']));
    expect(assetText({ id: 'i', tags })).toBe('i, k10=v, k11=v, k12=v, k13=v, k14=v');
  });

  it('is hidden with any field that is', () => {
    for (const field of ['subject', 'port', 'account']) {
      const { open, hidden } = conceal(alert, new Set([field]));
      expect(open).not.toHaveProperty('asset');
      expect(open).not.toHaveProperty('peerAsset');
      expect(open).not.toHaveProperty('peerNames');
      expect(open).not.toHaveProperty('network');
      expect(open).not.toHaveProperty('peerNetwork');
      expect(hidden).toMatchObject({ asset: web, peerAsset: db, network, peerNetwork, peerNames });
    }
  });

  it('is cut with the rest of the alert', () => {
    const long = 'x'.repeat(5000);
    const tags = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${i}${long}`, long]));
    const fitted = fitAlert({ ...alert, asset: { id: long, tags, securityGroups: Array(99).fill(long) } });
    expect(JSON.stringify(fitted.asset).length).toBeLessThan(40_000);
    expect(fitAlert(alert)).toMatchObject({ asset: web, peerAsset: db, network, peerNetwork, peerNames });
    const held = fitAlert({ ...alert, peerNetwork: { asn: 1, organization: long } }).peerNetwork;
    expect(held?.asn).toBe(1);
    expect(held?.organization?.length).toBeLessThan(400);
    const many = fitAlert({ ...alert, peerNames: Array(99).fill(long) });
    expect(JSON.stringify(many.peerNames).length).toBeLessThan(2000);
  });

  it('is the resource of a finding of OCSF and of Security Hub', () => {
    expect(toOcsf(alert, message)).toMatchObject({
      resources: [
        {
          ip: '10.0.1.1',
          name: 'shop-web-3',
          region: 'eu-central-1',
          labels: expect.arrayContaining(['team: shop']),
          data: web,
        },
        { uid: 'eni-0a1b2c3d' },
      ],
      evidences: expect.arrayContaining([
        expect.objectContaining({
          dst_endpoint: expect.objectContaining({
            autonomous_system: { number: 16_509, name: 'AMAZON-02' },
            location: { country: 'DE' },
            svc_name: 'S3',
          }),
        }),
      ]),
      unmapped: { peerAsset: db, network, peerNetwork, peerNames },
    });
    expect(toAsff(alert, message, { region: 'r', account: '1', partition: 'aws' })).toMatchObject({
      Resources: [{ Tags: { team: 'shop' } }],
      ProductFields: { 'flowsentry/peerNetwork': 'S3 eu-central-1, AS16509 AMAZON-02, DE' },
    });
  });
});
