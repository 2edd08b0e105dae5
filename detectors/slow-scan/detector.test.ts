import { describe, expect, it } from 'vitest';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, T0 } from '../../test/findings.ts';
import type { SessionLiteral, StepLiteral } from '../../test/rows.ts';
import { slowScanConfig } from './config.ts';
import { slowScan } from './detector.ts';
import { walkOf } from './judge.ts';

const src = '10.0.1.10';
const knock = (host: number, by = src): SessionLiteral => ({
  ...{ src: by, dst: by.includes(':') ? `fd00::2:${host.toString(16)}` : `10.0.2.${host}`, port: 22 },
  state: ['rejected', 'rejectedNow', 'first'],
});
const visit = (host: number, by = src): SessionLiteral => ({ src: by, dst: `10.0.3.${host}`, port: 443 });
/** One step every `every` minutes, with the rows that `of` gives. */
const every = (minutes: number, count: number, of: (i: number) => readonly SessionLiteral[]): StepLiteral[] =>
  Array.from({ length: count }, (_, i) => ({ start: T0 + i * minutes * 60, active: of(i) }));

itIsADetector(slowScan, {
  config: { minutes: 1 },
  firing: every(1, 12, (i) => [
    knock(i),
    knock(i + 1),
    knock(i, 'fd00::10'),
    { ...knock(i), sport: 2, port: 80 },
  ]),
  tiny: { minutes: 1, maxSources: 1 },
});

describe('slow-scan', () => {
  it('walks by the constants of the paper: four failures outweigh 99 to 1, and so do four successes', () => {
    const walk = walkOf(slowScanConfig.parse({}));
    expect(3 * walk.failure).toBeLessThan(walk.scanner);
    expect(4 * walk.failure).toBeGreaterThan(walk.scanner);
    expect(walk.success).toBeCloseTo(-walk.failure);
    expect(walk.benign).toBeCloseTo(-walk.scanner);
  });

  it('tells one host every five minutes: low from ten hosts, medium from twenty inside', () => {
    const found = findingsOf(
      slowScan,
      every(5, 40, (i) => [knock(i)]),
    );
    expect(found).toMatchObject([
      { severity: 'low', subject: src, counterpart: 'slow scan', count: 10 },
      { severity: 'medium', count: 10 },
      { severity: 'medium', count: 20 },
    ]);
    expect(found[1]?.title).toBe('10.0.1.10 tried 20 hosts it did not know in vain in 96 min');
    expect(found[1]?.exception).toEqual({ subject: src, rule: 'slow scan' });
  });

  it('tells a scan that goes on before its alert would resolve', () => {
    const found = findingsOf(
      slowScan,
      every(60, 200, (i) => [knock(i)]),
    );
    const seen = found.map(({ lastSeen }) => lastSeen);
    const gaps = [...seen.slice(1), T0 + 200 * 3600].map((time, i) => time - seen[i]!);
    expect(Math.max(...gaps)).toBeLessThan(slowScan.quietPeriod);
  });

  it('is the same over IPv6, and for attempts that nobody answers', () => {
    expect(
      findingsOf(
        slowScan,
        every(5, 24, (i) => [knock(i, 'fd00::10')]),
      ),
    ).toMatchObject([
      { severity: 'low', subject: 'fd00::10' },
      { severity: 'medium', subject: 'fd00::10' },
    ]);
    const silent = (i: number): SessionLiteral => ({
      ...{ src, dst: `203.0.${i}.9`, port: 445, state: ['accepted', 'ended'] },
      ...{ flagsOut: 2, packetsOut: 3, packetsIn: 0, bytesOut: 180, bytesIn: 0 },
    });
    const steps = Array.from({ length: 12 }, (_, i) => ({ start: T0 + i * 600, ended: [silent(i)] }));
    expect(findingsOf(slowScan, steps)).toMatchObject([{ severity: 'low' }]);
  });

  it('stays low for who fails mostly outside', () => {
    const outside = (i: number): SessionLiteral => ({ ...knock(i), dst: `203.0.113.${i}` });
    const found = findingsOf(
      slowScan,
      every(5, 60, (i) => [knock(i), outside(2 * i), outside(2 * i + 1)]),
    );
    expect(new Set(found.map(({ severity }) => severity))).toEqual(new Set(['low']));
  });

  it('counts a host once, whatever the ports, and not at all when something of it worked', () => {
    expect(
      findingsOf(
        slowScan,
        every(5, 40, (i) => [{ ...knock(5), port: i + 1 }]),
      ),
    ).toEqual([]);
    const opened = (i: number): SessionLiteral => ({ ...visit(0), dst: knock(i).dst });
    expect(
      findingsOf(
        slowScan,
        every(5, 40, (i) => [knock(i), opened(i)]),
      ),
    ).toEqual([]);
  });

  it('is silent about a host whose first contacts mostly work', () => {
    expect(
      findingsOf(
        slowScan,
        every(5, 60, (i) => [i % 2 === 0 ? knock(i) : visit(i)]),
      ),
    ).toEqual([]);
  });

  it('is silent about hosts it knew: a service that died is no scan', () => {
    const before = every(1, 40, (i) => [{ ...visit(0), dst: knock(i).dst }]);
    const after = every(5, 40, (i) => [knock(i)]).map((step) => ({ ...step, start: step.start + 3600 }));
    expect(findingsOf(slowScan, [...before, ...after])).toEqual([]);
  });

  it('keeps in mind whom a host speaks with day after day', () => {
    const visits = Array.from({ length: 5 }, (_, day) => ({
      start: T0 + day * 86_400,
      active: Array.from({ length: 40 }, (_, host) => ({ ...visit(0), dst: `10.0.2.${host}`, sport: host })),
    }));
    const after = every(5, 40, (i) => [knock(i)]).map((step) => ({
      ...step,
      start: step.start + 4 * 86_400 + 3600,
    }));
    expect(findingsOf(slowScan, [...visits, ...after])).toEqual([]);
  });

  it('leaves hosts out on which several sources fail', () => {
    const crowd = ['10.0.1.10', '10.0.1.11', '10.0.1.12', '10.0.1.13'];
    expect(
      findingsOf(
        slowScan,
        every(5, 40, (i) => crowd.map((by) => knock(i, by))),
      ),
    ).toEqual([]);
  });

  it('takes half-open checks neither for failures nor for successes', () => {
    const end = { sport: 3, state: ['accepted', 'established', 'ended'], packetsIn: 1, bytesIn: 40 } as const;
    const check = (i: number): SessionLiteral => ({
      ...{ ...knock(i), ...end, dst: `10.0.4.${i}`, packetsOut: 2, bytesOut: 100, flagsOut: 6, flagsIn: 18 },
    });
    const refusal = (i: number): SessionLiteral => ({
      ...check(i),
      packetsOut: 1,
      bytesOut: 60,
      flagsIn: 20,
    });
    const ended = (of: (i: number) => SessionLiteral[]) =>
      Array.from({ length: 24 }, (_, i) => ({ start: T0 + i * 300, ended: of(i) }));
    const levels = (of: (i: number) => SessionLiteral[]) =>
      findingsOf(slowScan, ended(of)).map(({ severity }) => severity);
    expect(levels((i) => [check(i)])).toEqual([]);
    expect(levels((i) => [refusal(i)])).toEqual(['low', 'medium']);
    expect(levels((i) => [check(i), { ...refusal(i), dst: knock(i).dst }])).toEqual(['low', 'medium']);
  });

  it('leaves fast scans to port-scan, and sources outside alone', () => {
    expect(
      findingsOf(
        slowScan,
        every(1, 20, (i) => [knock(i)]),
      ),
    ).toEqual([]);
    expect(
      findingsOf(
        slowScan,
        every(5, 60, (i) => [knock(i, '203.0.113.9')]),
      ),
    ).toEqual([]);
  });

  it('forgets a source after a day without failures', () => {
    const steps = [...every(5, 9, (i) => [knock(i)]), ...every(5, 9, (i) => [knock(100 + i)])];
    const apart = steps.map((step, i) => (i < 9 ? step : { ...step, start: step.start + 26 * 3600 }));
    expect(findingsOf(slowScan, apart)).toEqual([]);
  });
});
