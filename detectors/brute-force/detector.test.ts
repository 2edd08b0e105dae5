import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Finding } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf } from '../../test/rows.ts';
import { bruteForce } from './detector.ts';

const T0 = 1_760_000_400;

const attempt: SessionLiteral = { src: '10.0.1.5', dst: '10.0.2.9', port: 22, bytesOut: 2100, bytesIn: 2600 };

/** `count` sessions like `session`, each from a port of its own. */
function many(count: number, session: SessionLiteral = attempt): SessionLiteral[] {
  return Array.from({ length: count }, (_, i) => ({ ...session, sport: 40_000 + i }));
}

function judge(steps: readonly StepLiteral[], config: object = {}): Finding[] {
  const names = new Dictionary();
  const found: Finding[] = [];
  const detector = bruteForce.create(bruteForce.config.parse(config), plainContext({ names }));
  for (const step of steps) detector.step?.(stepOf(step, names), (finding) => found.push(finding));
  for (const finding of found) expectWhole(finding);
  return found;
}

/** Rows of one minute after the other. */
function minutes(...rows: readonly (readonly SessionLiteral[])[]): StepLiteral[] {
  return rows.map((active, i) => ({ start: T0 + i * 60, active }));
}

itIsADetector(bruteForce, {
  firing: minutes(
    many(12),
    [...many(12), ...many(2, { ...attempt, src: '10.0.1.6' })],
    [{ ...attempt, bytesOut: 90_000, bytesIn: 200_000 }],
  ),
  config: { sources: 2 },
  tiny: { sessions: 2, sources: 1, maxPairs: 1, maxTargets: 1 },
});

describe('brute-force', () => {
  it('tells a host of ours that attacks as high, with numbers', () => {
    const [finding, ...rest] = judge(minutes(many(10), many(10)));

    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'high',
      title: '10.0.1.5 tried SSH on 10.0.2.9 20 times',
      subject: '10.0.1.5',
      peer: '10.0.2.9',
      port: 22,
      count: 20,
      exception: { subject: '10.0.1.5', peer: '10.0.2.9', port: 22 },
    });
    expect(finding?.explanation.observed).toBe('20 sessions, 20 in 5 min, about 2.1 kB sent in each');
  });

  it.each([22, 2222, 3389, 5985, 5986, 23])('watches port %i', (port) => {
    expect(judge(minutes(many(20, { ...attempt, port })))[0]?.severity).toBe('high');
  });

  it('watches the ports that are configured', () => {
    const rows = minutes(many(20, { ...attempt, port: 22_022 }));
    expect(judge(rows)).toEqual([]);
    expect(judge(rows, { ports: { ssh: [22_022] } })).toHaveLength(1);
  });

  it('is the same over IPv6', () => {
    const rows = many(20, { ...attempt, src: 'fd00::5', dst: '2001:db8::9' });
    expect(judge(minutes(rows))[0]).toMatchObject({
      severity: 'high',
      subject: 'fd00::5',
      peer: '2001:db8::9',
    });
  });

  it('tells an attacked host of ours as low, as its subject', () => {
    const [finding] = judge(minutes(many(20, { ...attempt, src: '203.0.113.9' })));
    expect(finding).toMatchObject({ severity: 'low', subject: '10.0.2.9', peer: '203.0.113.9' });
  });

  it('raises the severity when a far larger session follows', () => {
    const login: SessionLiteral = { ...attempt, sport: 50_000, bytesOut: 60_000, bytesIn: 90_000 };
    const [, actor] = judge(minutes(many(20), [login]));
    expect(actor).toMatchObject({ severity: 'critical', counterpart: '10.0.2.9 as target 22/tcp' });
    expect(actor?.title).toContain('then a session');

    const from = '203.0.113.9';
    const [, target] = judge(minutes(many(20, { ...attempt, src: from }), [{ ...login, src: from }]));
    expect(target).toMatchObject({ severity: 'medium', subject: '10.0.2.9' });
  });

  it('tells again only what doubled, goes on for hours or became worse', () => {
    const found = judge(minutes(many(20), many(10), many(9), many(1), many(5)));
    expect(found.map(({ count }) => count)).toEqual([20, 20]);

    const day = Array.from({ length: 400 }, (_, i) => many(i < 300 ? 0 : 20));
    const long = [many(20), ...day.map((rows, i) => (i % 4 === 0 ? many(20) : rows))];
    expect(judge(minutes(...long)).length).toBeLessThan(12);
  });

  it('does not tell slow, varied, unanswered or large sessions', () => {
    expect(judge(minutes(...Array.from({ length: 30 }, () => many(3))))).toEqual([]);
    const varied = many(40).map((row, i) => ({ ...row, bytesOut: i % 4 === 0 ? 7900 : 500 }));
    expect(judge(minutes(varied))).toEqual([]);
    expect(judge(minutes(many(40, { ...attempt, state: ['accepted', 'first', 'synSeen'] })))).toEqual([]);
    expect(judge(minutes(many(40, { ...attempt, state: ['rejected', 'rejectedNow', 'first'] })))).toEqual([]);
    expect(judge(minutes(many(40, { ...attempt, bytesOut: 50_000 })))).toEqual([]);
  });

  it('does not take the checks of a balancer, which send nothing, for attempts', () => {
    expect(judge(minutes(many(60, { ...attempt, bytesOut: 180, packetsOut: 4 })))).toEqual([]);
  });

  it('tells a database only when its client is new, as low', () => {
    const session = { ...attempt, port: 5432 };
    const hour = Array.from({ length: 90 }, () => many(30, session));
    expect(judge(minutes(...hour))).toEqual([]);

    const later = [...Array.from({ length: 70 }, () => []), many(60, session), many(60, session)];
    expect(judge(minutes(...later))[0]).toMatchObject({ severity: 'low', port: 5432 });
  });

  it('tells many outside sources of one service once, and only the first of them apart', () => {
    const from = (host: number): SessionLiteral[] => many(20, { ...attempt, src: `203.0.113.${host}` });
    const found = judge(minutes(Array.from({ length: 30 }, (_, host) => from(host + 1)).flat()), {
      maxAlerts: 3,
    });
    expect(found.filter(({ peer }) => peer !== undefined)).toHaveLength(3);
    expect(found.filter(({ peer }) => peer === undefined)).toMatchObject([
      { severity: 'low', subject: '10.0.2.9', counterpart: 'many sources 22/tcp' },
    ]);
  });

  it('keeps the heaviest sources when places are few', () => {
    const noise = Array.from(
      { length: 200 },
      (_, i): SessionLiteral => ({
        ...attempt,
        src: `203.0.${i >> 6}.${(i & 63) + 1}`,
      }),
    );
    const found = judge(minutes(noise, [...noise, ...many(25)]), { maxPairs: 16, sources: 1000 });
    expect(found).toMatchObject([{ subject: '10.0.1.5', count: 25 }]);
  });
});
