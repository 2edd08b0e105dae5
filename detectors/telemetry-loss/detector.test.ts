import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { PRESENT, PRESENT_V2 } from '../../src/columns/flow-batch.ts';
import type { Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import {
  type InterfaceLiteral,
  plainContext,
  type SessionLiteral,
  type StepLiteral,
  shuffledStep,
  stepOf,
} from '../../test/rows.ts';
import { telemetryLoss } from './detector.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
/** 00:00 UTC. */
const T0 = 1_760_313_600;
const ACCOUNT = '123456789012';

type Minute = Omit<StepLiteral, 'start'>;
/** What one minute shows, by its start. */
type Traffic = (time: number) => Minute;

function at(settings: Record<string, unknown> = {}) {
  const names = new Dictionary();
  const detector = telemetryLoss.create(telemetryLoss.config.parse(settings), plainContext({ names }));
  const play = (from: number, to: number, traffic: Traffic, random?: () => number): Finding[] => {
    const found: Finding[] = [];
    for (let start = from; start < to; start += MINUTE) {
      const step = stepOf({ start, ...traffic(start) }, names);
      detector.step?.(random === undefined ? step : shuffledStep(step, random), (finding) =>
        found.push(finding),
      );
    }
    return found;
  };
  return { detector, play };
}

const eni = (host: number): string => `eni-${String(host).padStart(3, '0')}`;
const address = (host: number): string => `10.0.1.${host}`;
const range = (count: number): number[] => Array.from({ length: count }, (_, host) => host);
const speaking = (hosts: readonly number[]): InterfaceLiteral[] =>
  hosts.map((host) => ({ interface: eni(host), records: 5 }));
/** Each minute every interface of `hosts` logs something. */
const all =
  (hosts: readonly number[]): Traffic =>
  () => ({ interfaces: speaking(hosts) });

/** A session as `by` logs it. */
const seenBy = (
  by: number,
  src: number,
  dst: number,
  more: Partial<SessionLiteral> = {},
): SessionLiteral => ({
  src: address(src),
  dst: address(dst),
  interface: eni(by),
  sport: 40_000 + src,
  ...more,
});
/** Hosts talk with each other in a ring; half of the connections are counted as the server's interface saw them. */
const ring =
  (hosts: readonly number[], logged: readonly number[] = hosts): Traffic =>
  () => ({
    interfaces: speaking(logged),
    active: hosts.flatMap((host, i) => {
      const next = hosts[(i + 1) % hosts.length]!;
      const second = hosts[(i + 2) % hosts.length]!;
      const views: [number, number, number][] = [
        [logged.includes(host) ? host : next, host, next],
        [logged.includes(second) ? second : host, host, second],
      ];
      return views.filter(([by]) => logged.includes(by)).map((view) => seenBy(...view));
    }),
  });

itIsADetector(telemetryLoss, {
  absence: true,
  config: { learnHours: 0.1 },
  firing: range(60).map((minute) => ({
    start: T0 + minute * MINUTE,
    interfaces: speaking(minute < 10 ? range(8) : range(3)),
  })),
  tiny: { learnHours: 0.1, maxInterfaces: 2 },
});

describe('a silent interface', () => {
  it('is told as one that may have been deleted when nothing else says whether it lives', () => {
    const { play } = at();
    expect(play(T0, T0 + DAY + HOUR, all(range(8)))).toEqual([]);
    const from = T0 + DAY + HOUR;
    expect(play(from, from + 29 * MINUTE, all(range(7)))).toEqual([]);
    const found = play(from + 29 * MINUTE, from + HOUR, all(range(7)));
    expect(found).toMatchObject([
      {
        severity: 'low',
        subject: eni(7),
        counterpart: 'silent',
        firstSeen: from,
        lastSeen: from + 31 * MINUTE,
        explanation: { observed: '31 min without records' },
      },
    ]);
    expect(found[0]?.title).toContain('may have been deleted');
    expect(found[0]?.query).toContain(`interface_id = '${eni(7)}'`);
  });

  it('is told as lost when others go on logging packets from its address, with the query that shows them', () => {
    const { play } = at();
    const hosts = range(8);
    expect(play(T0, T0 + DAY + HOUR, ring(hosts))).toEqual([]);
    const from = T0 + DAY + HOUR;
    const found = play(from, from + HOUR, ring(hosts, range(7)));
    expect(found).toMatchObject([{ severity: 'medium', subject: eni(7), counterpart: 'silent' }]);
    expect(found[0]?.lastSeen).toBeLessThanOrEqual(from + 31 * MINUTE);
    expect(found[0]?.explanation.address).toBe(address(7));
    expect(found[0]?.query).toContain(`srcaddr = '${address(7)}'`);
  });

  it('is told anew each hour as long as it goes on, and no more when it speaks', () => {
    const { play } = at();
    const hosts = range(8);
    play(T0, T0 + DAY + HOUR, ring(hosts));
    const from = T0 + DAY + HOUR;
    expect(play(from, from + 5 * HOUR, ring(hosts, range(7)))).toHaveLength(5);
    expect(play(from + 5 * HOUR, from + 9 * HOUR, ring(hosts))).toEqual([]);
  });

  it('is no news when it was scaled in: it is seen by nobody any more', () => {
    const { play } = at();
    expect(play(T0, T0 + DAY + HOUR, ring(range(8)))).toEqual([]);
    expect(play(T0 + DAY + HOUR, T0 + 3 * DAY, ring(range(7)))).toEqual([]);
  });

  it('is no news when its address was given to a new interface', () => {
    const { play } = at();
    play(T0, T0 + DAY + HOUR, ring(range(8)));
    const heir = 9;
    const from = T0 + DAY + HOUR;
    const found = play(from, from + DAY, (time) => {
      const minute = ring(range(7))(time);
      if (time < from + 20 * MINUTE) return minute;
      return {
        interfaces: [...minute.interfaces!, ...speaking([heir])],
        active: [
          ...minute.active!,
          seenBy(heir, 7, 0),
          seenBy(heir, 7, 1, { port: 5432 }),
          seenBy(2, 7, 2, { port: 8080 }),
        ],
      };
    });
    expect(found).toEqual([]);
  });

  it('is none when it reports NODATA', () => {
    const { play } = at();
    const quiet: Traffic = (time) => ({
      interfaces: [
        ...speaking(range(4)),
        ...(time % 600 === 0 ? [{ interface: eni(9), records: 1, noData: 1 }] : []),
      ],
    });
    expect(play(T0, T0 + 4 * DAY, quiet)).toEqual([]);
  });

  it('is none within three times the gap that is usual for it', () => {
    const { play } = at();
    const hourly: Traffic = (time) => ({
      interfaces: [...speaking(range(4)), ...(time % (2 * HOUR) === 0 ? speaking([9]) : [])],
    });
    play(T0, T0 + 2 * DAY, hourly);
    expect(play(T0 + 2 * DAY, T0 + 2 * DAY + 5 * HOUR, all(range(4)))).toEqual([]);
  });

  it('is none before it was heard for a day: what scales with the day comes and goes', () => {
    const { play } = at();
    const churn: Traffic = (time) => {
      const wave = Math.floor(time / (10 * HOUR));
      return { interfaces: [...speaking(range(6)), ...speaking([100 + wave * 2, 101 + wave * 2])] };
    };
    expect(play(T0, T0 + 5 * DAY, churn)).toEqual([]);
  });

  it('is told five times a day at most when it may have been deleted', () => {
    const { play } = at();
    play(T0, T0 + DAY + HOUR, all(range(40)));
    const from = T0 + 2 * DAY;
    // One after the other, so that it is no outage.
    const found = play(T0 + DAY + HOUR, from + DAY, (time) => ({
      interfaces: speaking(range(40 - Math.max(0, Math.min(12, Math.floor((time - from) / HOUR))))),
    }));
    expect(new Set(found.map(({ subject }) => subject)).size).toBe(5);
    expect(found.every(({ severity }) => severity === 'low')).toBe(true);
  });

  it('is no proof for networks that overlap: two interfaces have one address', () => {
    const { play } = at({ dailyBudget: 0 });
    const twin = 50;
    const twins: Traffic = (time) => {
      const minute = ring(range(8))(time);
      return {
        interfaces: [...minute.interfaces!, ...speaking([twin, 51])],
        active: [...minute.active!, seenBy(twin, 7, 60), seenBy(twin, 7, 61), seenBy(51, 7, 51)],
      };
    };
    play(T0, T0 + DAY + HOUR, twins);
    const found = play(T0 + DAY + HOUR, T0 + 2 * DAY, (time) => {
      const { interfaces, active } = twins(time);
      return {
        interfaces: interfaces!.filter((row) => row.interface !== eni(7)),
        active: active!.filter(
          (row) =>
            row.interface !== eni(7) &&
            (row.src !== address(7) || row.interface === eni(51) || row.interface === eni(twin)),
        ),
      };
    });
    expect(found).toEqual([]);
  });

  it('cannot be hidden within a day by gaps that grow', () => {
    const { play } = at();
    let last = T0 + DAY + HOUR;
    play(T0, last, ring(range(8)));
    let gap = 14 * MINUTE;
    const found: Finding[] = [];
    while (last + gap < T0 + 2 * DAY) {
      found.push(...play(last, last + gap, ring(range(8), range(7))));
      found.push(...play(last + gap, last + gap + MINUTE, ring(range(8))));
      last += gap + MINUTE;
      gap *= 2.9;
    }
    expect(found.map(({ subject }) => subject)).toContain(eni(7));
  });
});

describe('an account', () => {
  it('whose interfaces fall silent together is one alert, told each hour', () => {
    const { play } = at();
    const other: InterfaceLiteral = { interface: 'eni-other', account: '210987654321' };
    const both =
      (hosts: readonly number[]): Traffic =>
      () => ({ interfaces: [...speaking(hosts), other] });
    expect(play(T0, T0 + DAY + HOUR, both(range(20)))).toEqual([]);
    const from = T0 + DAY + HOUR;
    const found = play(from, from + 3 * HOUR, both([]));
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({
      severity: 'high',
      subject: ACCOUNT,
      counterpart: 'silent',
      firstSeen: from,
      explanation: { observed: '20 of 20 interfaces silent' },
    });
    expect(new Set(found.map(({ subject, counterpart }) => `${subject} ${counterpart}`)).size).toBe(1);
  });

  it('is one alert too when half of it falls silent, high when others still see one of those', () => {
    const { play } = at();
    const hosts = range(10);
    play(T0, T0 + DAY + HOUR, ring(hosts));
    const found = play(T0 + DAY + HOUR, T0 + DAY + 2 * HOUR, ring(hosts, range(5)));
    expect(found[0]).toMatchObject({
      subject: ACCOUNT,
      explanation: { observed: '5 of 10 interfaces silent' },
    });
    expect(new Set(found.map(({ subject }) => subject))).toEqual(new Set([ACCOUNT]));
  });

  it('begins anew after an outage: what does not come back is told alone', () => {
    const { play } = at();
    play(T0, T0 + DAY + HOUR, all(range(10)));
    const from = T0 + DAY + HOUR;
    const outage = play(from, from + 2 * HOUR, all([]));
    expect(new Set(outage.map(({ subject }) => subject))).toEqual(new Set([ACCOUNT]));
    const after = play(from + 2 * HOUR, from + 5 * HOUR, all(range(9)));
    expect(new Set(after.map(({ subject }) => subject))).toEqual(new Set([eni(9)]));
  });

  it('is well again when as many new interfaces speak as are silent, and more', () => {
    const { play } = at();
    const from = T0 + DAY + HOUR;
    play(T0, from, all(range(5)));
    const green = range(8).map((host) => 100 + host);
    const found = play(from, from + 2 * DAY, all(green));
    expect(found[0]?.subject).toBe(ACCOUNT);
    expect(found.at(-1)?.lastSeen).toBeLessThanOrEqual(from + DAY + HOUR);
  });

  it('is told for a week when its log never comes back', () => {
    const { play } = at();
    play(T0, T0 + DAY + HOUR, all(range(4)));
    const found = play(T0 + DAY + HOUR, T0 + 10 * DAY, all([]));
    expect(found.at(-1)?.lastSeen).toBeGreaterThan(T0 + 7 * DAY);
    expect(found.at(-1)?.lastSeen).toBeLessThan(T0 + 9 * DAY);
  });

  it('is one of all when nothing comes from any', () => {
    const { play } = at();
    const accounts: Traffic = () => ({
      interfaces: range(30).map((host) => ({ interface: eni(host), account: `account-${host % 5}` })),
    });
    play(T0, T0 + DAY + HOUR, accounts);
    const found = play(T0 + DAY + HOUR, T0 + DAY + 3 * HOUR, all([]));
    expect(found).toMatchObject([{ subject: 'all accounts', severity: 'high' }, { subject: 'all accounts' }]);
    expect(found[0]?.title).toContain('all 5 accounts, 30 interfaces');
  });
});

describe('skipped records', () => {
  const skipping =
    (skips: number): Traffic =>
    () => ({
      interfaces: [{ interface: eni(1), records: 20 + skips, skipData: skips }],
    });

  it('are told from a share of one percent on, medium from ten', () => {
    const { play } = at();
    expect(play(T0, T0 + 15 * MINUTE, skipping(1))).toMatchObject([
      {
        severity: 'low',
        subject: ACCOUNT,
        counterpart: 'skipdata',
        firstSeen: T0,
        explanation: { observed: '15 of 315 lines, 4.8 %', worstInterface: eni(1), ofWhich: 15 },
      },
    ]);
    expect(play(T0 + 15 * MINUTE, T0 + 30 * MINUTE, skipping(9))).toMatchObject([{ severity: 'medium' }]);
  });

  it('are no news when they are few', () => {
    const { play } = at();
    const few: Traffic = (time) => skipping(time % (5 * HOUR) === 0 ? 3 : 0)(time);
    expect(play(T0, T0 + DAY, few)).toEqual([]);
  });
});

describe('fields', () => {
  const withFields =
    (present: number, hosts = range(6)): Traffic =>
    () => ({
      interfaces: hosts.map((host) => ({ interface: eni(host), records: 3, present })),
    });
  const V3 = PRESENT_V2 | PRESENT.tcpFlags | PRESENT.pktSrcAddr | PRESENT.pktDstAddr;

  it('that records have no longer are one alert that names them', () => {
    const { play } = at();
    expect(play(T0, T0 + DAY + HOUR, withFields(V3))).toEqual([]);
    const found = play(T0 + DAY + HOUR, T0 + DAY + HOUR + 15 * MINUTE, withFields(PRESENT_V2));
    expect(found).toMatchObject([{ severity: 'medium', subject: ACCOUNT, counterpart: 'fields' }]);
    expect(found[0]?.title).toContain('pkt-dstaddr, pkt-srcaddr, tcp-flags');
  });

  it('without which no connection can be rebuilt are high', () => {
    const { play } = at();
    play(T0, T0 + DAY + HOUR, withFields(V3));
    const found = play(T0 + DAY + HOUR, T0 + DAY + 2 * HOUR, withFields(V3 & ~PRESENT.dstAddr));
    expect(found[0]?.severity).toBe('high');
  });

  it('are got used to in two days, and no news when one interface of many lacks them', () => {
    const { play } = at();
    play(T0, T0 + DAY + HOUR, withFields(V3));
    play(T0 + DAY + HOUR, T0 + 4 * DAY, withFields(PRESENT_V2));
    expect(play(T0 + 4 * DAY, T0 + 5 * DAY, withFields(PRESENT_V2))).toEqual([]);
    const mixed: Traffic = (time) => ({
      interfaces: [
        ...withFields(V3, range(9))(time).interfaces!,
        ...withFields(PRESENT_V2, [9])(time).interfaces!,
      ],
    });
    const { play: again } = at();
    again(T0, T0 + DAY + HOUR, withFields(V3, range(10)));
    expect(again(T0 + DAY + HOUR, T0 + DAY + 6 * HOUR, mixed)).toEqual([]);
  });
});

describe('telemetry-loss', () => {
  it('writes names from outside into no SQL but as text', () => {
    const { play } = at();
    const hostile = `eni' OR 1=1 --`;
    const row = [{ interface: hostile }];
    play(T0, T0 + DAY + HOUR, () => ({ interfaces: [...row, ...speaking([1])] }));
    const found = play(T0 + DAY + HOUR, T0 + DAY + 2 * HOUR, all([1]));
    expect(found[0]?.query).toContain(`interface_id = 'eni'' OR 1=1 --'`);
  });

  it('finds the same in any order of rows, and across a restart at any moment', () => {
    const story: Traffic = (time) => {
      const minute = (time - T0) / MINUTE;
      if (minute < 60) return ring(range(9))(time);
      if (minute < 130) return ring(range(9), range(8))(time);
      return minute < 200 ? ring(range(9), [0, 1])(time) : ring(range(9))(time);
    };
    const settings = { learnHours: 0.5, maxInterfaces: 8, forgetHours: 1 };
    const expected = at(settings).play(T0, T0 + 5 * HOUR, story);
    expect(expected.length).toBeGreaterThan(2);
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), fc.nat(299), (stream, cut) => {
        const random = (): number => stream.next().value as number;
        const { detector, play } = at(settings);
        const middle = T0 + cut * MINUTE;
        const found = play(T0, middle, story, random);
        detector.restore(detector.snapshot());
        found.push(...play(middle, T0 + 5 * HOUR, story, random));
        expect(found).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });
});
