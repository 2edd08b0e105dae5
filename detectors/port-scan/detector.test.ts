import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Step } from '../../src/columns/session-batch.ts';
import type { Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf } from '../../test/rows.ts';
import { portScan } from './detector.ts';

const T0 = 1_760_054_400;
const rejected = ['rejected', 'rejectedNow', 'first'] as const;
const unanswered = ['accepted', 'ended', 'synSeen'] as const;

function at(settings: Record<string, unknown> = {}) {
  const names = new Dictionary();
  const detector = portScan.create(portScan.config.parse(settings), plainContext({ names }));
  const play = (...steps: Step[]): Finding[] => {
    const found: Finding[] = [];
    for (const step of steps) detector.step?.(step, (finding) => found.push(finding));
    return found;
  };
  const show = (minute: number, rows: Omit<StepLiteral, 'start'>): Finding[] =>
    play(stepOf({ start: T0 + minute * 60, ...rows }, names));
  return { detector, show, play };
}

const range = <T>(count: number, row: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => row(i));
const ports = (count: number, row: Partial<SessionLiteral> = {}, from = 10_000): SessionLiteral[] =>
  range(count, (i) => ({ src: '10.0.1.10', dst: '10.0.2.5', port: from + i, state: rejected, ...row }));
const hosts = (count: number, row: Partial<SessionLiteral> = {}): SessionLiteral[] =>
  range(count, (i) => ({
    src: '10.0.1.10',
    dst: `10.0.${2 + (i >> 8)}.${i & 255}`,
    port: 8080,
    state: rejected,
    ...row,
  }));
const syn: Partial<SessionLiteral> = {
  state: unanswered,
  packetsOut: 1,
  packetsIn: 0,
  bytesOut: 60,
  bytesIn: 0,
  flagsOut: 2,
};
const refused: Partial<SessionLiteral> = {
  state: ['accepted', 'established', 'ended'],
  packetsOut: 1,
  packetsIn: 1,
  bytesOut: 60,
  bytesIn: 40,
};

itIsADetector(portScan, {
  firing: [
    {
      start: T0,
      active: [...ports(40), ...hosts(40, { src: '10.0.1.11' }), ...ports(80, { src: '203.0.113.9' })],
    },
    {
      start: T0 + 60,
      active: ports(200, {}, 20_000),
      ended: hosts(60, { ...syn, src: '10.0.1.12', port: 22 }),
    },
  ],
  tiny: { maxSources: 2, maxPairs: 1, maxSweeps: 1 },
});

describe('port-scan', () => {
  it('tells a vertical scan by an internal source as medium', () => {
    const [finding, ...rest] = at().show(0, { active: ports(16) });
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'medium',
      subject: '10.0.1.10',
      peer: '10.0.2.5',
      counterpart: 'ports of 10.0.2.5',
      count: 16,
      title: '10.0.1.10 tried 16 ports of 10.0.2.5 in vain',
      exception: { subject: '10.0.1.10', peer: '10.0.2.5' },
    });
    expect(finding?.samples.map(({ dstport, action }) => [dstport, action])).toEqual([
      [10_000, 'REJECT'],
      [10_001, 'REJECT'],
      [10_002, 'REJECT'],
    ]);
  });

  it('tells a horizontal scan with its port, high when the port is sensitive or the targets are public', () => {
    expect(at().show(0, { active: hosts(30) })).toMatchObject([
      {
        severity: 'medium',
        port: 8080,
        protocol: 6,
        counterpart: 'hosts on 8080/tcp',
        title: '10.0.1.10 tried 8080/tcp on about 31 hosts in vain',
      },
    ]);
    expect(at().show(0, { active: hosts(30, { port: 3389 }) })).toMatchObject([{ severity: 'high' }]);
    const fact = [...rejected, 'synSeen'] as const;
    const outside = range(30, (i) => ({ ...hosts(1)[0]!, dst: `198.51.100.${i}`, state: fact }));
    expect(at().show(0, { active: outside })).toMatchObject([{ severity: 'high' }]);
    const gonePeers = outside.map((session) => ({ ...session, port: 6881 }));
    expect(at().show(0, { active: gonePeers })).toMatchObject([{ severity: 'low', port: 6881 }]);
  });

  it('finds nmap of one host whether its ports reject, drop or refuse', () => {
    for (const outcome of [{ state: rejected }, syn, { ...syn, flagsOut: 0 }, refused]) {
      const scan = ports(1000, outcome, 1);
      const { show } = at();
      const found = outcome.state === rejected ? show(0, { active: scan }) : show(2, { ended: scan });
      expect(found).toMatchObject([{ subject: '10.0.1.10', peer: '10.0.2.5', severity: 'high' }]);
    }
  });

  it('tells five sensitive ports of one host in a minute', () => {
    const knock = [22, 445, 3389, 5985, 3306].map((port) => ({ ...ports(1)[0]!, port }));
    expect(at().show(0, { active: knock })).toMatchObject([
      { severity: 'high', explanation: { sensitivePorts: 5, threshold: '5 sensitive ports in 1 min' } },
    ]);
    const { show } = at();
    for (const [minute, row] of knock.entries()) expect(show(minute * 2, { active: [row] })).toEqual([]);
  });

  it('counts over five minutes and forgets what is older', () => {
    const { show } = at();
    for (let minute = 0; minute < 4; minute++)
      expect(show(minute, { active: ports(4, {}, 10_000 + minute * 4) })).toHaveLength(minute === 3 ? 1 : 0);
    const slow = at();
    for (let minute = 0; minute < 30; minute++)
      expect(slow.show(minute, { active: ports(2, {}, 10_000 + minute * 2) })).toEqual([]);
  });

  it('tells a growing scan again only when it has doubled', () => {
    const { show } = at();
    const counts: number[] = [];
    for (let minute = 0; minute < 32; minute++)
      counts.push(...show(minute, { active: ports(20, {}, 10_000 + minute * 20) }).map(({ count }) => count));
    expect(counts.length).toBeGreaterThanOrEqual(5);
    expect(counts.length).toBeLessThanOrEqual(6);
    expect(counts[0]).toBe(20);
  });

  it('tells a scan that goes on before its alert would resolve', () => {
    const { show } = at();
    const told: number[] = [];
    for (let minute = 0; minute < 720; minute++) {
      const active = minute % 5 === 0 ? ports(300) : [];
      if (show(minute, { active }).length > 0) told.push(minute);
    }
    const gaps = [...told.slice(1), 720].map((minute, i) => minute - told[i]!);
    expect(Math.max(...gaps) * 60).toBeLessThan(portScan.quietPeriod);
  });

  it('sums up a source that scans many ports of many hosts', () => {
    const scan = range(100, (i) => ports(30, { dst: `10.0.2.${i}` })).flat();
    const found = at().show(0, { active: scan });
    expect(found).toMatchObject([{ counterpart: 'many ports', subject: '10.0.1.10', count: 3000 }]);
    expect(found[0]?.peer).toBeUndefined();
  });

  it('tells a slow scan of a hundred ports as low or info', () => {
    const slow = at();
    const found = range(200, (i) =>
      slow.show(i * 4, { active: ports(2, { src: '203.0.113.9' }, 1000 + i * 2) }),
    ).flat();
    expect(found[0]).toMatchObject({ severity: 'info', subject: '203.0.113.9', counterpart: 'many ports' });
    expect(found[0]?.title).toMatch(/slowly$/);
    expect(found.length).toBeLessThanOrEqual(3);
    const inside = at();
    const rows = range(400, (i) => inside.show(i * 2, { active: ports(1, {}, 1000 + i) })).flat();
    expect(new Set(rows.map(({ severity }) => severity))).toEqual(new Set(['low']));
  });

  it('never pages for outside sources, and needs more of them', () => {
    const outside = { src: '203.0.113.9' };
    expect(at().show(0, { active: ports(40, outside) })).toEqual([]);
    expect(at().show(0, { active: ports(80, outside) })).toMatchObject([
      { severity: 'info', subject: '203.0.113.9' },
    ]);
    expect(at().show(0, { ended: ports(80, { ...syn, ...outside }) })).toMatchObject([{ severity: 'low' }]);
  });

  it('is silent about a hundred thousand sources that knock once or twice', () => {
    const { detector, show } = at();
    for (let minute = 0; minute < 20; minute++) {
      const noise = range(5000, (i) => {
        const host = minute * 5000 + i;
        return {
          src: `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`,
          dst: '10.0.2.5',
          port: 1 + (host % 60_000),
          state: rejected,
        };
      });
      expect(show(minute, { active: noise })).toEqual([]);
    }
    expect(detector.overflow).toBe(0);
  });

  it('names an IPv6 scanner that sends from all over its /64 by the network', () => {
    const scan = ports(80).map((row, i) => ({
      ...row,
      src: `2001:db8:7:9::${(i + 1).toString(16)}`,
      dst: 'fd00::5',
    }));
    expect(at().show(0, { active: scan })).toMatchObject([
      { subject: '2001:db8:7:9::', peer: 'fd00::5', exception: { subject: '2001:db8:7:9::/64' } },
    ]);
    const single = ports(80).map((row) => ({ ...row, src: '2001:db8:7:9::77', dst: 'fd00::5' }));
    expect(at().show(0, { active: single })).toMatchObject([{ subject: '2001:db8:7:9::77' }]);
  });

  it('counts the /64 networks of an IPv6 sweep', () => {
    const sweep = range(60, (i) => ({
      ...hosts(1)[0]!,
      src: 'fd00::10',
      dst: `fd00:0:0:${i % 4}::${i + 1}`,
    }));
    expect(at().show(0, { active: sweep })).toMatchObject([
      { subject: 'fd00::10', explanation: { networks: 4 } },
    ]);
  });

  it('waits for late answers: only a session that ended unanswered counts', () => {
    const { show } = at();
    const pending = ports(40, { ...syn, state: ['accepted', 'first', 'synSeen'] });
    expect(show(0, { active: pending })).toEqual([]);
    expect(show(5, { ended: ports(40, { state: ['accepted', 'established', 'ended'] }) })).toEqual([]);
  });

  it('is silent when most targets answer: monitoring, discovery', () => {
    const { show } = at();
    const good = hosts(200, { state: ['accepted', 'established', 'establishedNow', 'first'] });
    const bad = hosts(40, { src: '10.0.1.10', port: 9100, dst: undefined as never });
    const dead = bad.map((row, i) => ({ ...row, dst: `10.0.9.${i}` }));
    show(0, { active: [...good, ...hosts(1, { port: 1 })] });
    expect(show(1, { active: [...good, ...dead] })).toEqual([]);
  });

  it('is silent when hosts that answered before die together', () => {
    const { show } = at();
    const nodes = hosts(60, { port: 9100 });
    show(0, {
      active: nodes.map((row) => ({ ...row, state: ['accepted', 'established', 'establishedNow', 'first'] })),
    });
    expect(show(10, { ended: nodes.map((row) => ({ ...row, ...syn })) })).toEqual([]);
  });

  it('is silent about many sources that fail on one dead service', () => {
    const sources = range(500, (i) => ({
      src: `10.1.${i >> 8}.${i & 255}`,
      dst: '10.0.2.5',
      port: 5432,
      state: rejected,
    }));
    expect(at().show(0, { active: sources })).toEqual([]);
  });

  it('is silent about rejects at the end of sessions that worked', () => {
    const tail = hosts(100, { state: ['accepted', 'established', 'rejected', 'rejectedNow'] });
    expect(at().show(0, { active: tail })).toEqual([]);
  });

  it('does not blame an internal host for rejected noise whose direction is a guess', () => {
    const turned = range(300, (i) => ({
      ...hosts(1)[0]!,
      dst: `198.51.${i >> 8}.${i & 255}`,
      sport: 40_000 + i,
      port: 2000 + (i % 90) * 50,
    }));
    expect(at().show(0, { active: turned })).toEqual([]);
  });

  it('is silent about P2P and traceroute over UDP', () => {
    const peers = range(300, (i) => ({
      ...syn,
      src: '10.0.1.10',
      dst: `198.51.${i >> 8}.${i & 255}`,
      port: 6881 + (i % 7),
      protocol: 17,
      flagsOut: 0,
    }));
    expect(at().show(0, { ended: peers })).toEqual([]);
    expect(at().show(0, { ended: ports(60, { ...syn, protocol: 17, flagsOut: 0 }, 33_434) })).toEqual([]);
  });
});
