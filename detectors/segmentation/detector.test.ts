import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { DetectorContext, Finding, Verdict } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { segmentation } from './detector.ts';

const T0 = 1_760_000_400;
const ZONES: readonly (readonly [string, string])[] = [
  ['10.0.1.', 'web'],
  ['fd00:0:0:1:', 'web'],
  ['10.0.0.', 'db'],
  ['fd00:0:0:2:', 'db'],
];

/** web → db is denied by a rule but for 5432; anything else with a zone is denied by default, except inside a zone. */
function policyContext(names: Dictionary): DetectorContext {
  const zoneOf = (address: string): string => ZONES.find(([start]) => address.startsWith(start))?.[1] ?? '';
  return plainContext({
    names,
    policy: {
      size: 2,
      zoneOf,
      judge(sessions, row): Verdict {
        const srcZone = zoneOf(formatAddress(sessions.srcAddr, row * 4));
        const dstZone = zoneOf(formatAddress(sessions.dstAddr, row * 4));
        const zones = { srcZone, dstZone };
        if (srcZone === '' && dstZone === '') return { verdict: 'unmatched', rule: 'default-deny', ...zones };
        if (srcZone === dstZone || sessions.dstPort[row] === 5432)
          return { verdict: 'allowed', rule: 'inside', ...zones };
        const named = srcZone === 'web' && dstZone === 'db';
        return { verdict: 'violation', rule: named ? 'no-db-from-web' : 'default-deny', ...zones };
      },
    },
  });
}

function at(settings: object = {}, context: (names: Dictionary) => DetectorContext = policyContext) {
  const names = new Dictionary();
  const detector = segmentation.create(segmentation.config.parse(settings), context(names));
  const seen = (start: number, active: SessionLiteral[], ended: SessionLiteral[]): Finding[] => {
    const found: Finding[] = [];
    detector.step?.(stepOf({ start, active, ended }, names), (finding) => found.push(finding));
    for (const finding of found) expectWhole(finding);
    return found;
  };
  const show = (start: number, ...active: SessionLiteral[]): Finding[] => seen(start, active, []);
  const end = (start: number, ...ended: SessionLiteral[]): Finding[] => seen(start, [], ended);
  return { detector, show, end, names };
}

const hole: SessionLiteral = { src: '10.0.1.5', dst: '10.0.0.7', port: 22 };
const attempt: SessionLiteral = { ...hole, state: ['rejected', 'ended', 'synSeen'] };
const many = (count: number, row: SessionLiteral): SessionLiteral[] =>
  Array.from({ length: count }, (_, i) => ({ ...row, sport: 40_000 + i }));

itIsADetector(segmentation, {
  context: policyContext,
  firing: [
    { start: T0, active: [hole, { ...hole, src: 'fd00:0:0:1::5' }], ended: [{ ...attempt, sport: 50_000 }] },
    {
      start: T0 + 60,
      active: [1, 2, 3, 4, 5, 6, 7].map((port) => ({ ...hole, port, sport: 41_000 + port })),
    },
    { start: T0 + 120, ended: many(30, { ...attempt, dst: '10.0.0.9' }) },
  ],
  tiny: { maxPaths: 1 },
});

describe('segmentation', () => {
  it('tells a session that was let through as high with rule, zones, numbers, query and exception', () => {
    const { show } = at();
    const [finding, ...rest] = show(T0, hole);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'high',
      title: '10.0.1.5 (web) reached 10.0.0.7 (db) on 22/tcp, which rule no-db-from-web denies',
      subject: '10.0.1.5',
      peer: '10.0.0.7',
      port: 22,
      protocol: 6,
      counterpart: 'no-db-from-web web > db 22/tcp',
      count: 1,
      exception: { subject: '10.0.1.5', port: 22, protocol: 6, rule: 'no-db-from-web' },
    });
    expect(finding?.explanation).toMatchObject({
      observed: '1 session let through on 22/tcp, 5 kB',
      rule: 'no-db-from-web',
      fromZone: 'web',
      toZone: 'db',
    });
    expect(finding?.query).toContain("srcaddr = '10.0.1.5' AND dstaddr = '10.0.0.7'");
  });

  it('names the zones in the exception when the default denied', () => {
    const [finding] = at().show(T0, { ...hole, src: '10.0.0.7', dst: '10.0.1.5' });
    expect(finding?.title).toContain('which no rule allows');
    expect(finding?.exception.rule).toBe('default-deny db > web');
  });

  it('is silent about what is allowed, in no zone, or without a policy', () => {
    expect(at().show(T0, { ...hole, port: 5432 }, { src: '10.9.9.9', dst: '10.8.8.8' })).toEqual([]);
    expect(at({}, (names) => plainContext({ names })).show(T0, hole)).toEqual([]);
  });

  it('makes one alert of many peers and sessions of a subject on a port', () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({ ...hole, dst: `10.0.0.${i + 1}` }));
    const [finding, ...rest] = at().show(T0, ...rows);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ count: 50 });
    expect(finding?.title).toContain('reached 50 addresses of db on 22/tcp');
  });

  it('tells four ports of a path apart and joins what comes later', () => {
    const { show } = at();
    const ports = (...list: number[]) => list.map((port) => ({ ...hole, port, sport: 41_000 + port }));
    const titles = (found: Finding[]) => found.map(({ counterpart }) => counterpart.split(' > db ')[1]);
    expect(titles(show(T0, ...ports(22, 80, 443)))).toEqual(['22/tcp', '80/tcp', '443/tcp']);
    expect(titles(show(T0 + 60, ...ports(1, 2, 22, 3)))).toEqual(['1/tcp', '22/tcp', 'other ports']);
    const [others] = show(T0 + 120, ...ports(7, 8, 9));
    expect(others).toMatchObject({ count: 3, exception: { rule: 'no-db-from-web other ports' } });
  });

  it('judges a session once', () => {
    const { show, end } = at();
    expect(show(T0, { ...hole, state: ['accepted', 'first', 'synSeen'] })).toEqual([]);
    expect(show(T0 + 60, { ...hole, state: ['accepted', 'established', 'establishedNow'] })).toHaveLength(1);
    expect(show(T0 + 120, { ...hole, state: ['accepted', 'established'] })).toEqual([]);
    expect(end(T0 + 180, { ...hole, state: ['accepted', 'established', 'ended'] })).toEqual([]);
  });

  it('tells what was let through and not answered when it ends', () => {
    const [finding] = at().end(T0, { ...hole, state: ['accepted', 'ended'], bytesOut: 60, bytesIn: 0 });
    expect(finding).toMatchObject({ severity: 'high', score: 0.8 });
    expect(finding?.title).toContain('was let through to 10.0.0.7 (db)');
  });

  it('takes what one interface let out and the other one rejected for an attempt', () => {
    const [finding, ...rest] = at().end(T0, { ...hole, state: ['accepted', 'rejected', 'ended'] });
    expect(rest).toEqual([]);
    expect(finding?.severity).toBe('low');
  });

  it('tells attempts as low, one alert a subject and path, and counts them all', () => {
    const { end } = at();
    const [first] = end(T0, attempt);
    expect(first).toMatchObject({
      severity: 'low',
      count: 1,
      counterpart: 'no-db-from-web web > db attempts',
      exception: { subject: '10.0.1.5', rule: 'no-db-from-web attempts' },
    });
    expect(first?.title).toContain('tried to reach 10.0.0.7 (db) on 22/tcp');
    const [more, ...rest] = end(T0 + 60, ...many(19, { ...attempt, dst: '10.0.0.8' }), {
      ...attempt,
      port: 23,
    });
    expect(rest).toEqual([]);
    expect(more).toMatchObject({ count: 20, counterpart: 'no-db-from-web web > db attempts' });
    expect(more?.explanation.observed).toMatch(/^20 rejected sessions on 2 ports/);
  });

  it('tells ports apart again once the path was forgotten', () => {
    const { show } = at({ forgetDays: 1, ports: 1 });
    const counterparts = (start: number, port: number) =>
      show(start, { ...hole, port }).map(({ counterpart }) => counterpart.split(' > db ')[1]);
    expect(counterparts(T0, 22)).toEqual(['22/tcp']);
    expect(counterparts(T0 + 3600, 23)).toEqual(['other ports']);
    expect(counterparts(T0 + 3 * 86_400, 23)).toEqual(['23/tcp']);
  });

  it('does not tell noise from outside that was rejected, and tells what got in by its target', () => {
    const { show, end } = at();
    expect(end(T0, { ...attempt, src: '203.0.113.9' })).toEqual([]);
    const [finding, ...rest] = show(
      T0 + 60,
      { ...hole, src: '203.0.113.9' },
      { ...hole, src: '203.0.113.10' },
    );
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ severity: 'high', subject: '10.0.0.7', count: 2 });
    expect(finding?.title).toBe(
      '2 addresses of no zone reached 10.0.0.7 (db) on 22/tcp, which no rule allows',
    );
  });

  it('says how many sessions were judged before', () => {
    const { show, end } = at();
    show(T0, { ...hole, port: 5432 }, { src: '10.9.9.9', dst: '10.8.8.8' });
    end(T0 + 60, attempt);
    expect(show(T0 + 120, hole)[0]?.explanation).toMatchObject({
      allowedBefore: 1,
      unmatchedBefore: 1,
      rejectedBefore: 1,
      letThroughBefore: 0,
    });
  });

  it('tells holes in late sessions under the same identity', () => {
    const { detector, names, show } = at();
    const late: Finding[] = [];
    detector.late?.(stepOf({ start: T0, active: [hole, attempt] }, names).active, (f) => late.push(f));
    expect(late.map(({ subject, counterpart }) => [subject, counterpart])).toEqual(
      show(T0, hole).map(({ subject, counterpart }) => [subject, counterpart]),
    );
  });

  it('stays within its cap when every port is tried', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ ...hole, port: i + 1 })).filter(
      ({ port }) => port !== 5432,
    );
    const found = at().show(T0, ...rows);
    expect(found).toHaveLength(5);
    expect(found.at(-1)).toMatchObject({ counterpart: 'no-db-from-web web > db other ports', count: 19_995 });
  });
});
