import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { type Column, packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf, twins } from '../../test/rows.ts';
import { unexpectedEgress } from './detector.ts';

const T0 = 1_760_054_400;
const DAY = 86_400;
const web: SessionLiteral = { src: '10.0.1.10', dst: '203.0.113.9', port: 443, bytesOut: 20_000 };

/** A detector at work that remembers what it was told. */
function at(settings: Record<string, unknown> = {}, context: Partial<DetectorContext> = {}) {
  const names = new Dictionary();
  const detector = unexpectedEgress.create(
    unexpectedEgress.config.parse(settings),
    plainContext({ names, roleOf: () => 'web', ...context }),
  );
  const show = (start: number, ...active: SessionLiteral[]): Finding[] => {
    const found: Finding[] = [];
    detector.step?.(stepOf({ start, active }, names), (finding) => found.push(finding));
    return found;
  };
  /** Eight days of the same traffic, a step an hour. */
  const learn = (...active: SessionLiteral[]): void => {
    for (let hour = 0; hour < 8 * 24; hour++) expect(show(T0 + hour * 3600, ...active)).toEqual([]);
  };
  return { detector, show, learn };
}

/** A snapshot from its parts. */
const packed = ({ columns, meta }: ReturnType<typeof unpackSnapshot>): Uint8Array =>
  packSnapshot(Object.fromEntries<Column>(columns), meta);

const AFTER = T0 + 8 * DAY + 60;
const seen: readonly (keyof typeof import('../../src/columns/session-batch.ts').STATE)[] = [
  'accepted',
  'established',
];

const firing: StepLiteral[] = [
  { start: T0, active: [web] },
  { start: T0 + DAY, active: [web, { ...web, dst: '198.51.100.7', port: 4444, bytesOut: 50_000 }] },
];
itIsADetector(unexpectedEgress, {
  config: { learnDays: 0.5 },
  firing: [
    ...firing,
    {
      start: T0 + DAY + 60,
      active: Array.from({ length: 30 }, (_, i) => ({ ...web, dst: `198.18.${i}.1`, bytesOut: 20_000 })),
    },
  ],
  tiny: {
    learnDays: 0,
    maxSubjects: 2,
    maxRoles: 2,
    maxKnown: 4,
    maxPerRole: 3,
    maxDestinations: 3,
    maxWatched: 3,
  },
});

describe('unexpected-egress', () => {
  it('tells a new destination as low with numbers, query and exception', () => {
    const { show, learn } = at();
    learn(web);
    const [finding, ...rest] = show(AFTER, web, { ...web, dst: '198.51.100.7', bytesOut: 12_000 });
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'low',
      subject: '10.0.1.10',
      peer: '198.51.100.7',
      counterpart: '198.51.100.0/24',
      count: 1,
      exception: { subject: '10.0.1.10', peer: '198.51.100.0/24' },
    });
    expect(finding?.explanation.observed).toBe('198.51.100.0/24: 12 kB out in 1 session');
    expect(finding?.explanation.baseline).toBe('1 destination used by role web in 8 d');
    expect(finding?.query).toContain("srcaddr = '10.0.1.10' AND dstaddr = '198.51.100.7'");
  });

  it('is medium when the server port is new too, whatever was sent', () => {
    const { show, learn } = at();
    learn(web);
    expect(show(AFTER, { ...web, dst: '198.51.100.7', port: 4444, bytesOut: 300 })).toMatchObject([
      { severity: 'medium', port: 4444, protocol: 6, counterpart: '198.51.100.0/24 port 4444/tcp' },
    ]);
  });

  it('is medium for bulk to a new destination and rises as the session grows', () => {
    const { show, learn } = at();
    learn(web);
    const sink = { ...web, dst: '198.51.100.7', bytesOut: 12_000 };
    expect(show(AFTER, sink)).toMatchObject([{ severity: 'low' }]);
    expect(
      show(AFTER + 60, { ...sink, state: seen, bytesOut: 150_012_000, stepBytesOut: 150_000_000 }),
    ).toMatchObject([{ severity: 'medium', counterpart: '198.51.100.0/24' }]);
  });

  it('waits until a session has sent enough, and adds up many small ones', () => {
    const { show, learn } = at();
    learn(web);
    const small = { ...web, dst: '198.51.100.7', bytesOut: 4000 };
    expect(show(AFTER, small)).toEqual([]);
    expect(show(AFTER + 60, { ...small, sport: 40_001 })).toEqual([]);
    expect(show(AFTER + 120, { ...small, sport: 40_002 })).toMatchObject([{ severity: 'low', count: 3 }]);
  });

  it('tells a new internal server port as medium, once', () => {
    const { show, learn } = at();
    learn(web, { ...web, dst: '10.0.2.5', port: 5432 });
    const ssh = { ...web, dst: '10.0.2.5', port: 22 };
    expect(show(AFTER, ssh)).toMatchObject([{ severity: 'medium', port: 22, counterpart: 'port 22/tcp' }]);
    expect(show(AFTER + 60, ssh, web)).toMatchObject([{ count: 1 }]);
    expect(show(AFTER + 120, { ...ssh, src: '10.0.1.11' })).toEqual([]);
  });

  it('is quiet while a role learns and about rejected or unanswered attempts', () => {
    const { show, learn } = at();
    expect(show(T0, { ...web, dst: '198.51.100.7' })).toEqual([]);
    learn(web);
    const attempt = { ...web, dst: '198.51.101.7', port: 4444, bytesOut: 50_000 };
    expect(show(AFTER, { ...attempt, state: ['rejected', 'rejectedNow', 'first'] })).toEqual([]);
    expect(show(AFTER, { ...attempt, state: ['accepted', 'first', 'synSeen'] })).toEqual([]);
  });

  it('is quiet about inbound sessions and about link-local and multicast destinations', () => {
    const { show, learn } = at();
    learn(web);
    expect(show(AFTER, { src: '198.51.100.7', dst: '10.0.1.10', port: 22, bytesOut: 50_000 })).toEqual([]);
    expect(show(AFTER, { ...web, dst: '169.254.169.254', port: 80 })).toEqual([]);
    expect(show(AFTER, { ...web, dst: '224.0.0.251', port: 5353, protocol: 17 })).toEqual([]);
  });

  it('is quiet about fifty new nodes of a known role', () => {
    const { show, learn } = at();
    learn(web, { ...web, dst: '10.0.2.5', port: 5432 });
    const nodes = Array.from({ length: 50 }, (_, i) => `10.0.1.${100 + i}`);
    const traffic = nodes.flatMap((src) => [
      { ...web, src },
      { ...web, src, dst: '10.0.2.5', port: 5432 },
    ]);
    expect(show(AFTER, ...traffic)).toEqual([]);
  });

  it('lets fifty new nodes of an unknown role learn first', () => {
    const { show, learn } = at(
      {},
      { roleOf: (words, offset) => (words[offset + 3]! & 0xff00 ? 'new' : 'web') },
    );
    learn({ ...web, src: '10.0.0.1' });
    const nodes = Array.from({ length: 50 }, (_, i) => ({
      ...web,
      src: `10.0.9.${i}`,
      dst: '198.51.100.7',
      port: 9999,
    }));
    expect(show(AFTER, ...nodes)).toEqual([]);
  });

  it('tells a destination new to a whole fleet for three of it only', () => {
    const { show, learn } = at({ prevalence: 1 });
    learn(web);
    const nodes = Array.from({ length: 50 }, (_, i) => ({
      ...web,
      src: `10.0.1.${100 + i}`,
      dst: '198.51.100.7',
    }));
    const found = show(AFTER, ...nodes);
    expect(found.map(({ subject }) => subject)).toEqual(['10.0.1.100', '10.0.1.101', '10.0.1.102']);
    expect(found[0]?.explanation.othersOfRole).toBe(49);
    expect(show(AFTER + 60, { ...web, src: '10.0.1.200', dst: '198.51.100.7' })).toEqual([]);
  });

  it('sums up a subject with many new destinations or ports in one step', () => {
    const { show, learn } = at();
    learn(web);
    const many = Array.from({ length: 12 }, (_, i) => ({ ...web, dst: `198.51.${i}.1` }));
    expect(show(AFTER, ...many)).toMatchObject([
      { counterpart: 'many new destinations', explanation: { told: 12 } },
    ]);
    const ports = Array.from({ length: 40 }, (_, i) => ({ ...web, dst: '10.0.2.5', port: 1000 + i }));
    expect(show(AFTER + 60, ...ports)).toMatchObject([
      { counterpart: 'many new ports', explanation: { told: 40 } },
    ]);
  });

  it('is quiet about a destination that other subjects use', () => {
    const role = (words: Uint32Array, offset: number): string =>
      (words[offset + 3]! & 0xff00) === 0x100 ? 'web' : 'batch';
    const { show, learn } = at({}, { roleOf: role });
    const others = ['10.0.2.1', '10.0.2.2', '10.0.2.3'].map((src) => ({ ...web, src, dst: '198.51.100.7' }));
    learn(web, ...others);
    expect(show(AFTER, { ...web, dst: '198.51.100.8' })).toEqual([]);
  });

  it('judges a subject by the role it has now, also after a restart', () => {
    const names = new Dictionary();
    const now = { epoch: 0, role: 'batch' };
    const context = plainContext({
      names,
      roleOf: (words, offset) => (words[offset + 3] === 0x0a00_0163 ? now.role : 'web'),
    });
    const changing: DetectorContext = Object.defineProperty({ ...context }, 'roleEpoch', {
      get: () => now.epoch,
    });
    const make = () => unexpectedEgress.create(unexpectedEgress.config.parse({}), changing);
    const show = (detector: ReturnType<typeof make>, start: number, ...active: SessionLiteral[]): number => {
      let found = 0;
      detector.step?.(stepOf({ start, active }, names), () => found++);
      return found;
    };
    const detector = make();
    const worker = { ...web, src: '10.0.1.99', dst: '198.51.100.7' };
    for (let hour = 0; hour < 8 * 24; hour++) show(detector, T0 + hour * 3600, web, worker);
    // What its old role did is new to the role it gets.
    now.role = 'web';
    now.epoch = 1;
    const saved = detector.snapshot();
    expect(show(detector, AFTER, worker)).toBe(1);
    const again = make();
    again.restore(saved);
    expect(show(again, AFTER, worker)).toBe(1);
  });

  it('stops telling new destinations of a role that has new ones all day', () => {
    const { show, learn } = at();
    learn(web);
    let told = 0;
    for (let i = 0; i < 60; i++) told += show(AFTER + i * 60, { ...web, dst: `198.51.${i}.1` }).length;
    expect(told).toBe(20);
    expect(show(AFTER + 3660, { ...web, dst: '198.52.0.1', port: 4444 })).toMatchObject([
      { severity: 'medium' },
    ]);
  });

  it('keys AWS services by name, not by network', () => {
    const { show, learn } = at();
    const s3 = { ...web, dst: '52.216.1.1', dstScope: 'awsService', dstService: 'S3' } as const;
    learn(s3);
    expect(show(AFTER, { ...s3, dst: '52.92.7.7' })).toEqual([]);
    expect(show(AFTER + 60, { ...s3, dst: '52.94.1.1', dstService: 'DYNAMODB' })).toMatchObject([
      { counterpart: 'aws:DYNAMODB', exception: { rule: 'aws:DYNAMODB' } },
    ]);
  });

  it('keys machines that anybody rents of AWS by network', () => {
    const { show, learn } = at();
    const saas = { ...web, dst: '3.120.1.1', dstScope: 'public', dstService: 'EC2' } as const;
    learn(saas);
    expect(show(AFTER, { ...saas, dst: '3.120.1.9' })).toEqual([]);
    expect(show(AFTER + 60, { ...saas, dst: '3.121.1.1' })).toMatchObject([
      { counterpart: '3.121.1.0/24', exception: { peer: '3.121.1.0/24' } },
    ]);
  });

  it('treats every address of an IPv6 /48 as one destination', () => {
    const { show, learn } = at();
    const v6 = { ...web, src: 'fd00::10', dst: '2001:db8:7::1' };
    learn(v6);
    expect(show(AFTER, { ...v6, dst: '2001:db8:7:9::2' })).toEqual([]);
    expect(show(AFTER, { ...v6, dst: '2001:db8:8::2' })).toMatchObject([
      { subject: 'fd00::10', peer: '2001:db8:8::2', counterpart: '2001:db8:8::/48' },
    ]);
  });

  it('learns the IPv6 networks of a role anew when it begins with IPv6, and judges ports and bulk at once', () => {
    const { show, learn } = at({}, { twinOf: twins('10.0.1.10', 'fd00::10') });
    learn(web);
    const v6 = { ...web, src: 'fd00::10', dst: '2001:db8:7::1' };
    expect(show(AFTER, v6, { ...v6, dst: '2001:db8:8::1' })).toEqual([]);
    expect(show(AFTER + 60, { ...v6, dst: '2001:db8:9::1', port: 853 })).toMatchObject([
      { severity: 'medium', counterpart: '2001:db8:9::/48 port 853/tcp', subject: 'fd00::10' },
    ]);
    expect(show(AFTER + 120, { ...v6, dst: '2001:db8:b::1', bytesOut: 200_000_000 })).toMatchObject([
      { severity: 'medium', counterpart: '2001:db8:b::/48' },
    ]);
    const week = AFTER + 8 * DAY;
    expect(show(week, v6, { ...v6, dst: '2001:db8:a::1' })).toMatchObject([
      { severity: 'low', counterpart: '2001:db8:a::/48', explanation: { role: 'web' } },
    ]);
  });

  it('takes a host for as old as the older of its addresses', () => {
    const young = (twinOf: DetectorContext['twinOf']): Finding[] => {
      const { show, learn } = at({}, { roleOf: () => '10.0.1.0/24', twinOf });
      learn(web);
      return show(AFTER, { ...web, src: 'fd00::10', dst: '2001:db8:7::1', port: 853 });
    };
    expect(young(() => undefined)).toMatchObject([{ severity: 'low' }]);
    expect(young(twins('10.0.1.10', 'fd00::10'))).toMatchObject([{ severity: 'medium' }]);
  });

  it('goes on from a state of before it told IPv6 apart', () => {
    const before = at();
    before.learn(web);
    const { columns, meta } = unpackSnapshot(before.detector.snapshot());
    const knowledge = unpackSnapshot(columns.get('knowledge') as Uint8Array);
    const roles = unpackSnapshot(knowledge.columns.get('roles') as Uint8Array);
    roles.columns.delete('since6');
    const parts = new Map(knowledge.columns).set('roles', packed(roles));
    const state = new Map(columns).set('knowledge', packed({ ...knowledge, columns: parts }));

    const { detector, show } = at();
    detector.restore(packed({ columns: state, meta }));

    expect(show(AFTER, { ...web, dst: '198.51.100.7', bytesOut: 12_000 })).toMatchObject([
      { counterpart: '198.51.100.0/24' },
    ]);
    expect(show(AFTER + 60, { ...web, src: 'fd00::10', dst: '2001:db8:7::1' })).toEqual([]);
  });

  it('takes name service and time for granted, and refused attempts for no sessions', () => {
    const { show, learn } = at();
    learn(web);
    expect(show(AFTER, { ...web, port: 123, protocol: 17, bytesOut: 76, packetsOut: 1 })).toEqual([]);
    const bare = { ...web, dst: '198.51.100.7', port: 22, bytesOut: 72, packetsOut: 1, packetsIn: 1 };
    expect(show(AFTER, bare)).toEqual([]);
    expect(show(AFTER + 60, { ...bare, state: seen, packetsOut: 1, bytesOut: 72 })).toEqual([]);
  });

  it('never tells what an allow rule covers', () => {
    const allow = [
      { cidr: '198.51.100.0/24', port: 443 },
      { role: 'web', port: 8443, protocol: 6 },
    ];
    const { show, learn } = at({ allow });
    learn(web);
    expect(show(AFTER, { ...web, dst: '198.51.100.7' })).toEqual([]);
    expect(show(AFTER, { ...web, port: 8443 })).toEqual([]);
    expect(show(AFTER, { ...web, port: 8444 })).toHaveLength(1);
  });

  it('forgets a destination that was not used for a month', () => {
    const { show, learn } = at();
    learn(web, { ...web, dst: '198.51.100.7' });
    for (let day = 8; day < 45; day++) show(T0 + day * DAY, web);
    expect(show(T0 + 45 * DAY, { ...web, dst: '198.51.100.7' })).toMatchObject([
      { counterpart: '198.51.100.0/24' },
    ]);
  });

  it('keeps a destination in memory while a session to it lasts', () => {
    const { show, learn } = at();
    const long = { ...web, dst: '198.51.100.7' };
    learn(web, long);
    for (let hour = 0; hour < 45 * 24; hour++)
      show(T0 + 8 * DAY + hour * 3600, web, { ...long, state: seen, stepBytesOut: 10 });
    expect(show(T0 + 53 * DAY + 60, long)).toEqual([]);
  });

  it('does not judge dynamic ports or ports of P2P without a SYN', () => {
    const { show, learn } = at();
    learn(web);
    expect(show(AFTER, { ...web, port: 50_001 })).toEqual([]);
    expect(show(AFTER, { ...web, sport: 6000, port: 6881, protocol: 17 })).toEqual([]);
    expect(
      show(AFTER, { ...web, port: 50_001, state: ['accepted', 'established', 'establishedNow', 'synSeen'] }),
    ).toMatchObject([{ counterpart: 'port dynamic/tcp' }]);
  });

  it('starts to learn again when a role could not learn everything', () => {
    const { detector, show } = at({ maxPerRole: 5, learnDays: 1 });
    for (let hour = 0; hour < 24; hour++)
      show(T0 + hour * 3600, ...Array.from({ length: 9 }, (_, i) => ({ ...web, dst: `198.51.${i}.1` })));
    expect(detector.overflow).toBeGreaterThan(0);
    expect(show(T0 + DAY + 60, { ...web, dst: '198.52.0.1' })).toEqual([]);
  });
});
