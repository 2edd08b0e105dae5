import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { listingContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { tor } from './detector.ts';

const T0 = 1_760_000_400;
const relay = { feed: 'relays', category: 'tor', confidence: 90, expires: 0 };

/** Relays 203.0.113.1 to .40, 203.0.0.1, 203.0.1.2, 2001:db8:0::1, an unsure one, one that is no relay. */
function listing(names: Dictionary): DetectorContext {
  const many = Array.from({ length: 40 }, (_, i) => [`203.0.113.${i + 1}`, relay] as const);
  return listingContext(names, {
    ...Object.fromEntries(many),
    '203.0.0.1': relay,
    '203.0.1.2': relay,
    '2001:db8::1': relay,
    '2001:db8:1::1': relay,
    '198.51.100.7': { ...relay, confidence: 10 },
    '198.51.100.8': { ...relay, category: 'botnet' },
  });
}

function judge(...steps: readonly (readonly SessionLiteral[])[]): Finding[] {
  const names = new Dictionary();
  const found: Finding[] = [];
  const detector = tor.create(tor.config.parse({}), listing(names));
  for (const [i, active] of steps.entries())
    detector.step?.(stepOf({ start: T0 + i * 60, active }, names), (finding) => found.push(finding));
  for (const finding of found) expectWhole(finding);
  return found;
}

const to = (host: number): SessionLiteral => ({ src: '10.0.1.5', dst: `203.0.113.${host}`, port: 9001 });
const from = (host: number): SessionLiteral => ({ src: `203.0.113.${host}`, dst: '10.0.1.5', port: 9001 });
const hosts = Array.from({ length: 12 }, (_, i) => i + 1);

itIsADetector(tor, {
  context: listing,
  firing: [{ start: T0, active: [to(1), to(2), { ...to(1), src: '10.0.1.6' }, from(1), from(2)] }],
  tiny: { maxSubjects: 1 },
});

describe('tor', () => {
  it('tells a host that talks to two relays as high', () => {
    expect(judge([to(1), to(2)])).toMatchObject([
      {
        severity: 'high',
        title: '10.0.1.5 talked to 2 Tor relays',
        subject: '10.0.1.5',
        count: 2,
        exception: { subject: '10.0.1.5', rule: 'tor' },
      },
    ]);
  });

  it('tells one session with one relay as low, three within an hour as high', () => {
    expect(judge([to(1)])).toMatchObject([{ severity: 'low', peer: '203.0.113.1' }]);
    const again = (sport: number): SessionLiteral[] => [{ ...to(1), sport }];
    expect(judge(again(1), again(2), again(3)).map(({ severity }) => severity)).toEqual(['low', 'high']);
  });

  it('is the same over IPv6', () => {
    const row = { src: 'fd00::5', port: 443 };
    expect(
      judge([
        { ...row, dst: '2001:db8::1' },
        { ...row, dst: '2001:db8:1::1' },
      ]),
    ).toMatchObject([{ severity: 'high', subject: 'fd00::5' }]);
  });

  it('knows a relay by what comes in beside what goes out', () => {
    const [finding] = judge(hosts.map(from), hosts.map(to));
    expect(finding).toMatchObject({ severity: 'critical', title: '10.0.1.5 works as a Tor relay' });
    expect(judge(hosts.map(from))).toEqual([]);
  });

  it('does not tell what is unanswered or rejected, listed as unsure or as something else', () => {
    expect(judge([{ ...to(1), state: ['accepted', 'first', 'synSeen'] }])).toEqual([]);
    expect(judge([{ ...to(1), state: ['rejected', 'rejectedNow', 'first'] }])).toEqual([]);
    expect(
      judge([
        { ...to(1), dst: '198.51.100.7' },
        { ...to(1), dst: '198.51.100.8' },
      ]),
    ).toEqual([]);
  });
});
