import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { createSessionBatch, SCOPE, STATE, type Step } from '../../src/columns/session-batch.ts';
import type { Finding } from '../../src/contracts.ts';
import { plainContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { portScan } from './detector.ts';

const T0 = 1_760_054_400;
const rejected = ['rejected', 'rejectedNow', 'first'] as const;
const range = <T>(count: number, row: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => row(i));

function at(settings: Record<string, unknown> = {}) {
  const names = new Dictionary();
  const detector = portScan.create(portScan.config.parse(settings), plainContext({ names }));
  const play = (...steps: Step[]): Finding[] => {
    const found: Finding[] = [];
    for (const step of steps) detector.step?.(step, (finding) => found.push(finding));
    return found;
  };
  return { detector, play, names };
}

describe('port-scan under a storm', () => {
  it('names the scanner of a million ports and of ten million hosts within its caps', () => {
    const { detector, play } = at();
    const found = [
      ...play(storm(0, 250_000, 'ports'), storm(1, 250_000, 'ports'), storm(2, 250_000, 'ports')),
    ];
    for (let minute = 3; minute < 13; minute++) found.push(...play(storm(minute, 250_000, 'hosts')));
    const subjects = new Set(found.map(({ subject }) => subject));
    expect([...subjects].sort()).toEqual(['10.0.1.10', '10.0.1.11']);
    expect(found.some(({ peer }) => peer === '10.0.2.5')).toBe(true);
    expect(found.some(({ port }) => port === 22)).toBe(true);
    expect(detector.snapshot().length).toBeLessThan(3_000_000);
  });

  it('still names true scanners among fifty thousand attacking sources', () => {
    const { detector, play, names } = at({ maxSources: 1024 });
    const found: Finding[] = [];
    for (let minute = 0; minute < 10; minute++) {
      const noise = range(5000, (i) => {
        const host = minute * 5000 + i;
        const src = `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
        return range(9, (k) => ({ src, sport: 1024 + k, dst: '10.0.2.5', port: 22, state: rejected }));
      }).flat();
      const scan = range(30, (i) => ({
        src: '203.0.113.9',
        dst: '10.0.2.5',
        port: 1000 + minute * 30 + i,
        state: rejected,
      }));
      found.push(...play(stepOf({ start: T0 + minute * 60, active: [...noise, ...scan] }, names)));
    }
    expect(found.map(({ subject }) => subject)).toContain('203.0.113.9');
    expect(detector.overflow).toBeGreaterThan(0);
    expect(new Set(found.map(({ subject }) => subject)).size).toBe(1);
  });
});

describe('port-scan amid scanners outside', () => {
  it('names a host inside that sweeps, also when a third of its targets answer', () => {
    const { detector, play, names } = at();
    const hosts = (from: number, count: number, what: (host: number) => Partial<SessionLiteral>) =>
      range(count, (i) => ({ dst: `10.9.${(from + i) >> 8}.${(from + i) & 255}`, ...what(from + i) }));
    const stepAt = (minute: number, active: SessionLiteral[]) =>
      stepOf({ start: T0 + minute * 60, active }, names);
    for (let minute = 0; minute < 20; minute++) {
      const scanners = range(2500, (i) =>
        hosts(minute * 2, 2, () => ({ src: `185.${i >> 8}.${i & 255}.7`, port: 445, state: rejected })),
      );
      play(stepAt(minute, scanners.flat() as SessionLiteral[]));
    }
    const found: Finding[] = [];
    for (let minute = 20; minute < 25; minute++) {
      const sweep = hosts((minute - 20) * 60, 60, (host) => ({
        ...{ src: '10.0.200.66', port: 443, sport: 2000 + host },
        ...(host % 3 === 0 ? {} : { state: rejected }),
      }));
      found.push(...play(stepAt(minute, sweep as SessionLiteral[])));
    }
    expect(found.map(({ subject }) => subject)).toContain('10.0.200.66');
    expect(detector.overflow).toBeGreaterThan(0);
  });
});

/** A step of one source's attempts, made without literals because it is large. */
function storm(minute: number, count: number, kind: 'ports' | 'hosts'): Step {
  const step = stepOf({ start: T0 + minute * 60 });
  const active = createSessionBatch(count);
  active.length = count;
  for (let i = 0; i < count; i++) {
    const n = minute * count + i;
    active.srcAddr.set([0, 0, 0xffff, 0x0a00010a + (kind === 'hosts' ? 1 : 0)], i * 4);
    active.dstAddr.set([0, 0, 0xffff, kind === 'hosts' ? 0x0b000000 + n : 0x0a000205], i * 4);
    active.dstPort[i] = kind === 'hosts' ? 22 : n & 0xffff;
    active.srcPort[i] = 1024 + (n >>> 16);
    active.protocol[i] = kind === 'ports' && n & 1 ? 17 : 6;
    active.srcScope[i] = SCOPE.internal;
    active.dstScope[i] = kind === 'hosts' ? SCOPE.public : SCOPE.internal;
    active.state[i] = STATE.rejected | STATE.rejectedNow | STATE.first;
    active.start[i] = step.start;
    active.end[i] = step.end - 1;
  }
  return { ...step, active };
}
