import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { PRESENT, PRESENT_V2 } from '../../src/columns/flow-batch.ts';
import type { InterfaceBatch } from '../../src/columns/interface-batch.ts';
import {
  ENCRYPTION,
  SCOPE,
  type SessionBatch,
  STATE,
  type WindowBatch,
} from '../../src/columns/session-batch.ts';
import { joined, packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { RollupOptions } from '../../src/rollup/options.ts';
import { Rollup } from '../../src/rollup/rollup.ts';
import { type FlowRow, flowsOf } from '../flows.ts';

const T = 1_767_571_200;
const LATENESS = 300;

interface SessionRow {
  readonly [column: string]: number | string;
}

interface Seen {
  active: { step: number; row: SessionRow }[];
  ended: SessionRow[];
  late: SessionRow[];
  windows: string[];
  interfaces: string[];
  /** Everything, in an order that does not depend on the order of rows. */
  log: string[];
}

function rowsOf(batch: SessionBatch, names: Dictionary): SessionRow[] {
  const rows: SessionRow[] = [];
  for (let i = 0; i < batch.length; i++) {
    rows.push({
      src: formatAddress(batch.srcAddr, i * 4),
      dst: formatAddress(batch.dstAddr, i * 4),
      srcPort: batch.srcPort[i]!,
      dstPort: batch.dstPort[i]!,
      protocol: batch.protocol[i]!,
      scopes: `${batch.srcScope[i]} ${batch.dstScope[i]}`,
      services: `${names.text(batch.srcService[i]!)} ${names.text(batch.dstService[i]!)}`,
      state: batch.state[i]!,
      flags: `${batch.flagsOut[i]} ${batch.flagsIn[i]}`,
      encryption: batch.encryption[i]!,
      start: batch.start[i]!,
      end: batch.end[i]!,
      eni: names.text(batch.interfaceId[i]!),
      bytesOut: batch.bytesOut[i]!,
      bytesIn: batch.bytesIn[i]!,
      packetsOut: batch.packetsOut[i]!,
      packetsIn: batch.packetsIn[i]!,
      stepBytesOut: batch.stepBytesOut[i]!,
      stepBytesIn: batch.stepBytesIn[i]!,
      rejects: batch.rejects[i]!,
      rejectedPackets: batch.rejectedPackets[i]!,
    });
  }
  return rows;
}

function windowText(window: WindowBatch): string {
  const rows: string[] = [];
  for (let i = 0; i < window.length; i++) {
    const {
      bytesOut,
      bytesIn,
      packetsOut,
      packetsIn,
      sessionsOut,
      sessionsIn,
      rejects,
      distinctPeers,
      distinctPorts,
    } = window;
    const columns = [
      bytesOut,
      bytesIn,
      packetsOut,
      packetsIn,
      sessionsOut,
      sessionsIn,
      rejects,
      distinctPeers,
      distinctPorts,
    ];
    rows.push(
      [
        formatAddress(window.subject, i * 4),
        formatAddress(window.peer, i * 4),
        ...columns.map((column) => column[i]),
      ].join(' '),
    );
  }
  return `${window.key} ${window.size} ${window.start - T}: ${rows.sort().join('; ')}`;
}

/** Interface, account, records, NODATA, SKIPDATA, fields. */
function interfaceText(batch: InterfaceBatch, names: Dictionary): string {
  const rows: string[] = [];
  for (let i = 0; i < batch.length; i++) {
    const { interfaceId, accountId, records, noData, skipData, present } = batch;
    const counts = [records[i], noData[i], skipData[i], present[i]!.toString(2)];
    rows.push([names.text(interfaceId[i]!), names.text(accountId[i]!), ...counts].join(' '));
  }
  return rows.sort().join('; ');
}

function createRollup(names: Dictionary, seen: Seen, options: Partial<RollupOptions> = {}): Rollup {
  return new Rollup(
    {
      names,
      scopeOf: (words, offset) => (words[offset + 3]! >>> 24 === 10 ? SCOPE.internal : SCOPE.public),
      lateness: LATENESS,
      maxFlows: 1 << 16,
      holdFlows: 0,
      maxSessions: 1 << 16,
      maxWindowKeys: 1 << 12,
      windows: [
        { size: 300, key: 'subject' },
        { size: 300, key: 'pair' },
        { size: 3600, key: 'pair' },
      ],
      ...options,
    },
    {
      step(step) {
        const active = rowsOf(step.active, names);
        const ended = rowsOf(step.ended, names);
        for (const row of active) seen.active.push({ step: step.start, row });
        seen.ended.push(...ended);
        const text = (rows: SessionRow[]): string =>
          rows
            .map((row) => JSON.stringify(row))
            .sort()
            .join('\n');
        const interfaces = interfaceText(step.interfaces, names);
        seen.interfaces.push(`${step.start - T}: ${interfaces}`);
        seen.log.push(`step ${step.start - T}\n${interfaces}\n${text(active)}\nended\n${text(ended)}`);
      },
      window(window) {
        const text = windowText(window);
        seen.windows.push(text);
        seen.log.push(text);
      },
      late: (sessions) => {
        seen.late.push(...rowsOf(sessions, names));
      },
    },
  );
}

const nothing = (): Seen => ({ active: [], ended: [], late: [], windows: [], interfaces: [], log: [] });

function run(
  rows: readonly FlowRow[],
  options: Partial<RollupOptions> = {},
): Seen & { rollup: Rollup; lateRows: number } {
  const names = new Dictionary();
  const seen = nothing();
  const rollup = createRollup(names, seen, options);
  const lateRows = rollup.add(flowsOf(rows, names));
  rollup.finish();
  return { ...seen, rollup, lateRows };
}

/** Both directions of a connection as one interface logs them. */
function exchange(at: number, extra: Partial<FlowRow> = {}, seconds = 20): FlowRow[] {
  const ask: FlowRow = {
    src: '10.0.0.1',
    dst: '34.1.1.1',
    start: at,
    end: at + seconds,
    bytes: 100,
    ...extra,
  };
  const { src, dst, srcPort = 50_000, dstPort = 443 } = ask;
  return [ask, { ...ask, src: dst, dst: src, srcPort: dstPort, dstPort: srcPort, bytes: 900 }];
}

describe('rollup', () => {
  it('says which interfaces have records in a step, what kind they are, and the fields that those with data have', () => {
    const silent = { src: '::', dst: '::', start: T, end: T + 30 };
    const { interfaces } = run([
      ...exchange(T),
      ...exchange(T, { eni: 'eni-b', flags: 2 }),
      { ...silent, eni: 'eni-c', status: 'NODATA' },
      { ...silent, eni: 'eni-a', status: 'SKIPDATA' },
      ...exchange(T + 60, { srcPort: 50_001 }),
    ]);

    const v2 = PRESENT_V2.toString(2);
    const withFlags = (PRESENT_V2 | PRESENT.tcpFlags).toString(2);
    expect(interfaces.slice(0, 2)).toEqual([
      `0: eni-a 123456789012 3 0 1 ${v2}; eni-b 123456789012 2 0 0 ${withFlags}; eni-c 123456789012 1 1 0 0`,
      `60: eni-a 123456789012 2 0 0 ${v2}`,
    ]);
  });

  it('keeps apart a thousand interfaces of one step, and again in the next', () => {
    const records = (at: number) =>
      Array.from({ length: 1000 }, (_, i) => exchange(at, { eni: `eni-${(i * 7) % 1000}` })).flat();
    const { interfaces } = run([...records(T), ...records(T + 60)]);
    for (const text of interfaces.slice(0, 2)) {
      const rows = text.slice(text.indexOf(': ') + 2).split('; ');
      expect(new Set(rows.map((row) => row.split(' ')[0])).size).toBe(1000);
      expect(rows.every((row) => row.includes(' 2 0 0 '))).toBe(true);
    }
  });

  it('keeps the scopes with which a session began until it is told that they are others', () => {
    const names = new Dictionary();
    const seen = nothing();
    let ours: number = SCOPE.public;
    const scopeOf = () => ours as typeof SCOPE.public;
    const rollup = createRollup(names, seen, { scopeOf, lateness: 0 });
    const minutes = (from: number, to: number): void => {
      for (let minute = from; minute < to; minute++)
        rollup.add(flowsOf(exchange(T + minute * 60, {}, 50), names));
    };

    minutes(0, 40);
    const before = seen.active.length;
    ours = SCOPE.internal;
    minutes(40, 80);
    const told = seen.active.length;
    rollup.rescope();
    minutes(80, 90);
    rollup.finish();

    const scopes = seen.active.map(({ row }) => row.scopes);
    expect(before).toBeGreaterThan(5);
    expect(told).toBeGreaterThan(before + 5);
    expect(new Set(scopes.slice(0, told))).toEqual(new Set(['2 2']));
    expect(new Set(scopes.slice(told))).toEqual(new Set(['0 0']));
  });

  it('pairs both directions of a connection', () => {
    const { ended } = run(exchange(T));

    expect(ended).toHaveLength(1);
    expect(ended[0]).toMatchObject({
      src: '10.0.0.1',
      dst: '34.1.1.1',
      dstPort: 443,
      bytesOut: 100,
      bytesIn: 900,
    });
    expect(Number(ended[0]!.state) & STATE.established).toBe(STATE.established);
  });

  it('gathers what all records of a connection say of its encryption: directions, interfaces, steps', () => {
    const [ask, answer] = exchange(T) as [FlowRow, FlowRow];
    const { active, ended } = run([
      { ...ask, encryption: '1' },
      { ...answer, encryption: '-' },
      { ...answer, eni: 'eni-b', encryption: '3' },
      { ...ask, start: T + 60, end: T + 70, encryption: '0' },
    ]);
    const { none, nitro, both } = ENCRYPTION;
    expect(active.map(({ row }) => row.encryption)).toEqual([nitro | both, nitro | both | none]);
    expect(ended.map((row) => row.encryption)).toEqual([nitro | both | none]);
  });

  it('knows nothing of the encryption without the field, of a new value, and of the session before', () => {
    expect(run(exchange(T)).ended[0]?.encryption).toBe(0);
    expect(run(exchange(T, { encryption: '4' })).ended[0]?.encryption).toBe(0);
    const later = [...exchange(T, { encryption: '2' }), ...exchange(T + 600)];
    expect(run(later).ended.map((row) => row.encryption)).toEqual([ENCRYPTION.application, 0]);
  });

  it('takes what a log names as of AWS for a service, but not what anybody rents of it or sets up behind it', () => {
    const { internal, awsService, public: outside } = SCOPE;
    const scopesOf = (service: string): SessionRow[keyof SessionRow] | undefined => {
      const [ask, answer] = exchange(T) as [FlowRow, FlowRow];
      const rows = [
        { ...ask, dstService: service },
        { ...answer, srcService: service },
      ];
      const { active, ended } = run(rows);
      expect(active[0]?.row.scopes).toBe(ended[0]?.scopes);
      expect(ended[0]?.services).toBe(` ${service}`);
      return ended[0]?.scopes;
    };
    for (const service of ['S3', 'AMAZON', 'DYNAMODB', 'ROUTE53_HEALTHCHECKS', 'A_NEW_ONE'])
      expect(scopesOf(service)).toBe(`${internal} ${awsService}`);
    for (const service of ['EC2', 'CODEBUILD', 'CLOUDFRONT', 'GLOBALACCELERATOR', 'API_GATEWAY', ''])
      expect(scopesOf(service)).toBe(`${internal} ${outside}`);
    const caller = { src: '34.1.1.1', dst: '10.0.0.1', flags: 2 };
    const scopesFrom = (srcService: string): unknown =>
      run([{ ...caller, srcService, start: T, end: T + 20 }]).ended[0]?.scopes;
    expect(scopesFrom('EC2')).toBe(`${outside} ${internal}`);
    expect(scopesFrom('ROUTE53_HEALTHCHECKS')).toBe(`${awsService} ${internal}`);
  });

  it('takes a service that any record of a connection names, and of two the same one, in any order', () => {
    const [ask, answer] = exchange(T) as [FlowRow, FlowRow];
    const again = { start: T + 60, end: T + 80 };
    const silent = [ask, answer, { ...ask, eni: 'eni-b' }];
    const orders = (rows: readonly FlowRow[]): (readonly FlowRow[])[] =>
      rows.length < 2
        ? [rows]
        : rows.flatMap((row, i) => orders(rows.toSpliced(i, 1)).map((rest) => [row, ...rest]));
    const cases: { rows: FlowRow[]; scopes: string; services: RegExp }[] = [
      { rows: [{ ...ask, dstService: 'S3' }, ...silent], scopes: '0 1', services: /^ S3$/ },
      { rows: [{ ...answer, srcService: 'S3' }, ...silent], scopes: '0 1', services: /^ S3$/ },
      { rows: [{ ...ask, eni: 'eni-b', dstService: 'S3' }, ask], scopes: '0 1', services: /^ S3$/ },
      { rows: [{ ...ask, ...again, dstService: 'S3' }, ...silent], scopes: '0 1', services: /^ S3$/ },
      {
        rows: ['S3', 'DYNAMODB', 'KMS'].map((dstService, i) => ({ ...ask, eni: `eni-${i % 2}`, dstService })),
        scopes: '0 1',
        services: /^ (S3|DYNAMODB|KMS)$/,
      },
    ];
    for (const { rows, scopes, services } of cases) {
      const logs = orders(rows).map((order) => run(order));
      for (const { ended, log } of logs) {
        expect(log).toEqual(logs[0]!.log);
        expect(ended).toMatchObject([{ scopes, services: expect.stringMatching(services) }]);
      }
    }
  });

  it('knows a name that it first saw before a restart, or after it', () => {
    const { internal, awsService, public: outside } = SCOPE;
    const names = new Dictionary();
    const seen = nothing();
    const first = createRollup(names, seen);
    first.add(flowsOf([{ ...exchange(T)[0]!, dstService: 'EC2' }], names));
    const second = createRollup(names, seen);
    second.restore(joined(first.snapshot()));
    const others = ['S3', 'EC2', 'CLOUDFRONT'].map((dstService, i) => ({
      ...exchange(T + 30, { dst: `34.1.1.${i + 2}` })[0]!,
      dstService,
    }));
    second.add(flowsOf(others, names));
    second.finish();
    expect(seen.ended.map(({ dst, scopes }) => `${dst} ${scopes}`).sort()).toEqual([
      `34.1.1.1 ${internal} ${outside}`,
      `34.1.1.2 ${internal} ${awsService}`,
      `34.1.1.3 ${internal} ${outside}`,
      `34.1.1.4 ${internal} ${outside}`,
    ]);
  });

  it('joins capture windows up to twice the aggregation interval apart, and no further', () => {
    const near = run([...exchange(T), ...exchange(T + 140)]);
    const far = run([...exchange(T), ...exchange(T + 141)]);

    expect(near.ended.map((row) => row.bytesOut)).toEqual([200]);
    expect(far.ended.map((row) => row.bytesOut)).toEqual([100, 100]);
  });

  it('keeps a connection with keep-alives one session for a day', () => {
    const rows = Array.from({ length: 1440 }, (_, minute) => exchange(T + minute * 60, {}, 45)).flat();

    const { ended, active } = run(rows);

    expect(ended).toHaveLength(1);
    expect(active.filter(({ row }) => Number(row.state) & STATE.first)).toHaveLength(1);
    expect(active.filter(({ row }) => Number(row.state) & STATE.establishedNow)).toHaveLength(1);
    expect(ended[0]).toMatchObject({
      bytesOut: 144_000,
      bytesIn: 1_296_000,
      start: T,
      end: T + 1439 * 60 + 45,
    });
  });

  it('counts a connection that two interfaces logged once, though their capture windows differ', () => {
    const inside = { dst: '10.0.0.2', dstPort: 5432 };
    const rows = [
      ...exchange(T, { ...inside, eni: 'eni-a' }, 58),
      ...exchange(T + 60, { ...inside, eni: 'eni-a' }, 58),
      ...exchange(T + 5, { ...inside, eni: 'eni-b' }, 58),
      ...exchange(T + 65, { ...inside, eni: 'eni-b' }, 57),
    ];

    const { ended, windows } = run(rows);

    expect(ended).toHaveLength(1);
    expect(ended[0]).toMatchObject({ bytesOut: 200, bytesIn: 1800 });
    const subject = windows.filter((text) => text.startsWith('subject 300'));
    expect(subject.join()).toContain('10.0.0.1 :: 200 1800');
    expect(subject.join()).toContain('10.0.0.2 :: 1800 200');
  });

  it('tells an attempt that only the far interface saw rejected', () => {
    const inside = { dst: '10.0.0.2', dstPort: 5432, packets: 1, bytes: 60 };
    const rows: FlowRow[] = [
      { src: '10.0.0.1', start: T, end: T + 50, eni: 'eni-a', ...inside },
      { src: '10.0.0.1', start: T + 10, end: T + 70, eni: 'eni-b', action: 'REJECT', ...inside },
    ];

    const { active, ended } = run(rows);

    expect(ended).toHaveLength(1);
    expect(Number(ended[0]!.state) & STATE.established).toBe(0);
    expect(active.some(({ row }) => Number(row.state) & STATE.rejectedNow)).toBe(true);
  });

  it.each([
    ['a SYN without ACK asks', { flags: 2, srcPort: 443, dstPort: 50_000 }, '10.0.0.1'],
    ['a known port answers', { srcPort: 5432, dstPort: 50_000 }, '34.1.1.1'],
    ['the lower of an ephemeral and another port answers', { srcPort: 40_000, dstPort: 17_171 }, '10.0.0.1'],
  ])('%s', (_why, extra, initiator) => {
    const { ended } = run([{ src: '10.0.0.1', dst: '34.1.1.1', start: T, end: T + 10, ...extra }]);

    expect(ended[0]!.src).toBe(initiator);
  });

  it('takes the sender of what was refused for the initiator, whatever its port', () => {
    const { ended } = run([
      {
        src: '34.1.1.1',
        dst: '10.0.0.1',
        start: T,
        end: T,
        srcPort: 20_547,
        dstPort: 58_938,
        action: 'REJECT',
      },
      { src: '34.1.1.2', dst: '10.0.0.1', start: T, end: T, srcPort: 443, dstPort: 58_938, action: 'REJECT' },
    ]);

    expect(ended.map((row) => row.src).sort()).toEqual(['10.0.0.1', '34.1.1.1']);
  });

  it('takes who was seen first for the initiator where nothing else tells', () => {
    const ports = { srcPort: 40_001, dstPort: 40_000 };
    const { ended } = run([
      { src: '10.0.0.1', dst: '34.1.1.1', start: T + 3, end: T + 10, ...ports },
      { src: '34.1.1.1', dst: '10.0.0.1', start: T, end: T + 10, srcPort: 40_000, dstPort: 40_001 },
    ]);

    expect(ended[0]!.src).toBe('34.1.1.1');
  });

  it('does not call a repeated SYN established, however often it is', () => {
    const rows = [0, 60, 120].map((at) => ({
      src: '10.0.0.1',
      dst: '34.1.1.1',
      start: T + at,
      end: T + at + 30,
      packets: 3,
      bytes: 180,
      flags: 2,
    }));

    expect(Number(run(rows).ended[0]!.state) & STATE.established).toBe(0);
  });

  it('calls one-way UDP of four packets established', () => {
    const row = {
      src: '10.0.0.1',
      dst: '34.1.1.1',
      start: T,
      end: T + 9,
      protocol: 17,
      packets: 4,
      dstPort: 514,
    };

    expect(Number(run([row]).ended[0]!.state) & STATE.established).toBe(STATE.established);
  });

  it('observes an aggregation interval of 600 s and joins accordingly', () => {
    const rows = [0, 1700].flatMap((at) => exchange(T + at, {}, 590));

    const { ended, rollup } = run([...rows, ...exchange(T, { srcPort: 1 }, 590)]);

    expect(rollup.interval).toBe(600);
    expect(ended.filter((row) => row.srcPort === 50_000)).toHaveLength(1);
  });

  it('hands late records over apart and never changes a closed step', () => {
    const names = new Dictionary();
    const seen = nothing();
    const rollup = createRollup(names, seen);
    const steady = Array.from({ length: 40 }, (_, i) => exchange(T + i * 30)).flat();
    rollup.add(flowsOf(steady, names));
    const before = seen.log.length;

    const late = rollup.add(flowsOf(exchange(T + 30, { srcPort: 50_007 }), names));

    expect(late).toBe(2);
    expect(seen.log.length).toBe(before);
    expect(seen.late).toHaveLength(1);
    expect(seen.late[0]).toMatchObject({ srcPort: 50_007, bytesOut: 100, bytesIn: 900 });
  });

  it('waits for every lane that has not passed a step, until it is idle or gone', () => {
    const stream = (host: number) =>
      Array.from({ length: 60 }, (_, i) => exchange(T + i * 60, { dst: `34.1.1.${host}` })).flat();
    const laneRun = (release: (rollup: Rollup) => void) => {
      const names = new Dictionary();
      const seen = nothing();
      const rollup = createRollup(names, seen);
      rollup.setLanes('s:', ['s:fast', 's:slow']);
      rollup.add(flowsOf(stream(1), names), 's:fast');
      const held = seen.log.length;
      release(rollup);
      const closed = seen.log.length;
      return { held, closed, late: rollup.add(flowsOf(stream(2), names), 's:slow') };
    };

    expect(laneRun(() => {})).toEqual({ held: 0, closed: 0, late: 0 });
    for (const release of [
      (rollup: Rollup) => rollup.setIdle('s:slow'),
      (rollup: Rollup) => rollup.setLanes('s:', ['s:fast']),
      (rollup: Rollup) => rollup.resumeLanes(['s:fast']),
    ]) {
      const { held, late } = laneRun((rollup) => {
        release(rollup);
        rollup.setIdle('s:none');
      });
      expect(held).toBe(0);
      expect(late).toBeGreaterThan(0);
    }
  });

  it('waits for each lane by its own lateness, also after a restart', () => {
    const minutes = (count: number, host: number) =>
      Array.from({ length: count }, (_, i) => exchange(T + i * 60, { dst: `34.1.1.${host}` })).flat();
    const names = new Dictionary();
    const seen = nothing();
    let rollup = createRollup(names, seen);
    rollup.setLanes('kafka:', ['kafka:a']);
    rollup.setLanes('s3:', ['s3:b'], 1800);
    rollup.add(flowsOf(minutes(28, 1), names), 's3:b');
    rollup.add(flowsOf(minutes(28, 2), names), 'kafka:a');
    expect(seen.log).toEqual([]);
    const saved = joined(rollup.snapshot());
    rollup = createRollup(names, seen);
    rollup.restore(saved);
    rollup.setLanes('kafka:', ['kafka:a']);
    expect(seen.log).toEqual([]);
    expect(rollup.add(flowsOf(minutes(28, 3), names), 's3:b')).toBe(0);
    rollup.add(flowsOf(minutes(40, 4), names), 's3:b');
    rollup.add(flowsOf(minutes(40, 5), names), 'kafka:a');
    expect(seen.log.length).toBeGreaterThan(0);
  });

  it('goes on without lanes once all are idle, up to the newest record', () => {
    const names = new Dictionary();
    const seen = nothing();
    const rollup = createRollup(names, seen);
    rollup.setLanes('s:', ['s:a', 's:b']);
    rollup.add(flowsOf(Array.from({ length: 60 }, (_, i) => exchange(T + i * 60)).flat(), names), 's:a');
    rollup.setIdle('s:a');
    expect(seen.log).toEqual([]);
    rollup.setIdle('s:b');
    expect(seen.log.length).toBeGreaterThan(0);
  });

  describe('an idle lane', () => {
    const stream = (host: number, from = 0) =>
      Array.from({ length: 60 }, (_, i) => exchange(T + from + i * 60, { dst: `34.1.1.${host}` })).flat();
    /** Two lanes had the same hour, and one of them is idle since. */
    const stopped = () => {
      const names = new Dictionary();
      const seen = nothing();
      const rollup = createRollup(names, seen);
      rollup.setLanes('s:', ['s:a', 's:b', 's:silent']);
      rollup.setIdle('s:silent');
      rollup.add(flowsOf(stream(1), names), 's:a');
      rollup.add(flowsOf(stream(2), names), 's:b');
      rollup.setIdle('s:b');
      return { names, seen, rollup };
    };
    const restarted = ({ names, seen, rollup }: ReturnType<typeof stopped>) => {
      const next = createRollup(names, seen);
      next.restore(joined(rollup.snapshot()));
      return { names, seen, rollup: next };
    };

    it('is kept in a snapshot, and time goes on without it', () => {
      const { names, seen, rollup } = restarted(stopped());
      const before = seen.log.length;
      rollup.add(flowsOf(stream(1, 3600), names), 's:a');
      expect(seen.log.length).toBeGreaterThan(before);
    });

    it('is waited for when its source begins anew, so that nothing of what came meanwhile is late', () => {
      // Killed before it was heard of: its idleness outlives that as well.
      const killed = restarted(stopped());
      expect(killed.rollup.resumeLanes(['s:'])).toEqual(['s:b', 's:silent']);
      const { names, seen, rollup } = restarted(killed);
      expect(rollup.resumeLanes(['s:'])).toEqual(['s:b', 's:silent']);
      rollup.setLanes('s:', ['s:a', 's:b', 's:silent']);
      const before = seen.log.length;
      expect(rollup.add(flowsOf(stream(1, 3600), names), 's:a')).toBe(0);
      rollup.setIdle('s:silent');
      expect(seen.log.length).toBe(before);
      expect(rollup.add(flowsOf(stream(2, 3600), names), 's:b')).toBe(0);
      expect(seen.log.length).toBeGreaterThan(before);
    });

    it('lets time go on as soon as its source has nothing for it', () => {
      const { names, seen, rollup } = restarted(stopped());
      for (const lane of rollup.resumeLanes(['s:'])) rollup.setIdle(lane);
      const before = seen.log.length;
      rollup.add(flowsOf(stream(1, 3600), names), 's:a');
      expect(seen.log.length).toBeGreaterThan(before);
    });
  });

  it('goes on with as many sessions as have room when there were more', () => {
    const names = new Dictionary();
    const first = createRollup(names, nothing());
    const calls = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) =>
        exchange(from + (i % 50), { dst: `34.1.${i >> 8}.${i & 255}` }),
      ).flat();
    first.add(flowsOf([...calls(T, 300), ...calls(T + LATENESS + 100, 40)], names));
    const second = createRollup(names, nothing(), { maxSessions: 64 });
    second.restore(joined(first.snapshot()));
    expect(second.overflow.sessions).toBe(300 - 64);
    second.add(flowsOf(calls(T + 600, 3), names));
    second.finish();
  });

  it('goes on from a snapshot of before there were lanes', () => {
    const names = new Dictionary();
    const first = createRollup(names, nothing());
    first.add(flowsOf(Array.from({ length: 60 }, (_, i) => exchange(T + i * 60)).flat(), names));
    const snapshot = joined(first.snapshot());
    const { columns, meta } = unpackSnapshot(snapshot);
    const { lanes, ...rest } = meta as { lanes: [string, { max: number; ahead: number[] }][] };
    const [, { max, ahead }] = lanes[0]!;
    const old = packSnapshot(Object.fromEntries(columns), { ...rest, watermark: { max, ahead } });

    const [fromNew, fromOld] = [snapshot, old].map((state) => {
      const seen = nothing();
      const rollup = createRollup(names, seen);
      rollup.restore(state);
      rollup.add(flowsOf(Array.from({ length: 60 }, (_, i) => exchange(T + 3600 + i * 60)).flat(), names));
      rollup.finish();
      return { now: rollup.now, log: seen.log };
    });

    expect(fromNew!.log.length).toBeGreaterThan(60);
    expect(fromOld).toEqual(fromNew);
  });

  it('goes on from a snapshot of before the flows of a connection were chained', () => {
    const names = new Dictionary();
    const first = createRollup(names, nothing());
    const twoViews = (at: number): FlowRow[] =>
      ['eni-a', 'eni-b'].flatMap((eni) => exchange(at, { dst: '10.0.0.2', eni }));
    first.add(flowsOf(Array.from({ length: 60 }, (_, i) => twoViews(T + i * 60)).flat(), names));
    const snapshot = joined(first.snapshot());
    const { columns, meta } = unpackSnapshot(snapshot);
    // What such a folder has in the words that lead from flow to flow, and in the hashes.
    for (const [name, column] of columns) {
      const garbage = name === 'sessions' ? [24, 30, 31] : name.startsWith('flows-') ? [30, 31] : [];
      for (let at = 0; at < column.length; at += 32) {
        for (const word of garbage) column[at + word] = 0x1234567;
        if (name.startsWith('flows-')) column[at + 14] = column[at + 14]! & 0x7ffff;
      }
    }
    const old = packSnapshot(Object.fromEntries(columns), meta);

    const [fromNew, fromOld] = [snapshot, old].map((state) => {
      const seen = nothing();
      const rollup = createRollup(names, seen);
      rollup.restore(state);
      rollup.add(flowsOf(Array.from({ length: 20 }, (_, i) => twoViews(T + 3600 + i * 60)).flat(), names));
      rollup.finish();
      return seen;
    });

    expect(fromNew!.ended).toHaveLength(1);
    expect(fromOld).toEqual(fromNew);
  });

  it('counts a connection once that a hundred interfaces logged, and keeps what each alone saw rejected', () => {
    const views = Array.from({ length: 100 }, (_, i) => `eni-${i}`);
    const rows = views.flatMap((eni) => exchange(T, { dst: '10.0.0.2', eni }));
    const rejects = views
      .slice(0, 7)
      .map((eni): FlowRow => ({ ...exchange(T, { dst: '10.0.0.2', eni })[0]!, action: 'REJECT' }));

    const { active, ended } = run([...rows, ...rejects]);

    expect(active.map(({ row }) => [row.stepBytesOut, row.stepBytesIn, row.rejects])).toEqual([
      [100, 900, 7],
    ]);
    expect(ended).toHaveLength(1);
  });

  it('loses nothing to lateness while it may hold steps open', () => {
    const streams = ['eni-a', 'eni-b'].flatMap((eni) =>
      Array.from({ length: 200 }, (_, i) => exchange(T + i * 30, { eni, dst: `34.1.1.${i}` })).flat(),
    );

    expect(run(streams).lateRows).toBeGreaterThan(0);
    expect(run(streams, { holdFlows: 1 << 12 }).lateRows).toBe(0);
  });

  it('does not let one record from 2099 close a window', () => {
    const rows = Array.from({ length: 100 }, (_, i) => exchange(T + i * 5)).flat();
    const forged: FlowRow = { src: '10.0.0.1', dst: '34.1.1.1', start: 4_070_908_800, end: 4_070_908_800 };
    const names = new Dictionary();
    const rollup = createRollup(names, nothing());

    const late = [forged, ...rows].map((row) => rollup.add(flowsOf([row], names)));

    expect(late.every((count) => count === 0)).toBe(true);
  });

  it('goes on after a leap in time that many records confirm', () => {
    const rows = [0, 10 * 86_400].flatMap((day) =>
      Array.from({ length: 100 }, (_, i) => exchange(T + day + i * 10)).flat(),
    );

    const { ended, lateRows } = run(rows);

    expect(lateRows).toBe(0);
    expect(ended).toHaveLength(2);
  });

  it('stays within its caps and counts what found no place', () => {
    const rows = Array.from({ length: 5000 }, (_, i) =>
      exchange(T + (i % 50), { dst: `34.1.${i >> 8}.${i & 255}` }),
    ).flat();

    const { rollup, ended } = run(rows, { maxFlows: 2048, maxSessions: 1024, maxWindowKeys: 64 });

    expect(rollup.overflow.flows).toBeGreaterThan(0);
    expect(rollup.overflow.sessions).toBeGreaterThan(0);
    expect(rollup.overflow.windowKeys).toBeGreaterThan(0);
    expect(ended.length).toBeGreaterThan(1024);
  });
});

const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '34.1.1.1', '2600::1');
const flow = fc.record({
  src: address,
  dst: address,
  srcPort: fc.constantFrom(50_000, 50_001, 443),
  dstPort: fc.constantFrom(443, 22, 50_000),
  protocol: fc.constantFrom(6, 17),
  packets: fc.integer({ min: 1, max: 9 }),
  bytes: fc.integer({ min: 40, max: 5000 }),
  at: fc.integer({ min: 0, max: 1500 }),
  seconds: fc.integer({ min: 0, max: 60 }),
  action: fc.constantFrom('ACCEPT' as const, 'ACCEPT' as const, 'REJECT' as const),
  flags: fc.constantFrom(0, 2, 18, 3, 19, 1),
  eni: fc.constantFrom('eni-a', 'eni-b', 'eni-c'),
  encryption: fc.constantFrom('', '0', '1', '2', '3'),
  srcService: fc.constantFrom('', '', 'S3', 'EC2', 'AMAZON'),
  dstService: fc.constantFrom('', '', 'S3', 'EC2', 'AMAZON'),
  /** Seconds by which its arrival is delayed. */
  delay: fc.integer({ min: 0, max: LATENESS - 1 }),
});

describe('rollup properties', () => {
  const runs = Number(process.env.FLOWSENTRY_PROPERTY_RUNS ?? 300);

  it('gives the same steps, sessions and windows for any order within the lateness and any batch size', () => {
    fc.assert(
      fc.property(fc.array(flow, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (flows, size) => {
        const rows = flows.map(({ at, seconds, ...row }) => ({
          ...row,
          start: T + at,
          end: T + at + seconds,
        }));
        const ordered = rows.toSorted((a, b) => a.end - b.end);
        const delayed = rows.toSorted((a, b) => a.end + a.delay - (b.end + b.delay));
        const names = new Dictionary();
        const seen = nothing();
        const rollup = createRollup(names, seen);
        for (let from = 0; from < delayed.length; from += size)
          rollup.add(flowsOf(delayed.slice(from, from + size), names));
        rollup.finish();

        expect(seen.late).toEqual([]);
        expect(seen.log).toEqual(run(ordered).log);
      }),
      { numRuns: runs },
    );
  });

  it('goes on from a snapshot as if nothing had happened', () => {
    fc.assert(
      fc.property(
        fc.array(flow, { minLength: 40, maxLength: 80 }),
        fc.integer({ min: 0, max: 79 }),
        (flows, cut) => {
          const rows = flows
            .map(({ at, seconds, ...row }) => ({ ...row, start: T + at, end: T + at + seconds }))
            .toSorted((a, b) => a.end - b.end);
          const names = new Dictionary();
          const seen = nothing();
          const first = createRollup(names, seen);
          first.add(flowsOf(rows.slice(0, cut), names));
          const second = createRollup(names, seen);
          second.restore(joined(first.snapshot()));
          second.add(flowsOf(rows.slice(cut), names));
          second.finish();

          expect(seen.log).toEqual(run(rows).log);
        },
      ),
      { numRuns: runs },
    );
  });
});
