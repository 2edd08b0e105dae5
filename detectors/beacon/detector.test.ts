import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf } from '../../test/rows.ts';
import { beacon } from './detector.ts';
import { SLOT, SLOT_WORDS } from './layout.ts';

const T0 = 1_760_054_400;
const HOUR = 3600;
const DAY = 86_400;
const home: SessionLiteral = { src: '10.0.1.10', dst: '203.0.113.9', port: 443, bytesOut: 400 };

/** A generator of numbers from 0 to 1 that a seed repeats. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

interface Rhythm {
  readonly every: number;
  readonly from?: number;
  readonly hours: number;
  /** Share of the interval by which it varies, either way. */
  readonly jitter?: number;
}

/** Calls of a session in a rhythm, a new source port each. */
function calls(like: SessionLiteral, { every, from = T0, hours, jitter = 0 }: Rhythm): SessionLiteral[] {
  const random = noise(every);
  const rows: SessionLiteral[] = [];
  let at = from;
  for (let i = 0; at < from + hours * HOUR; i++) {
    const start = Math.round(at);
    rows.push({ sport: 32_768 + (i % 20_000), ...like, start, end: start + 1 });
    at += every * (1 + jitter * (2 * random() - 1));
  }
  return rows;
}

/** The same calls as AWS logs them: with the beginning and end of the capture window, `seconds` long. */
function captured(rows: readonly SessionLiteral[], seconds: number): SessionLiteral[] {
  return rows.map((row) => {
    const start = Math.floor((row.start ?? 0) / seconds) * seconds;
    return { ...row, start, end: start + seconds - 2 };
  });
}

/** Sessions into which silence cuts `count` connections to one server, with a heartbeat each by turns. */
function keptOpen(count: number, rhythm: Rhythm): SessionLiteral[] {
  return Array.from({ length: count }, (_, i) =>
    calls({ ...home, sport: 40_001 + i }, { ...rhythm, from: T0 + Math.floor((i * rhythm.every) / count) }),
  ).flat();
}

/** The state as it was saved before it had sets of connections. */
function withoutConnections(state: Uint8Array): Uint8Array {
  const { columns, meta } = unpackSnapshot(state);
  const calls = unpackSnapshot(columns.get('calls') as Uint8Array);
  const table = unpackSnapshot(calls.columns.get('table') as Uint8Array);
  const slots = table.columns.get('slots') as Uint16Array;
  for (let at = SLOT.connections; at < slots.length; at += SLOT_WORDS) slots[at] = 0;
  const packed = packSnapshot(Object.fromEntries(table.columns), table.meta);
  const inner = packSnapshot({ ...Object.fromEntries(calls.columns), table: packed }, calls.meta);
  return packSnapshot({ ...Object.fromEntries(columns), calls: inner }, meta);
}

/** Steps of the minutes that have calls, and those in between that turn an hour. */
function stepsOf(...rows: SessionLiteral[]): StepLiteral[] {
  const minutes = Map.groupBy(rows, ({ start = 0 }) => Math.floor(start / 60) * 60);
  const last = Math.max(...minutes.keys());
  for (let hour = Math.ceil(Math.min(...minutes.keys()) / HOUR) * HOUR; hour < last; hour += HOUR)
    if (!minutes.has(hour)) minutes.set(hour, []);
  return [...minutes].sort(([a], [b]) => a - b).map(([start, active]) => ({ start, active }));
}

/** A detector at work. */
function at(settings: Record<string, unknown> = {}, context: Partial<DetectorContext> = {}) {
  const names = new Dictionary();
  const detector = beacon.create(beacon.config.parse(settings), plainContext({ names, ...context }));
  const show = (...rows: SessionLiteral[]): Finding[] => {
    const found: Finding[] = [];
    for (const step of stepsOf(...rows))
      detector.step?.(stepOf(step, names), (finding) => found.push(finding));
    return found;
  };
  return { detector, show };
}

itIsADetector(beacon, {
  firing: stepsOf(
    ...calls(home, { every: 300, hours: 8 }),
    ...calls({ ...home, src: '10.0.1.11', dst: '2001:db8:9::1' }, { every: 290, hours: 8 }),
  ),
  tiny: { maxPairs: 1, maxDestinations: 1, maxSubjects: 1 },
});

describe('beacon', () => {
  it.each([
    [60, 0],
    [60, 0.2],
    [60, 0.5],
    [300, 0],
    [300, 0.2],
    [300, 0.5],
  ])('finds a call every %d s give or take %f, with numbers, query and exception', (every, jitter) => {
    const [finding] = at().show(...calls(home, { every, hours: 14, jitter }));
    expect(finding).toMatchObject({
      severity: 'medium',
      subject: '10.0.1.10',
      peer: '203.0.113.9',
      port: 443,
      protocol: 6,
      counterpart: '203.0.113.9 443/tcp to',
      exception: { subject: '10.0.1.10', peer: '203.0.113.9', port: 443 },
    });
    expect(finding?.score).toBeGreaterThanOrEqual(0.8);
    expect(finding?.query).toContain("srcaddr = '10.0.1.10' AND dstaddr = '203.0.113.9'");
  });

  it('finds the same over IPv6', () => {
    const six = { ...home, src: 'fd00::10', dst: '2001:db8:9::9' };
    const [of4, of6] = [home, six].map((like) => at().show(...calls(like, { every: 300, hours: 14 })));
    expect(of6?.map(({ severity, score, lastSeen }) => [severity, score, lastSeen])).toEqual(
      of4?.map(({ severity, score, lastSeen }) => [severity, score, lastSeen]),
    );
  });

  it('finds a call every hour of a destination that is known to be new', () => {
    const { show } = at({ learnDays: 1 });
    const old = calls({ ...home, dst: '198.51.100.1', sport: 40_000 }, { every: 900, hours: 30 });
    const found = show(...old, ...calls(home, { every: 3600, from: T0 + 30 * HOUR, hours: 24, jitter: 0.2 }));
    expect(found[0]).toMatchObject({ severity: 'high', peer: '203.0.113.9' });
    expect(found[0]?.explanation).toMatchObject({ why: 'the destination is new', firstSeenModifier: 0.15 });
  });

  it('tells a slow rhythm as low while it may be an old one', () => {
    const found = at().show(...calls(home, { every: 900, hours: 14 }));
    expect(new Set(found.map(({ severity }) => severity))).toEqual(new Set(['low']));
  });

  it('lets a rhythm of thirty days sink', () => {
    const { show } = at({ score: 0.9 });
    const found = show(...calls(home, { every: 600, hours: 31 * 24 }));
    expect(found.length).toBeGreaterThan(10);
    expect(Math.max(...found.map(({ lastSeen }) => lastSeen))).toBeLessThan(T0 + 30 * DAY + HOUR);
  });

  it('raises a listed destination', () => {
    const indicator = { feed: 'f', category: 'c2', confidence: 90, network: '203.0.113.9/32', expires: 0 };
    const { show } = at({}, { indicators: { size: 1, categories: ['c2'], match: () => indicator } });
    expect(show(...calls(home, { every: 900, hours: 14 }))[0]).toMatchObject({
      severity: 'high',
      explanation: { feed: 'f', category: 'c2' },
    });
  });

  it('does not raise what a feed lists no more, or hardly believes', () => {
    const listed = { feed: 'f', category: 'c2', confidence: 90, network: '203.0.113.9/32', expires: T0 };
    for (const indicator of [listed, { ...listed, expires: 0, confidence: 49 }]) {
      const { show } = at({}, { indicators: { size: 1, categories: ['c2'], match: () => indicator } });
      const [first] = show(...calls(home, { every: 900, hours: 14 }));
      expect(first?.explanation ?? {}).not.toHaveProperty('feed');
    }
  });

  it('tells what goes on each hour, as growth of the same alert', () => {
    const rows = calls(home, { every: 60, hours: 24 });
    const found = at().show(...rows);
    expect(new Set(found.map(({ counterpart }) => counterpart)).size).toBe(1);
    expect(found.slice(1).every(({ count }) => count === 60)).toBe(true);
    expect(found.at(-1)?.lastSeen).toBeGreaterThanOrEqual((rows.at(-1)?.start ?? 0) - HOUR);
  });

  it('counts calls that nobody answers, as of a server that is gone', () => {
    const vain = calls({ ...home, state: ['accepted', 'first'] }, { every: 80, hours: 14 });
    expect(at().show(...vain)[0]).toMatchObject({ severity: 'medium' });
  });

  it('finds questions to a name server that nobody else asks, but none to the well-known ones', () => {
    const asking = { ...home, port: 53, protocol: 17, bytesOut: 70 };
    const rhythm = { every: 6, hours: 14, jitter: 0.2 };
    expect(at().show(...calls(asking, rhythm))[0]).toMatchObject({ port: 53, protocol: 17 });
    expect(at().show(...calls({ ...asking, dst: '9.9.9.9' }, rhythm))).toEqual([]);
    expect(at().show(...calls({ ...asking, dst: '2620:fe::fe' }, rhythm))).toEqual([]);
  });

  it('finds a server of ours that is called like that from one network outside', () => {
    const inbound = { ...home, src: '203.0.113.9', dst: '10.0.1.10' };
    expect(at().show(...calls(inbound, { every: 300, hours: 14 }))[0]).toMatchObject({
      severity: 'medium',
      subject: '10.0.1.10',
      peer: '203.0.113.9',
      counterpart: '203.0.113.9 443/tcp from',
    });
    const monitors = ['192.0.2.1', '198.51.100.1', '203.0.113.9', '198.18.0.1', '198.19.0.1'];
    const pool = monitors.flatMap((src) => calls({ ...inbound, src }, { every: 300, hours: 14 }));
    const severities = at()
      .show(...pool)
      .map(({ severity }) => severity);
    expect(new Set(severities)).toEqual(new Set(['low']));
  });

  it('judges rhythms between ends of which none is known to be ours', () => {
    const strangers = { ...home, src: '198.51.100.7' };
    expect(at().show(...calls(strangers, { every: 60, hours: 14 }))[0]).toMatchObject({
      severity: 'medium',
      subject: '198.51.100.7',
    });
  });

  it('tells a subject that calls servers of several networks in one rhythm, before each of them is sure', () => {
    const servers = ['203.0.113.9', '198.51.100.9', '192.0.2.9', '198.18.0.9', '2001:db8::9'];
    const rows = servers.flatMap((dst, i) =>
      calls({ ...home, dst }, { every: 200 + i * 2, from: T0 + i * HOUR, hours: 4 }),
    );
    const found = at().show(...rows);
    expect(found[0]).toMatchObject({
      severity: 'high',
      subject: '10.0.1.10',
      counterpart: 'several servers',
      title: '10.0.1.10 calls servers in 4 networks in one rhythm, every 3 min',
      count: 4,
    });
    expect(found[0]).not.toHaveProperty('peer');
    const several = found.filter(({ counterpart }) => counterpart === 'several servers');
    expect(several.at(-1)?.lastSeen).toBeGreaterThanOrEqual((rows.at(-1)?.start ?? 0) - HOUR);
  });

  it.each([
    [27, 60],
    [300, 60],
    [300, 600],
  ])('finds a call every %d s in capture windows of %d s', (every, window) => {
    const rows = calls(home, { every, hours: 14, jitter: 0.1 });
    expect(at().show(...captured(rows, window))[0]).toMatchObject({
      severity: 'medium',
      peer: '203.0.113.9',
    });
  });

  it.each<[string, Partial<SessionLiteral>]>([
    [
      'connections from a few ports that a SYN begins',
      { state: ['accepted', 'established', 'establishedNow', 'first', 'synSeen'] },
    ],
    ['calls over UDP from a few sockets', { protocol: 17 }],
  ])('finds %s', (_, like) => {
    const rows = calls({ ...home, ...like }, { every: 300, hours: 14 });
    const found = at().show(...rows.map((row, i) => ({ ...row, sport: 40_000 + (i % 2) })));
    expect(found[0]).toMatchObject({ severity: 'medium', peer: '203.0.113.9' });
  });

  it.each([60, 300])(
    'finds a call every %d s beside connections to the same server that are kept open',
    (every) => {
      const implant = calls(home, { every, from: T0 + 7, hours: 14 });
      const found = at().show(...keptOpen(2, { every: 600, hours: 14 }), ...implant);
      expect(found[0]).toMatchObject({ severity: 'medium', peer: '203.0.113.9' });
    },
  );

  it('finds connections that are kept open when one port is enough', () => {
    const found = at({ minPorts: 1 }).show(...keptOpen(1, { every: 300, hours: 14 }));
    expect(found[0]).toMatchObject({ severity: 'medium', peer: '203.0.113.9' });
  });

  it.each([0, 50])(
    'goes on with calls of which an older state, saved in minute %d, does not say by which connections',
    (minute) => {
      const implant = calls(home, { every: 300, hours: 14 });
      const early = implant.filter(({ start = 0 }) => start < T0 + 10 * HOUR + minute * 60);
      const late = implant.slice(early.length);
      const before = at();
      before.show(...early);
      const after = at();
      after.detector.restore?.(withoutConnections(before.detector.snapshot?.() ?? new Uint8Array()));
      expect(after.show(...late)).toEqual(before.show(...late));
    },
  );

  describe('is quiet about', () => {
    const quiet = (...rows: SessionLiteral[]): void => expect(at().show(...rows)).toEqual([]);
    const often = { every: 60, hours: 14 };

    it('a connection that is kept open or taken up again', () =>
      quiet(...calls({ ...home, sport: 40_000 }, { every: 300, hours: 14 })));
    it.each([1, 2, 3, 7])('%d connections to one server that are kept open for days', (count) => {
      for (const every of [180, 300, 600, 3600]) {
        const rows = keptOpen(count, { every, hours: 72 });
        quiet(...rows);
        quiet(...captured(rows, 60));
      }
    });
    it('time', () => quiet(...calls({ ...home, port: 123, protocol: 17 }, often)));
    it('pings', () => quiet(...calls({ ...home, port: 0, protocol: 1 }, often)));
    it('checks inside, to AWS services and on the link', () => {
      quiet(...calls({ ...home, dst: '10.0.2.5' }, often));
      quiet(...calls({ ...home, dstScope: 'awsService', dstService: 'S3' }, often));
      quiet(...calls({ ...home, dst: '169.254.169.254' }, often));
    });
    it('knocks from outside that nobody answers', () =>
      quiet(
        ...calls({ ...home, src: '203.0.113.9', dst: '10.0.1.10', state: ['rejected', 'first'] }, often),
        ...calls({ ...home, src: '203.0.113.9', dst: '10.0.1.11', state: ['accepted', 'first'] }, often),
      ));
    it('what many of the callers call, as agents do', () => {
      const agents = Array.from({ length: 12 }, (_, i) => ({ ...home, src: `10.0.1.${i + 1}` }));
      quiet(...agents.flatMap((agent) => calls(agent, { every: 300, hours: 14 })));
    });
    /** Two hundred subnets of which one host each calls a server of its own, now and then. */
    const others = (hours: number): SessionLiteral[] =>
      Array.from({ length: 200 }, (_, i) =>
        calls({ ...home, src: `10.1.${i}.1`, dst: `198.51.${i}.1` }, { every: 5000 + i, hours }),
      ).flat();
    const fleet = (count: number, rhythm: Rhythm): SessionLiteral[] =>
      Array.from({ length: count }, (_, i) => calls({ ...home, src: `10.0.1.${10 + i}` }, rhythm)).flat();
    const paging = (found: readonly Finding[]): readonly (string | undefined)[] =>
      found.filter(({ severity }) => severity !== 'low').map(({ peer }) => peer);

    it('what most of a role call, though few of all do', () => {
      const rhythm = { every: 300, hours: 14 };
      expect(paging(at().show(...others(14), ...fleet(3, rhythm)))).toEqual([]);
      expect(paging(at().show(...others(14), ...fleet(2, rhythm)))).toContain(home.dst);
    });
    it('a new instance that calls what another of its role has called for long', () => {
      const old = calls(home, { every: 300, hours: 8 * 24 });
      const late = { every: 300, from: T0 + 7.5 * DAY, hours: 12 };
      const found = (src: string): Finding[] =>
        at()
          .show(...old, ...calls({ ...home, src }, late))
          .filter(({ subject }) => subject === src);
      expect(found('10.0.1.99')[0]).toMatchObject({
        severity: 'low',
        explanation: { why: 'others of its role have long called it', callersOfRole: 2 },
      });
      expect(found('10.0.2.99')[0]).toMatchObject({ severity: 'medium' });
    });
    it('people', () => {
      const random = noise(7);
      const rows: SessionLiteral[] = [];
      for (let time = T0; time < T0 + 14 * HOUR; time += 20 + 1800 * random() ** 4)
        rows.push(
          ...calls({ ...home, bytesOut: 200 + 9000 * random() ** 3 }, { every: 60, from: time, hours: 0.01 }),
        );
      quiet(...rows.map((row, i) => ({ ...row, sport: 32_768 + i })));
    });
    it.each([8, 40, 90, 200])(
      'traffic by chance, every %d s on average, that capture windows put in order',
      (mean) => {
        const random = noise(mean);
        const rows: SessionLiteral[] = [];
        let time = T0;
        while (time < T0 + 14 * HOUR) {
          const start = Math.round(time);
          rows.push({ ...home, sport: 32_768 + rows.length, start, end: start + 1 });
          time -= mean * Math.log(1 - 0.999 * random());
        }
        quiet(...captured(rows, 60));
      },
    );
    it('bursts with long pauses', () => {
      const bursts = Array.from({ length: 14 }, (_, i) =>
        calls(home, { every: 30, from: T0 + i * HOUR, hours: 0.1 }),
      );
      quiet(...bursts.flat());
    });
  });
});
