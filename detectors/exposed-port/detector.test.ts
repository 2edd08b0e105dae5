import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, T0 } from '../../test/findings.ts';
import { listingContext, type SessionLiteral, type StepLiteral } from '../../test/rows.ts';
import { exposedPort } from './detector.ts';

/** A banner grab that was answered with a SYN and a banner. */
const probe: SessionLiteral = {
  ...{ src: '203.0.113.1', dst: '10.0.1.5', port: 5900, flagsOut: 3, flagsIn: 19 },
  ...{ bytesOut: 320, packetsOut: 5, bytesIn: 400, packetsIn: 4 },
};
/** `count` sources, each with one probe. */
const probes = (count: number, of: Partial<SessionLiteral> = {}, from = 0): SessionLiteral[] =>
  Array.from({ length: count }, (_, i) => {
    const at = from + i;
    return { ...probe, src: `203.0.${113 + (at >> 8)}.${at & 255}`, sport: 1024 + at, ...of };
  });
const overV6 = (row: SessionLiteral, i: number): SessionLiteral => ({
  ...row,
  src: `2001:db8:${i}::1`,
  dst: 'fd00::5',
});
/** One minute after the other, with these sessions over. */
const minutesOf = (...rows: readonly (readonly SessionLiteral[])[]): StepLiteral[] =>
  rows.map((ended, i) => ({ start: T0 + i * 60, ended }));
const find = (...rows: readonly (readonly SessionLiteral[])[]): Finding[] =>
  findingsOf(exposedPort, minutesOf(...rows));

itIsADetector(exposedPort, {
  firing: minutesOf(
    [...probes(5), ...probes(5, { port: 9200 })],
    probes(3, { port: 80 }),
    probes(6).map(overV6),
  ),
  tiny: { maxServices: 1 },
});

describe('exposed-port', () => {
  it('tells a port that answers five unknown addresses within an hour, as one low alert', () => {
    const quiet = Array.from({ length: 20 }, () => []);
    const found = find(probes(2), ...quiet, probes(3, {}, 2));
    expect(found).toMatchObject([
      {
        severity: 'low',
        title: '5 unknown addresses outside probed 5900/tcp of 10.0.1.5, and it answered',
        ...{ subject: '10.0.1.5', port: 5900, protocol: 6, counterpart: '5900/tcp', count: 5 },
        exception: { subject: '10.0.1.5', port: 5900, protocol: 6 },
      },
    ]);
    expect(found[0]).not.toHaveProperty('peer');
    expect(find(probes(4))).toEqual([]);
  });

  it('is high where whoever asks gets data or runs programs: EMR, Elasticsearch', () => {
    for (const port of [8088, 9200, 9300])
      expect(find(probes(5, { port }))).toMatchObject([{ severity: 'high', port }]);
    expect(
      findingsOf(exposedPort, minutesOf(probes(5, { port: 6379 })), { config: { highPorts: [6379] } }),
    ).toMatchObject([{ severity: 'high' }]);
  });

  it('is the same over IPv6, where a /64 is one source', () => {
    expect(find(probes(5).map(overV6))).toMatchObject([{ severity: 'low', subject: 'fd00::5' }]);
    const one = probes(9).map((row, i) => ({ ...overV6(row, 0), src: `2001:db8::${i + 1}` }));
    expect(find(one)).toEqual([]);
  });

  it('tells it again when the sources have doubled', () => {
    const found = find(probes(5), probes(4, {}, 5), probes(1, {}, 9));
    expect(found.map(({ title }) => title.split(' ')[0])).toEqual(['5', '10']);
  });

  it('is silent about closed ports: rejected, unanswered, refused, with and without tcp-flags', () => {
    const closed: Partial<SessionLiteral>[] = [
      { state: ['rejected', 'ended'], packetsOut: 0, bytesOut: 0, packetsIn: 0, bytesIn: 0 },
      { flagsOut: 2, flagsIn: 0, packetsIn: 0, bytesIn: 0 },
      { flagsOut: 2, flagsIn: 4, packetsOut: 1, bytesOut: 60, packetsIn: 1, bytesIn: 40 },
      { flagsOut: 0, flagsIn: 0, packetsOut: 3, bytesOut: 180, packetsIn: 3, bytesIn: 120 },
    ];
    for (const facts of closed) expect(find(probes(9, facts)), JSON.stringify(facts)).toEqual([]);
  });

  it('counts a half-open scan by its SYN back, and without tcp-flags an answer with content', () => {
    const halfOpen = { flagsOut: 6, flagsIn: 18, packetsOut: 2, bytesOut: 100, packetsIn: 1, bytesIn: 60 };
    expect(find(probes(5, halfOpen))).toHaveLength(1);
    expect(find(probes(5, { flagsOut: 0, flagsIn: 0 }))).toHaveLength(1);
  });

  it('is silent about a server that is used: sessions of its clients are no probes', () => {
    expect(find(probes(200, { bytesOut: 2400, bytesIn: 40_000, packetsOut: 12, packetsIn: 30 }))).toEqual([]);
  });

  it('leaves alone who is inside, AWS’s own health checks, and what is not ours', () => {
    expect(find(probes(9).map((row, i) => ({ ...row, src: `10.0.9.${i}` })))).toEqual([]);
    expect(find(probes(9, { srcScope: 'awsService' }))).toEqual([]);
    expect(find(probes(9, { dst: '198.51.100.7' }))).toEqual([]);
    expect(find(probes(9, { protocol: 17 }))).toEqual([]);
  });

  it('does not count sources that a feed lists: bad-ip tells them', () => {
    const listing = { feed: 'drop', category: 'scanner', confidence: 90, expires: 0 };
    const listed = (confidence: number) => ({
      context: (names: Parameters<typeof listingContext>[0]) =>
        listingContext(names, { '203.0.113.0': { ...listing, confidence } }),
    });
    expect(findingsOf(exposedPort, minutesOf(probes(5)), listed(90))).toEqual([]);
    expect(findingsOf(exposedPort, minutesOf(probes(6)), listed(90))).toHaveLength(1);
    expect(findingsOf(exposedPort, minutesOf(probes(5)), listed(20))).toHaveLength(1);
  });
});

describe('a public port', () => {
  /** Five minutes after the other, each with so many sources in its first minute. */
  const windows = (...sources: readonly number[]): StepLiteral[] =>
    sources.flatMap((count, i) =>
      Array.from({ length: 5 }, (_, minute) => ({
        start: T0 + (i * 5 + minute) * 60,
        ended: minute === 0 ? probes(count, { port: 443 }) : [],
      })),
    );
  const day = Array.from({ length: 12 }, (_, i) => 10 + (i % 3));
  const config = { learnHours: 1 };

  it('is told when far more than usual probe it, once it has a past', () => {
    const found = findingsOf(exposedPort, windows(...day, 200, 12), { config });
    expect(found).toMatchObject([{ severity: 'low', port: 443, counterpart: '443/tcp' }]);
    expect(found[0]?.title).toMatch(
      /^\d+ unknown addresses outside probed 443\/tcp of 10\.0\.1\.5 within 5 min/,
    );
    expect(findingsOf(exposedPort, windows(...day.slice(1), 200), { config })).toEqual([]);
  });

  it('is quiet about what is usual, about few, and about slow growth', () => {
    expect(findingsOf(exposedPort, windows(...day, ...day), { config })).toEqual([]);
    expect(findingsOf(exposedPort, windows(...day.map(() => 1), 40), { config })).toEqual([]);
    const growth = Array.from({ length: 60 }, (_, i) => Math.round(100 * 1.02 ** i));
    expect(findingsOf(exposedPort, windows(...growth), { config })).toEqual([]);
  });

  it('does not come to take a flood for usual while it lasts', () => {
    const flood = Array.from({ length: 80 }, () => 200);
    const found = findingsOf(exposedPort, windows(...day, ...flood), { config });
    // At its beginning, and after six hours that it goes on.
    expect(found).toHaveLength(2);
  });

  it('that nobody probed for a week is forgotten', () => {
    const past = Array.from({ length: 7 * 288 + 2 }, () => 0);
    expect(findingsOf(exposedPort, windows(...day, ...past, 200), { config })).toEqual([]);
  });
});
