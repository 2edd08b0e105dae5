import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Finding } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { windowOf } from '../../test/windows.ts';
import { slowExfiltration } from './detector.ts';

const DAY = 86_400;
const HOUR = 3600;
/** A Monday, 00:00 UTC. */
const T0 = 1_760_313_600;
const MB = 1_000_000;
const host = '10.0.1.10';
const drop = '203.0.113.9';

const upload = (bytesOut: number, src = host, dst = drop): SessionLiteral => ({
  ...{ src, dst, bytesOut, bytesIn: 2000 },
});

/** Plays days of eight portions each; `of` gives the megabytes of a day, or rows of each of its portions. */
function play(
  days: number,
  of: (day: number) => number | readonly SessionLiteral[],
  config: Record<string, unknown> = {},
  src = host,
): Finding[] {
  const names = new Dictionary();
  const detector = slowExfiltration.create(slowExfiltration.config.parse(config), plainContext({ names }));
  const found: Finding[] = [];
  const emit = (finding: Finding): void => {
    found.push(finding);
  };
  for (let day = 0; day < days; day++) {
    const what = of(day);
    const active = typeof what !== 'number' ? what : what === 0 ? [] : [upload((what / 8) * MB, src)];
    for (let portion = 0; portion < 8; portion++) {
      const start = T0 + day * DAY + portion * 3 * HOUR;
      detector.step?.(stepOf({ start, active }, names), emit);
      const rows = [{ subject: src, bytesOut: 1000 }];
      detector.window?.(windowOf({ start, size: HOUR, key: 'subject', rows }), emit);
    }
  }
  for (const finding of found) expectWhole(finding);
  return found;
}

/** Days on which it was told, from 0. */
const daysOf = (found: readonly Finding[]): number[] => [
  ...new Set(found.map(({ lastSeen }) => Math.floor((lastSeen - T0) / DAY))),
];

itIsADetector(slowExfiltration, {
  config: { periodHours: 1, learnPeriods: 2, bytes: 1_000_000 },
  firing: Array.from({ length: 12 }, (_, hour) => ({
    start: T0 + hour * HOUR + HOUR - 60,
    active:
      hour < 6
        ? [
            { src: host, dst: drop },
            { src: '10.0.1.11', dst: drop, sport: 2 },
          ]
        : [upload(20 * MB), { ...upload(9 * MB, '10.0.1.11'), sport: 7 }, upload(30 * MB, '10.0.1.12')],
  })),
  tiny: { periodHours: 1, learnPeriods: 2, bytes: 1_000_000, maxHosts: 1, maxUploaders: 1, maxPairs: 1 },
});

describe('slow-exfiltration', () => {
  it('tells a host that begins to upload every day, on the third day, with its destination', () => {
    const found = play(12, (day) => (day < 8 ? 0 : 400));

    expect(daysOf(found)[0]).toBe(10);
    expect(found[0]).toMatchObject({
      severity: 'medium',
      subject: host,
      peer: drop,
      firstSeen: T0 + 8 * DAY,
      exception: { subject: host, peer: drop },
    });
    expect(found[0]?.explanation.baseline).toBe('0 B in a day, of 10 days watched');
  });

  it('is the same over IPv6', () => {
    const found = play(
      12,
      (day) => (day < 8 ? 0 : [upload(50 * MB, 'fd00::10', '2001:db8::9')]),
      {},
      'fd00::10',
    );
    expect(found[0]).toMatchObject({ severity: 'medium', subject: 'fd00::10', peer: '2001:db8::9' });
    expect(daysOf(found)[0]).toBe(10);
  });

  it('tells one that uploads much anyway when it uploads twice and a half as much from some day on', () => {
    const found = play(24, (day) => (day < 16 ? 2000 : 5000) + ((day * 37) % 11) * 20);
    expect(daysOf(found)[0]).toBeLessThanOrEqual(18);
    expect(daysOf(found)[0]).toBeGreaterThanOrEqual(17);
  });

  it('takes what goes on for a week for usual', () => {
    const found = play(40, (day) => (day < 8 ? 0 : 400));
    expect(Math.max(...daysOf(found))).toBeLessThan(8 + 14);
  });

  it('names no destination when there are many', () => {
    const many = Array.from({ length: 10 }, (_, i) => ({
      ...upload(5 * MB, host, `203.0.113.${i}`),
      sport: i,
    }));
    const found = play(12, (day) => (day < 8 ? 0 : many));
    expect(found[0]).toMatchObject({ counterpart: 'uploads', exception: { subject: host, rule: 'uploads' } });
    expect(found[0]?.peer).toBeUndefined();
  });

  it('is silent about one large day, a weekly job, working days, and slow growth', () => {
    expect(play(20, (day) => (day === 12 ? 90_000 : 300))).toEqual([]);
    expect(play(40, (day) => (day % 7 === 6 ? 90_000 : 300))).toEqual([]);
    expect(play(40, (day) => (day % 7 < 5 ? 900 : 10))).toEqual([]);
    expect(play(40, (day) => 300 * 1.02 ** day)).toEqual([]);
    expect(play(40, (day) => 300 + ((day * 7919) % 13) * 30)).toEqual([]);
  });

  it('is silent about a host that is not known for long enough, and about little', () => {
    expect(play(9, (day) => (day < 3 ? 0 : 400), { learnPeriods: 9 })).toEqual([]);
    expect(play(14, (day) => (day < 8 ? 0 : 40))).toEqual([]);
  });

  it('is silent about downloads, exchanges, what clients outside fetch, and what stays inside', () => {
    const rows: SessionLiteral[] = [
      { ...upload(0), bytesIn: 900 * MB },
      { ...upload(900 * MB), bytesIn: 200 * MB },
      { ...upload(9000, drop, host), bytesIn: 900 * MB },
      upload(900 * MB, host, '10.0.9.9'),
    ];
    for (const row of rows) expect(play(14, (day) => (day < 8 ? 0 : [row]))).toEqual([]);
  });
});
