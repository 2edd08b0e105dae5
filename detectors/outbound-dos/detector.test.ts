import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Finding } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf } from '../../test/rows.ts';
import { outboundDos } from './detector.ts';

const T0 = 1_760_000_400;

/** One way, 80,000 packets of 256 bytes a minute. */
const flood: SessionLiteral = {
  src: '10.0.1.5',
  dst: '203.0.113.80',
  port: 7777,
  protocol: 17,
  state: ['accepted', 'established', 'establishedNow', 'first'],
  packetsOut: 80_000,
  bytesOut: 80_000 * 256,
  packetsIn: 0,
  bytesIn: 0,
};

function judge(...steps: readonly (readonly SessionLiteral[])[]): Finding[] {
  const names = new Dictionary();
  const found: Finding[] = [];
  const detector = outboundDos.create(outboundDos.config.parse({}), plainContext({ names }));
  for (const [i, active] of steps.entries())
    detector.step?.(stepOf({ start: T0 + i * 60, active }, names), (finding) => found.push(finding));
  for (const finding of found) expectWhole(finding);
  return found;
}

const firing: StepLiteral[] = [
  { start: T0, active: [flood, { ...flood, dst: '203.0.113.81' }] },
  {
    start: T0 + 60,
    active: [
      { ...flood, sport: 40_001 },
      { ...flood, dst: '203.0.113.81' },
    ],
  },
];
itIsADetector(outboundDos, { firing, tiny: { packets: { udp: 1, tcp: 1 }, maxPairs: 1 } });

describe('outbound-dos', () => {
  it('tells a flood that goes on before its alert would resolve', () => {
    const seen = judge(...Array.from({ length: 720 }, () => [flood])).map(({ lastSeen }) => lastSeen);
    const gaps = [...seen.slice(1), T0 + 720 * 60].map((time, i) => time - seen[i]!);
    expect(Math.max(...gaps)).toBeLessThan(outboundDos.quietPeriod);
  });

  it('tells a flood as high with numbers, and again when it has doubled', () => {
    const found = judge([flood], [flood], [flood], [flood]);

    expect(found).toHaveLength(2);
    expect(found[0]).toMatchObject({
      severity: 'high',
      title: '10.0.1.5 floods 203.0.113.80 with UDP',
      subject: '10.0.1.5',
      peer: '203.0.113.80',
      port: 7777,
      protocol: 17,
      exception: { subject: '10.0.1.5', peer: '203.0.113.80' },
    });
    expect(found[0]?.explanation.observed).toBe('160000 packets, 41 MB in 10 min');
  });

  it.each<[string, Partial<SessionLiteral>]>([
    ['DNS', { port: 53, bytesOut: 80_000 * 64 }],
    ['UDP on a TCP port', { port: 22 }],
    ['TCP', { protocol: 6, port: 80, bytesOut: 80_000 * 40 }],
    ['ICMP', { protocol: 1, port: 0, sport: 0, packetsIn: 80_000 }],
    ['ICMP', { protocol: 58, port: 0, sport: 0 }],
    ['an unusual protocol', { protocol: 2, port: 0, sport: 0 }],
  ])('tells a flood with %s', (kind, change) => {
    const [finding] = judge([{ ...flood, ...change }], [{ ...flood, ...change }]);
    expect(finding).toMatchObject({ severity: 'high', counterpart: `203.0.113.80 ${kind}` });
  });

  it('is the same over IPv6', () => {
    const row = { ...flood, src: 'fd00::5', dst: '2001:db8:80::50' };
    expect(judge([row], [row])).toMatchObject([{ subject: 'fd00::5', peer: '2001:db8:80::50' }]);
  });

  it('adds up what comes from thousands of ports', () => {
    const syn: SessionLiteral = { ...flood, protocol: 6, port: 80, packetsOut: 1, bytesOut: 40 };
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ ...syn, sport: 1024 + i }));
    expect(judge(rows, rows, rows)).toMatchObject([{ peer: '203.0.113.80', port: 80, count: 60_000 }]);
  });

  it('does not tell what is answered, as QUIC and uploads are', () => {
    const quic = { ...flood, port: 443, packetsIn: 8000, bytesIn: 400_000 };
    expect(judge([quic], [quic], [quic])).toEqual([]);
    const upload = { ...flood, protocol: 6, port: 443, bytesOut: 80_000 * 1400 };
    expect(judge([upload], [upload], [upload])).toEqual([]);
  });

  it('does not tell streams that nobody answers, tunnels, or what stays inside', () => {
    const syslog = { ...flood, port: 514 };
    expect(judge([syslog], [syslog], [syslog])).toEqual([]);
    const esp = { ...flood, protocol: 50, port: 0, sport: 0 };
    expect(judge([esp], [esp], [esp])).toEqual([]);
    const inside = { ...flood, dst: '10.0.9.9' };
    expect(judge([inside], [inside], [inside])).toEqual([]);
    expect(judge([{ ...flood, dst: '239.1.2.3' }], [{ ...flood, dst: '239.1.2.3' }])).toEqual([]);
  });

  it('does not tell what is rejected, nor floods from outside', () => {
    const rejected: SessionLiteral = {
      ...flood,
      state: ['rejected', 'rejectedNow', 'first'],
      packetsOut: 0,
      bytesOut: 0,
      rejects: 80_000,
    };
    expect(judge([rejected], [rejected])).toEqual([]);
    const inbound = { ...flood, src: '203.0.113.80', dst: '10.0.1.5' };
    expect(judge([inbound], [inbound])).toEqual([]);
  });

  it('does not tell a few thousand packets a minute', () => {
    const slow = { ...flood, packetsOut: 5000, bytesOut: 500_000 };
    expect(judge(...Array.from({ length: 15 }, () => [slow]))).toEqual([]);
  });
});
