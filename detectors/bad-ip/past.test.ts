import { describe, expect, it } from 'vitest';
import type { Finding, PastContact } from '../../src/contracts.ts';
import { plainContext } from '../../test/rows.ts';
import { badIp } from './detector.ts';

const T = 1_767_571_200;
const DAY = 86_400;

const contact: PastContact = {
  ...{ subject: '10.0.0.5', peer: '203.0.113.9', inbound: false, ports: [443], portCount: 1, protocol: 6 },
  ...{ first: T, last: T + 2 * DAY, sessions: 12, established: 12, rejected: 0, sent: 1000, received: 500 },
  listing: { feed: 'drop', category: 'c2', confidence: 90, network: '203.0.113.0/24', expires: 0 },
};
const listed = (facts: Partial<PastContact['listing']>) => ({ listing: { ...contact.listing, ...facts } });

function find(contacts: readonly Partial<PastContact>[], settings = {}): Finding[] {
  const detector = badIp.create(badIp.config.parse(settings), plainContext());
  const found: Finding[] = [];
  const all = contacts.map((some) => ({ ...contact, ...some }));
  detector.past?.(all, T + 9 * DAY, (finding) => found.push(finding));
  return found;
}

describe('contacts of the past', () => {
  it('are the alerts that they would have been, marked', () => {
    const [finding] = find([{}]);
    expect(finding).toMatchObject({
      severity: 'high',
      title: '10.0.0.5 was in contact with 203.0.113.9, listed since as c2 by drop',
      ...{ subject: '10.0.0.5', peer: '203.0.113.9', counterpart: '203.0.113.9', port: 443, protocol: 6 },
      ...{ firstSeen: T, lastSeen: T + 2 * DAY, retro: T + 9 * DAY, count: 12, score: 0.9 },
      exception: { subject: '10.0.0.5', peer: '203.0.113.9' },
    });
    expect(finding?.explanation.listedSince).toContain('2026-01-14');
    expect(finding?.query).toMatch(/^SELECT .* FROM flows /);
  });

  it('are believed as far as the feed was sure of the address when they began', () => {
    const fading = (days: number) => listed({ seen: T - days * DAY, expires: T + (30 - days) * DAY });
    expect(find([fading(10)])).toMatchObject([{ score: 0.64, explanation: { confidence: 64 } }]);
    expect(find([fading(-1)])).toMatchObject([{ score: 0.9, explanation: { confidence: 90 } }]);
    expect(find([fading(25)])).toEqual([]);
  });

  it('weigh as today: kept from reaching low, from outside by port, much sent more', () => {
    expect(find([{ rejected: 12, established: 0 }])).toMatchObject([{ severity: 'low' }]);
    expect(find([{ inbound: true }])).toMatchObject([
      { severity: 'low', counterpart: 'drop inbound 443/tcp' },
    ]);
    expect(find([{ inbound: true, ports: [22] }])).toMatchObject([{ severity: 'medium' }]);
    expect(find([{ sent: 30_000_000 }])).toMatchObject([{ severity: 'critical' }]);
  });

  it('of one service that several addresses reached are one', () => {
    const found = find([
      { inbound: true, peer: '203.0.113.9' },
      { inbound: true, peer: '203.0.113.10', first: T - 5 },
    ]);
    expect(found).toMatchObject([
      { count: 24, firstSeen: T - 5, exception: { rule: 'drop inbound 443/tcp' } },
    ]);
    expect(found[0]).not.toHaveProperty('peer');
  });

  it('are none with unsure indicators, relays of Tor, unanswered knocks, or where nobody asks', () => {
    expect(find([listed({ confidence: 49 })])).toEqual([]);
    expect(find([listed({ category: 'tor-exit' })])).toEqual([]);
    expect(find([{ inbound: true, established: 0 }])).toEqual([]);
    expect(find([{ inbound: true }], { inbound: false })).toEqual([]);
    expect(find([listed({ category: 'mining-pool' })])).toHaveLength(1);
  });

  it('come in one order whatever order they are given in', () => {
    const some = [
      { peer: '203.0.113.1' },
      { peer: '203.0.113.2' },
      { subject: '10.0.0.4' },
      { inbound: true },
    ];
    expect(find(some.toReversed())).toEqual(find(some));
  });
});
