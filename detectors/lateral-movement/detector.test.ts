import { describe, expect, it } from 'vitest';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, minutes, T0 } from '../../test/findings.ts';
import type { SessionLiteral, StepLiteral } from '../../test/rows.ts';
import { lateralMovement } from './detector.ts';

const HOUR = 3600;
const DAY = 86_400;
const ssh = (host: number, src = '10.0.1.5'): SessionLiteral => ({ src, dst: `10.0.2.${host}`, port: 22 });
const many = (count: number, src?: string): SessionLiteral[] =>
  Array.from({ length: count }, (_, i) => ssh(i + 1, src));

/** A first step, then these rows after `seconds`. */
function later(seconds: number, ...rows: readonly (readonly SessionLiteral[])[]): StepLiteral[] {
  return [{ start: T0 }, ...rows.map((active, i) => ({ start: T0 + seconds + i * 60, active }))];
}

itIsADetector(lateralMovement, {
  config: { warmUp: 0, learnDays: 0 },
  firing: minutes([ssh(1)], [...many(8), ...many(8, '10.0.1.6')]),
  tiny: { warmUp: 0, learnDays: 0, maxPaths: 2, maxSubjects: 1 },
});

describe('lateral-movement', () => {
  it('tells a host that opens five others as medium, as high when paths are learnt', () => {
    const [finding] = findingsOf(lateralMovement, later(2 * HOUR, many(5)));
    expect(finding).toMatchObject({
      severity: 'medium',
      title: '10.0.1.5 opened administration ports of 5 hosts that it never used',
      subject: '10.0.1.5',
      port: 22,
      exception: { subject: '10.0.1.5', rule: 'administration' },
    });
    expect(findingsOf(lateralMovement, later(8 * DAY, many(5)))).toMatchObject([{ severity: 'high' }]);
  });

  it('adds up over an hour', () => {
    const slow = many(5).flatMap((row) => [[row], [], [], [], []]);
    expect(findingsOf(lateralMovement, later(2 * HOUR, ...slow))).toHaveLength(1);
    const slower = many(5).flatMap((row) => [[row], ...Array.from({ length: 20 }, () => [])]);
    expect(findingsOf(lateralMovement, later(2 * HOUR, ...slower))).toEqual([]);
  });

  it('tells a single new path as low when paths are learnt, before that not', () => {
    expect(findingsOf(lateralMovement, later(2 * HOUR, [ssh(1)]))).toEqual([]);
    expect(findingsOf(lateralMovement, later(8 * DAY, [ssh(1)]))).toMatchObject([
      { severity: 'low', peer: '10.0.2.1' },
    ]);
  });

  it('is the same over IPv6', () => {
    const rows = many(6).map((row, i) => ({ ...row, src: 'fd00::5', dst: `fd00::2:${i + 1}`, port: 5985 }));
    expect(findingsOf(lateralMovement, later(2 * HOUR, rows))).toMatchObject([
      { severity: 'medium', subject: 'fd00::5', port: 5985 },
    ]);
  });

  it('knows the paths of the first hour, and those that a role has used for long', () => {
    expect(findingsOf(lateralMovement, [...minutes(many(8)), ...later(2 * HOUR, many(8)).slice(1)])).toEqual(
      [],
    );
    const daily = Array.from({ length: 9 }, (_, day) => ({ start: T0 + day * DAY, active: many(8) }));
    const successor = { start: T0 + 9 * DAY, active: many(8, '10.0.1.77') };
    const found = findingsOf(lateralMovement, [...daily, successor]);
    expect(found.filter(({ subject }) => subject === '10.0.1.77')).toEqual([]);
  });

  it('is silent about other ports, other networks, and what is refused', () => {
    const steps = (rows: SessionLiteral[]) => findingsOf(lateralMovement, later(8 * DAY, rows));
    expect(steps(many(8).map((row) => ({ ...row, port: 443 })))).toEqual([]);
    expect(steps(many(8).map((row) => ({ ...row, src: '203.0.113.9' })))).toEqual([]);
    expect(steps(many(8).map((row, i) => ({ ...row, dst: `203.0.113.${i + 1}` })))).toEqual([]);
    expect(steps(many(8).map((row) => ({ ...row, state: ['accepted', 'first', 'synSeen'] })))).toEqual([]);
    expect(steps(many(8).map((row) => ({ ...row, packetsOut: 1, packetsIn: 1 })))).toEqual([]);
  });
});
