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
  const show = (start: number, ...active: SessionLiteral[]): Finding[] => {
    const found: Finding[] = [];
    const step = stepOf({ start, active }, names);
    // Of a session that goes on a literal's packets are all of this step; the log's are not.
    for (const [row, { state }] of active.entries())
      if (state?.includes('first') === false) step.active.stepPacketsOut[row] = 1;
    detector.step?.(step, (finding) => found.push(finding));
    for (const finding of found) expectWhole(finding);
    return found;
  };
  return { detector, show, names };
}

const hole: SessionLiteral = { src: '10.0.1.5', dst: '10.0.0.7', port: 22 };
const rejected: SessionLiteral['state'] = ['rejected', 'rejectedNow', 'first', 'synSeen'];
const attempt: SessionLiteral = { ...hole, state: rejected };
const many = (count: number, row: SessionLiteral): SessionLiteral[] =>
  Array.from({ length: count }, (_, i) => ({ ...row, sport: 40_000 + i }));

itIsADetector(segmentation, {
  context: policyContext,
  firing: [
    { start: T0, active: [hole, { ...attempt, sport: 50_000 }, { ...hole, src: 'fd00:0:0:1::5' }] },
    {
      start: T0 + 60,
      active: [1, 2, 3, 4, 5, 6, 7].map((port) => ({ ...hole, port, sport: 41_000 + port })),
    },
    { start: T0 + 120, active: many(30, { ...attempt, dst: '10.0.0.9' }) },
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

  it('judges a session once, and again when it is let through after it was rejected', () => {
    const { show } = at();
    expect(show(T0, hole)).toHaveLength(1);
    expect(show(T0 + 60, { ...hole, state: ['accepted', 'established'] })).toEqual([]);
    const names = new Dictionary();
    const found: Finding[] = [];
    const step = stepOf({ start: T0, active: [{ ...hole, state: ['accepted', 'rejected'] }] }, names);
    segmentation
      .create(segmentation.config.parse({}), policyContext(names))
      .step?.(step, (finding) => found.push(finding));
    expect(found[0]?.severity).toBe('high');
  });

  it('tells the first attempt of a path as low, then every twenty', () => {
    const { show } = at();
    expect(show(T0, attempt)[0]).toMatchObject({
      severity: 'low',
      count: 1,
      counterpart: 'no-db-from-web web > db attempts',
      exception: { subject: '10.0.1.5', rule: 'no-db-from-web attempts' },
    });
    expect(show(T0 + 60, ...many(19, attempt))).toEqual([]);
    expect(show(T0 + 120, attempt)[0]).toMatchObject({ count: 20, firstSeen: T0 + 60 });
    expect(show(T0 + 180, attempt)).toEqual([]);
  });

  it('tells a path as new again once it was forgotten', () => {
    const { show } = at({ forgetDays: 1 });
    expect(show(T0, attempt)).toHaveLength(1);
    expect(show(T0 + 3600, attempt)).toEqual([]);
    expect(show(T0 + 3 * 86_400, attempt)).toHaveLength(1);
  });

  it('does not tell noise from outside that was rejected, and tells what got in by its target', () => {
    const { show } = at();
    expect(show(T0, { ...attempt, src: '203.0.113.9' })).toEqual([]);
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
    const { show } = at();
    show(T0, { ...hole, port: 5432 }, { src: '10.9.9.9', dst: '10.8.8.8' }, attempt);
    expect(show(T0 + 60, hole)[0]?.explanation).toMatchObject({
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
