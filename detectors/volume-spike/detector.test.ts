import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, stepOf, twins } from '../../test/rows.ts';
import { type WindowRowLiteral, windowOf } from '../../test/windows.ts';
import { volumeSpike } from './detector.ts';

const DAY = 86_400;
/** A Monday, 00:00 UTC. */
const T0 = 1_760_313_600;
const MB = 1_000_000;
const host = '10.0.1.10';
const peer = '203.0.113.9';

type Row = Omit<WindowRowLiteral, 'subject'> & { subject?: string };
/** Rows of one five-minute window, by its start. */
type Traffic = (time: number, window: number) => readonly Row[];

/** Plays windows of five minutes and an hour, of subjects and pairs, in the order in which they close. */
function at(settings: Record<string, unknown> = {}, context: Partial<DetectorContext> = {}) {
  const names = new Dictionary();
  const detector = volumeSpike.create(
    volumeSpike.config.parse(settings),
    plainContext({ names, ...context }),
  );
  let hour: Row[] = [];
  const play = (from: number, to: number, traffic: Traffic): Finding[] => {
    const found: Finding[] = [];
    const emit = (finding: Finding): void => {
      found.push(finding);
    };
    for (let time = from; time < to; time += 300) {
      const rows = traffic(time, (time - T0) / 300).map((row) => ({ subject: host, peer, ...row }));
      hour.push(...rows);
      const closes = (time + 300) % 3600 === 0;
      const active = rows.map(
        (row): SessionLiteral => ({ src: row.subject, dst: row.peer, bytesOut: row.bytesOut ?? 0 }),
      );
      detector.step?.(stepOf({ start: time + 240, active }, names), emit);
      for (const key of ['subject', 'pair'] as const) {
        detector.window?.(windowOf({ start: time, size: 300, key, rows: joined(rows, key) }), emit);
        if (closes)
          detector.window?.(windowOf({ start: time - 3300, size: 3600, key, rows: joined(hour, key) }), emit);
      }
      if (closes) hour = [];
    }
    return found;
  };
  return { detector, play };
}

function joined(rows: readonly Row[], key: 'subject' | 'pair'): WindowRowLiteral[] {
  const sums = new Map<string, WindowRowLiteral>();
  for (const row of rows) {
    const {
      subject = host,
      peer: other = peer,
      bytesOut = 0,
      bytesIn = 0,
      sessionsOut = 0,
      sessionsIn = 0,
    } = row;
    const id = key === 'subject' ? subject : `${subject} ${other}`;
    const sum = sums.get(id) ?? { subject, bytesOut: 0, bytesIn: 0, sessionsOut: 0, sessionsIn: 0 };
    sums.set(id, {
      subject,
      ...(key === 'pair' ? { peer: other } : {}),
      bytesOut: sum.bytesOut! + bytesOut,
      bytesIn: sum.bytesIn! + bytesIn,
      sessionsOut: sum.sessionsOut! + sessionsOut,
      sessionsIn: sum.sessionsIn! + sessionsIn,
    });
  }
  return [...sums.values()];
}

/** Between 1 and 1.5, the same for the same window. */
const wobble = (window: number): number => 1 + ((window * 2_654_435_761) % 997) / 1994;
const steady: Traffic = (_, window) => [{ bytesOut: 2 * MB * wobble(window), bytesIn: 1 * MB }];
const paging = (found: readonly Finding[]): Finding[] =>
  found.filter(({ severity }) => severity !== 'low' && severity !== 'info');

itIsADetector(volumeSpike, {
  config: { learnDays: 0.001 },
  firing: Array.from({ length: 6 }, (_, day) => ({
    start: T0 + day * DAY + 240,
    active: [
      { src: host, dst: peer, bytesOut: day < 5 ? 20_000 + day : 900 * MB },
      { src: host, dst: '203.0.113.10', bytesOut: 9000, sport: 40_002 },
      { src: '10.0.1.11', dst: host, bytesOut: 12_000, sport: 40_001 },
    ],
  })),
  tiny: { learnDays: 0.001, maxSubjects: 1, maxPairs: 1, maxRhythms: 1 },
});

describe('volume-spike', () => {
  it('tells an exfiltration to a known peer as one certain alert with numbers', () => {
    const { play } = at();
    expect(play(T0, T0 + 8 * DAY, steady)).toEqual([]);
    const start = T0 + 8 * DAY + 7200;
    play(T0 + 8 * DAY, start, steady);
    const [finding, ...rest] = play(start, start + 300, () => [{ bytesOut: 400 * MB, bytesIn: MB }]);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'medium',
      subject: host,
      peer,
      counterpart: `more traffic with ${peer}`,
      firstSeen: start,
      lastSeen: start + 300,
      exception: { subject: host, peer },
    });
    expect(finding?.explanation.observed).toBe('400 MB in 5 min');
    expect(finding?.explanation.measure).toBe('bytes out');
    expect(Number(finding?.explanation.ratio)).toBeGreaterThan(100);
    expect(finding?.samples[0]).toMatchObject({ srcaddr: host, dstaddr: peer, bytes: 400 * MB });
    expect(finding?.query).toContain(`srcaddr = '${host}' AND dstaddr = '${peer}'`);
  });

  it('is high when an extreme amount goes to a public peer', () => {
    const { play } = at();
    play(T0, T0 + 8 * DAY, steady);
    expect(play(T0 + 8 * DAY, T0 + 8 * DAY + 300, () => [{ bytesOut: 2000 * MB }])).toMatchObject([
      { severity: 'high' },
    ]);
  });

  it('tells bulk to an address that had little before, for a subject it knows', () => {
    const { play } = at({ learnDays: 3 });
    const big: Traffic = () => [{ bytesOut: 300 * MB, bytesIn: 300 * MB }];
    play(T0, T0 + 8 * DAY, big);
    const upload: Traffic = () => [
      { bytesOut: 150 * MB, bytesIn: 300 * MB },
      { peer: '198.51.100.7', bytesOut: 150 * MB },
    ];
    const found = play(T0 + 8 * DAY, T0 + 8 * DAY + 3600, upload);
    expect(found).toMatchObject([
      { severity: 'medium', peer: '198.51.100.7', explanation: { observed: '1.8 GB in 60 min' } },
    ]);
    expect(play(T0 + 8 * DAY + 3600, T0 + 9 * DAY, upload)).toEqual([]);
  });

  it('is quiet before it has learnt', () => {
    const { play } = at();
    play(T0, T0 + 2 * DAY, steady);
    expect(play(T0 + 2 * DAY, T0 + 2 * DAY + 300, () => [{ bytesOut: 900 * MB }])).toEqual([]);
  });

  it('is quiet about a nightly backup once it is known', () => {
    const { play } = at();
    const nightly: Traffic = (time, window) =>
      time % DAY >= 7200 && time % DAY < 9000
        ? [{ peer: '10.0.9.9', bytesOut: 800 * MB * wobble(window) }]
        : steady(time, window);
    expect(play(T0, T0 + 21 * DAY, nightly)).toEqual([]);
  });

  it('is quiet about office hours, week after week', () => {
    const { play } = at();
    const office: Traffic = (time, window) => {
      const day = Math.floor((time - T0) / DAY) % 7;
      const hour = (time % DAY) / 3600;
      const busy = day < 5 && hour >= 8 && hour < 18;
      return [{ bytesOut: (busy ? 30 * MB : MB) * wobble(window), bytesIn: 5 * MB }];
    };
    expect(play(T0, T0 + 35 * DAY, office)).toEqual([]);
  });

  it('tells a subject whose weekly rhythm breaks, down as well', () => {
    const { play } = at();
    const rhythm: Traffic = (time, window) => [
      { bytesOut: (time % DAY < DAY / 2 ? 2 * MB : 20 * MB) * wobble(window), bytesIn: MB },
    ];
    expect(play(T0, T0 + 21 * DAY, rhythm)).toEqual([]);
    const found = play(T0 + 21 * DAY + 43_200, T0 + 22 * DAY, () => [
      { bytesOut: 0.4 * MB, bytesIn: 0.1 * MB },
    ]);
    expect(found[0]).toMatchObject({ severity: 'medium', counterpart: 'less traffic', subject: host });
    expect(Number(found[0]?.explanation.z)).toBeLessThan(-4);
  });

  it('tells a subject that fell silent as low, and then no more', () => {
    const { play } = at();
    const both: Traffic = (time, window) => [
      ...steady(time, window),
      { subject: '10.0.1.11', bytesOut: 3 * MB },
    ];
    play(T0, T0 + 21 * DAY, both);
    const found = play(T0 + 21 * DAY, T0 + 28 * DAY, () => [{ subject: '10.0.1.11', bytesOut: 3 * MB }]);
    expect(found.length).toBeGreaterThan(0);
    expect(paging(found)).toEqual([]);
    expect(found.every(({ subject, lastSeen }) => subject === host && lastSeen <= T0 + 24 * DAY)).toBe(true);
  });

  it('is quiet when everything stops at once: a holiday or lost logs', () => {
    const { play } = at();
    const fleet =
      (factor: number): Traffic =>
      (_, window) =>
        Array.from({ length: 20 }, (_, i) => ({
          subject: `10.0.1.${i}`,
          peer: `203.0.113.${i}`,
          bytesOut: 5 * MB * factor * wobble(window + i),
        }));
    play(T0, T0 + 20 * DAY, fleet(1));
    expect(play(T0 + 20 * DAY, T0 + 21 * DAY, fleet(0.1))).toEqual([]);
    const lost = at();
    lost.play(T0, T0 + 20 * DAY, fleet(1));
    expect(lost.play(T0 + 20 * DAY + 6 * 3600, T0 + 22 * DAY, fleet(1))).toEqual([]);
  });

  it('tells a flood of new sessions', () => {
    const { play } = at();
    const calm: Traffic = (_, window) => [{ bytesOut: MB, sessionsOut: 20 + (window % 9) }];
    play(T0, T0 + 8 * DAY, calm);
    const found = play(T0 + 8 * DAY, T0 + 8 * DAY + 300, () => [{ bytesOut: MB, sessionsOut: 30_000 }]);
    expect(found).toMatchObject([{ severity: 'medium', explanation: { measure: 'sessions' } }]);
  });

  it('lets only the daily budget of uncertain spikes page', () => {
    const { detector, play } = at({ dailyBudget: 2 });
    const fleet =
      (factor: number): Traffic =>
      (_, window) =>
        Array.from({ length: 15 }, (_, i) => ({
          subject: `10.0.1.${i}`,
          peer: `203.0.113.${i}`,
          bytesOut: 20_000 * factor * wobble(window + i),
        }));
    play(T0, T0 + 8 * DAY, fleet(1));
    const found = play(T0 + 8 * DAY, T0 + 8 * DAY + 300, fleet(20));
    expect(paging(found)).toHaveLength(2);
    expect(found).toHaveLength(10);
    expect(detector.overflow).toBe(5);
  });

  it('does not learn a spike in one day: an attacker must be patient', () => {
    const { play } = at();
    play(T0, T0 + 8 * DAY, steady);
    const spike: Traffic = (time, window) =>
      time % DAY === 43_200 ? [{ bytesOut: 600 * MB }] : steady(time, window);
    expect(play(T0 + 8 * DAY, T0 + 9 * DAY, spike)).toHaveLength(1);
    expect(play(T0 + 9 * DAY, T0 + 10 * DAY, spike)).toHaveLength(1);
  });

  it('tells a spike that goes on again only as it doubles, or hourly', () => {
    const { play } = at();
    play(T0, T0 + 8 * DAY, steady);
    const from = T0 + 8 * DAY;
    const found = play(from, from + 3 * 3600, () => [{ bytesOut: 300 * MB }]);
    // The first window, the first hour, which is larger, and each hour after.
    expect(found.length).toBeLessThanOrEqual(6);
    expect(new Set(found.map(({ counterpart }) => counterpart)).size).toBe(1);
    expect(found.every(({ firstSeen }) => firstSeen === from)).toBe(true);
  });

  it('tells the sender, once, when two internal hosts see the same spike', () => {
    const { play } = at();
    const both =
      (mb: number): Traffic =>
      () => [
        { subject: host, peer: '10.0.2.5', bytesOut: mb * MB },
        { subject: '10.0.2.5', peer: host, bytesIn: mb * MB },
      ];
    play(T0, T0 + 8 * DAY, both(2));
    expect(play(T0 + 8 * DAY, T0 + 8 * DAY + 300, both(500))).toMatchObject([
      { subject: host, peer: '10.0.2.5' },
    ]);
  });

  it('judges IPv6 subjects and peers alike', () => {
    const { play } = at();
    const v6 =
      (mb: number): Traffic =>
      () => [{ subject: 'fd00::10', peer: '2001:db8::9', bytesOut: mb * MB }];
    play(T0, T0 + 8 * DAY, v6(2));
    expect(play(T0 + 8 * DAY, T0 + 8 * DAY + 300, v6(500))).toMatchObject([
      { subject: 'fd00::10', peer: '2001:db8::9' },
    ]);
  });

  it('is quiet about what a host did by its other address before, and about no more', () => {
    const dual: Traffic = (time, window) => [
      ...steady(time, window),
      { subject: 'fd00::10', peer: '2001:db8::9', bytesOut: 50_000 * wobble(window) },
    ];
    const rise = (mb: number, twinOf?: DetectorContext['twinOf']): Finding[] => {
      const { play } = at({}, twinOf && { twinOf });
      play(T0, T0 + 8 * DAY, dual);
      return play(T0 + 8 * DAY, T0 + 8 * DAY + 300, () => [
        { subject: 'fd00::10', peer: '2001:db8::9', bytesOut: mb * MB },
      ]);
    };
    expect(rise(3)).toMatchObject([{ severity: 'medium', subject: 'fd00::10' }]);
    expect(rise(3, twins(host, 'fd00::10'))).toEqual([]);
    expect(rise(90, twins(host, 'fd00::10'))).toMatchObject([{ severity: 'medium', subject: 'fd00::10' }]);
  });

  it('takes an uncertain rise of what clients outside fetch for what servers are for', () => {
    const rise = (bytesOut: number, sessions: Partial<Row>): Finding[] => {
      const { play } = at();
      play(T0, T0 + 8 * DAY, (_, window) => [{ bytesOut: 50_000 * wobble(window), ...sessions }]);
      return play(T0 + 8 * DAY, T0 + 8 * DAY + 300, () => [{ bytesOut, ...sessions }]);
    };
    expect(rise(2 * MB, { sessionsOut: 1 })).toMatchObject([{ severity: 'medium' }]);
    expect(rise(2 * MB, { sessionsIn: 1 })).toMatchObject([{ severity: 'low' }]);
    expect(rise(200 * MB, { sessionsIn: 1 })).toMatchObject([{ severity: 'medium' }]);
  });

  describe('of a role', () => {
    /** Six hosts of one /24 that each move as much as `steady`, and another network that moves far more. */
    const fleet: Traffic = (time, window) => [
      ...Array.from({ length: 6 }, (_, i) => ({
        ...steady(time, window + i)[0],
        subject: `10.0.7.${i}`,
        peer: `203.0.113.${i}`,
      })),
      { subject: '10.0.8.1', peer: '203.0.113.99', bytesOut: 900 * MB },
    ];
    const fresh = (subject: string, mb: number): Traffic => {
      return (time, window) => [...fleet(time, window), { subject, bytesOut: mb * MB, bytesIn: 900 * MB }];
    };
    const born = T0 + 8 * DAY;

    it('tells what a new instance sends far above all others of its role on its first day', () => {
      const { play } = at();
      expect(play(T0, born, fleet)).toEqual([]);
      const [finding] = play(born, born + 300, fresh('10.0.7.77', 400));
      expect(finding).toMatchObject({
        severity: 'medium',
        subject: '10.0.7.77',
        peer,
        explanation: { role: '10.0.7.0/24', measure: 'bytes out' },
      });
      expect(finding?.title).toContain('times the most of the 6 others of role 10.0.7.0/24');
    });

    it('is quiet about a new instance that does what its role does', () => {
      const { play } = at();
      play(T0, born, fleet);
      expect(play(born, born + 2 * DAY, fresh('10.0.7.77', 3))).toEqual([]);
    });

    it('knows nothing of a new instance whose role has less than three others', () => {
      const { play } = at();
      play(T0, born, fleet);
      expect(play(born, born + 300, fresh('10.0.8.77', 4000))).toEqual([]);
    });

    it('does not tell as uncertain, in the first fourteen days, what others of the role do', () => {
      const rise = (quiet: string): Finding[] => {
        const { play } = at();
        const young: Traffic = (time, window) => [
          ...fleet(time, window),
          { subject: quiet, bytesOut: 100_000 * wobble(window) },
        ];
        play(T0, born, young);
        return play(born, born + 300, (time, window) => [
          ...fleet(time, window),
          { subject: quiet, bytesOut: 2 * MB },
        ]);
      };
      expect(rise('10.0.9.77')).toMatchObject([{ severity: 'medium', subject: '10.0.9.77' }]);
      expect(rise('10.0.7.77')).toEqual([]);
    });
  });

  it('keeps the largest keys when there are more than the cap', () => {
    const { detector, play } = at({ maxPairs: 64, maxSubjects: 64 });
    const crowd: Traffic = (_, window) => [
      { bytesOut: 5 * MB },
      ...Array.from({ length: 30 }, (_, i) => ({
        subject: `10.${window % 200}.1.${i}`,
        peer: `198.51.100.${i}`,
        bytesOut: 20_000,
      })),
    ];
    play(T0, T0 + 5 * DAY, crowd);
    expect(detector.overflow).toBeGreaterThan(0);
    expect(paging(play(T0 + 5 * DAY, T0 + 5 * DAY + 300, () => [{ bytesOut: 900 * MB }]))).toMatchObject([
      { subject: host, peer },
    ]);
  });

  it('tells of few and unequal days only what is three times their highest, or far outside', () => {
    const peaks = [104, 153, 133, 247, 144, 242, 232];
    const shown = (kilobytes: number): Finding[] => {
      const { play } = at();
      const traffic: Traffic = (time) => {
        const day = Math.floor((time - T0) / DAY);
        const noon = (time - T0) % DAY === DAY / 2;
        return [{ bytesOut: 1000 * (noon ? (peaks[day] ?? kilobytes) : 60) }];
      };
      return paging(play(T0, T0 + 8 * DAY, traffic));
    };
    expect(shown(600)).toEqual([]);
    expect(shown(900)).toMatchObject([{ severity: 'medium', subject: host }]);
  });
});
