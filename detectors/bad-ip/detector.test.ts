import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { listingContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { badIp } from './detector.ts';

const T0 = 1_760_000_400;
const DAY = 86_400;
const feodo = { feed: 'feodo', category: 'Dridex', confidence: 90, expires: 0 };

/**
 * Lists two addresses of each family, one more with a low confidence, one that expires after a minute, a Tor relay, and two that were last seen
 * ten and twenty-five days ago.
 */
function listing(names: Dictionary): DetectorContext {
  return listingContext(names, {
    '203.0.113.9': feodo,
    '203.0.2.3': feodo,
    '2001:db8:1::1': feodo,
    '198.51.100.7': { ...feodo, confidence: 49 },
    '198.51.100.8': { ...feodo, expires: T0 + 60 },
    '198.51.100.9': { ...feodo, category: 'tor-exit' },
    '198.51.100.10': { ...feodo, seen: T0 - 10 * DAY, expires: T0 + 20 * DAY },
    '198.51.100.11': { ...feodo, seen: T0 - 25 * DAY, expires: T0 + 5 * DAY },
  });
}

function judge(...active: SessionLiteral[]): Finding[] {
  return judgeAt(T0, {}, ...active);
}

function judgeAt(start: number, config: object, ...active: SessionLiteral[]): Finding[] {
  const names = new Dictionary();
  const found: Finding[] = [];
  const detector = badIp.create(badIp.config.parse(config), listing(names));
  const step = stepOf({ start, active }, names);
  // Of a session that goes on a literal's packets are all of this step; the log's are not.
  for (const [row, { state }] of active.entries())
    if (state?.includes('first') === false) step.active.stepPacketsOut[row] = 1;
  detector.step?.(step, (finding) => found.push(finding));
  for (const finding of found) expectWhole(finding);
  return found;
}

const out: SessionLiteral = { src: '10.0.1.5', dst: '203.0.113.9' };
const inward: SessionLiteral = { src: '203.0.113.9', dst: '10.0.1.5', port: 22 };
const unanswered: SessionLiteral['state'] = ['accepted', 'first', 'synSeen'];
const rejected: SessionLiteral['state'] = ['rejected', 'rejectedNow', 'first', 'synSeen'];

itIsADetector(badIp, {
  context: listing,
  firing: [
    { start: T0, active: [out, inward, { ...inward, src: '203.0.2.3' }, { ...out, sport: 50_000 }] },
    { start: T0 + 60, active: [{ ...out, dst: '2001:db8:1::1', src: 'fd00::5', state: rejected }] },
  ],
});

describe('bad-ip', () => {
  it('tells a connection that stays up for days before its alert would resolve', () => {
    for (const [seconds, session] of [
      [60, out],
      [600, out],
      [600, inward],
    ] as const) {
      const told: number[] = [];
      for (let at = 0; at < 3 * DAY; at += seconds) {
        const state = { state: ['accepted', 'established'] } as const;
        const record = { ...session, ...(at === 0 ? {} : state), start: T0, end: T0 + at + seconds };
        if (judgeAt(T0 + at, {}, record).length > 0) told.push(at);
      }
      const gaps = [...told.slice(1), 3 * DAY].map((at, i) => at - told[i]!);
      expect(Math.max(...gaps)).toBeLessThan(badIp.quietPeriod);
      expect(told.length).toBeLessThan(70);
    }
  });

  it('is less sure of what the feed saw long ago, and drops what it is not sure enough of', () => {
    const [finding] = judge({ ...out, dst: '198.51.100.10' });
    expect(finding).toMatchObject({ score: 0.64, severity: 'high' });
    expect(finding?.explanation).toMatchObject({ confidence: 64, listedConfidence: 90 });
    expect(String(finding?.explanation.lastSeenByFeed)).toMatch(/^2025-09-29/);
    expect(judge({ ...out, dst: '198.51.100.11' })).toEqual([]);
    expect(judgeAt(T0, { minConfidence: 40 }, { ...out, dst: '198.51.100.11' })).toMatchObject([
      { explanation: { confidence: 49 } },
    ]);
  });

  it('tells a session to a listed address as high with feed, numbers, query and exception', () => {
    const [finding, ...rest] = judge(out);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'high',
      title: '10.0.1.5 talked to 203.0.113.9, listed as Dridex by feodo',
      subject: '10.0.1.5',
      peer: '203.0.113.9',
      port: 443,
      protocol: 6,
      counterpart: '203.0.113.9',
      count: 1,
      score: 0.9,
      exception: { subject: '10.0.1.5', peer: '203.0.113.9' },
    });
    expect(finding?.explanation).toMatchObject({
      observed: '1 session to 203.0.113.9 on 443/tcp: 1 kB sent, 4 kB received',
      threshold: 'confidence 50 of 100',
      network: '203.0.113.9/32',
      expires: 'never',
    });
    expect(finding?.query).toContain("srcaddr = '10.0.1.5' AND dstaddr = '203.0.113.9'");
  });

  it('sees both families, and our end when its IPv6 address is public', () => {
    expect(judge({ src: 'fd00::5', dst: '2001:db8:1::1' })[0]?.severity).toBe('high');
    expect(judge({ src: '2001:db8:7::5', dst: '2001:db8:1::1' })[0]?.subject).toBe('2001:db8:7::5');
    expect(judge({ src: '2001:db8:1::1', dst: '2001:db8:7::5', port: 22 })[0]?.subject).toBe('2001:db8:7::5');
  });

  it('tells an unanswered attempt that was let through', () => {
    const [finding] = judge({ ...out, state: unanswered, packetsOut: 1, packetsIn: 0, bytesIn: 0 });
    expect(finding).toMatchObject({ severity: 'high' });
    expect(finding?.title).toContain('tried to reach');
  });

  it('tells a blocked attempt of ours as low', () => {
    const [finding] = judge({ ...out, state: rejected, rejects: 1 });
    expect(finding).toMatchObject({ severity: 'low', counterpart: '203.0.113.9', count: 1 });
    expect(finding?.explanation.observed).toBe('1 rejected session to 203.0.113.9 on 443/tcp');
  });

  it('never tells a rejected or unanswered session that a listed address started', () => {
    expect(judge({ ...inward, state: rejected })).toEqual([]);
    expect(judge({ ...inward, state: ['rejected', 'rejectedNow', 'first'] })).toEqual([]);
    expect(judge({ ...inward, state: unanswered, packetsIn: 0 })).toEqual([]);
  });

  it('does not take noise from a server port for an attempt of ours when the log has no flags', () => {
    // Backscatter from 443 to a high port: by its ports it is ours, by its packets only they sent.
    expect(judge({ ...out, state: ['rejected', 'rejectedNow', 'first'] })).toEqual([]);
    expect(judge({ ...out, state: ['accepted', 'first'], packetsOut: 0, packetsIn: 1 })).toEqual([]);
  });

  it('tells an established session from a listed address as medium, low on a web port', () => {
    expect(judge(inward)[0]).toMatchObject({
      severity: 'medium',
      subject: '10.0.1.5',
      peer: '203.0.113.9',
      counterpart: 'feodo inbound 22/tcp',
      exception: { subject: '10.0.1.5', rule: 'feodo inbound 22/tcp' },
    });
    expect(judge({ ...inward, port: 443 })[0]?.severity).toBe('low');
    expect(judgeAt(T0, { inbound: false }, inward)).toEqual([]);
  });

  it('joins the listed addresses that reached one service', () => {
    const found = judge(inward, { ...inward, src: '203.0.2.3' }, { ...inward, src: '203.0.2.3', sport: 9 });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ count: 3 });
    expect(found[0]?.peer).toBeUndefined();
    expect(found[0]?.title).toBe('2 addresses listed as Dridex by feodo reached 10.0.1.5 on 22/tcp');
  });

  it('joins the sessions of one pair and counts them', () => {
    const found = judge(out, { ...out, sport: 41_000, port: 8080 }, { ...out, sport: 42_000 });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ count: 3, peer: '203.0.113.9' });
    expect(found[0]?.port).toBeUndefined();
  });

  it('raises the severity in the step in which a session has sent 25 MB', () => {
    const going: SessionLiteral = { ...out, state: ['accepted', 'established'] };
    expect(judge({ ...going, bytesOut: 24e6, stepBytesOut: 1e6, packetsOut: 1e4 })).toEqual([]);
    const crossing = { ...going, bytesOut: 26e6, stepBytesOut: 2e6 };
    expect(judge(crossing)[0]).toMatchObject({ severity: 'critical', counterpart: '203.0.113.9' });
    expect(judge(crossing)[0]?.explanation.bulk).toBe('26 MB sent in one session');
  });

  it('judges a session once while it goes on', () => {
    expect(judge({ ...out, state: ['accepted', 'established'] })).toEqual([]);
    expect(judge({ ...out, state: ['accepted', 'established', 'establishedNow'] })).toHaveLength(1);
  });

  it('judges a session that is let through after it was rejected', () => {
    const names = new Dictionary();
    const found: Finding[] = [];
    const state = ['accepted', 'rejected'] as const;
    badIp
      .create(badIp.config.parse({}), listing(names))
      .step?.(stepOf({ start: T0, active: [{ ...out, state }] }, names), (finding) => found.push(finding));
    expect(found[0]?.severity).toBe('high');
  });

  it('uses no indicator of low confidence, nor after its expiry', () => {
    expect(judge({ ...out, dst: '198.51.100.7' })).toEqual([]);
    expect(judgeAt(T0, { minConfidence: 49 }, { ...out, dst: '198.51.100.7' })).toHaveLength(1);
    expect(judge({ ...out, dst: '198.51.100.8', end: T0 + 59 })).toHaveLength(1);
    expect(judge({ ...out, dst: '198.51.100.8', end: T0 + 60 })).toEqual([]);
  });

  it('leaves what ours do with Tor relays to the detector of Tor, not what relays do with ours', () => {
    expect(judge({ ...out, dst: '198.51.100.9' })).toEqual([]);
    expect(judge({ ...inward, src: '198.51.100.9' })[0]).toMatchObject({ severity: 'medium' });
  });

  it('judges late sessions as it judges others', () => {
    const names = new Dictionary();
    const late: Finding[] = [];
    badIp
      .create(badIp.config.parse({}), listing(names))
      .late?.(stepOf({ start: T0, active: [out] }, names).active, (finding) => late.push(finding));
    expect(late).toEqual(judge(out));
  });
});
