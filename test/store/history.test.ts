import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import type { Layout } from '../../src/columns/flow-batch.ts';
import { createSessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Reject } from '../../src/contracts.ts';
import { columnName, quoted } from '../../src/store/history/table-spec.ts';
import { readManifest, removeOrphans } from '../../src/store/manifest/manifest.ts';
import { windowOf } from '../windows.ts';
import { type FlowLiteral, flowBatchOf, plainFlow, V2 } from './literals.ts';
import { openStore, rowsOf, temporaryFolder } from './support.ts';

const START = 1_767_225_600;
const LAYOUTS: readonly Layout[] = [
  V2,
  { extra: ['vpc-id', 'traffic-path', 'packets-lost-no-route'], packetAddresses: true },
  { extra: ['odd "name', 'Instance-Tag'], packetAddresses: false },
];

/** Fields that support.ts declares as numbers. */
const NUMERIC = new Set(['traffic-path', 'packets-lost-no-route']);

const addressArb = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.')),
  fc
    .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
    .map((groups) =>
      formatAddress(Uint32Array.from({ length: 4 }, (_, i) => groups[i * 2]! * 65_536 + groups[i * 2 + 1]!)),
    ),
);
const some = <T>(arb: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arb, { freq: 6 });
const textArb = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0'));

function rowArb(layout: Layout): fc.Arbitrary<FlowLiteral> {
  return fc.record({
    account: some(fc.constantFrom('123456789012', '000000000007')),
    interface: some(fc.integer({ min: 1, max: 400 }).map((n) => `eni-${n}`)),
    src: some(addressArb),
    dst: some(addressArb),
    sport: some(fc.nat(65_535)),
    dport: some(fc.nat(65_535)),
    protocol: some(fc.nat(255)),
    packets: some(fc.maxSafeNat()),
    bytes: some(fc.oneof(fc.constant(2 ** 53), fc.maxSafeNat())),
    start: some(fc.integer({ min: 0, max: 0xffff_ffff })),
    end: fc.oneof(
      fc.integer({ min: START, max: START + 3 * 3600 }),
      fc.constantFrom(0, START + 3599, START + 3600, 0xffff_ffff),
    ),
    action: some(fc.constantFrom('ACCEPT' as const, 'REJECT' as const)),
    status: some(fc.constantFrom('OK' as const, 'NODATA' as const, 'SKIPDATA' as const)),
    flags: some(fc.nat(255)),
    pktSrc: layout.packetAddresses ? some(addressArb) : fc.constant(null),
    pktDst: layout.packetAddresses ? some(addressArb) : fc.constant(null),
    extra: fc.tuple(
      ...layout.extra.map((field) =>
        NUMERIC.has(field) ? fc.oneof(fc.constantFrom('', 'abc'), fc.nat(0x7fff_ffff).map(String)) : textArb,
      ),
    ),
  });
}

const FIXED =
  'account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets::VARCHAR, bytes::VARCHAR, epoch(start)::BIGINT::VARCHAR, epoch("end")::BIGINT::VARCHAR, action, log_status, tcp_flags, pkt_srcaddr, pkt_dstaddr';

function shown(row: FlowLiteral, layout: Layout): unknown[] {
  const text = (value: number | null | undefined): string | null => (value == null ? null : String(value));
  const extra = layout.extra.map((field, i) => {
    const value = row.extra![i]!;
    return value === '' || (NUMERIC.has(field) && value === 'abc') ? null : value;
  });
  return [
    row.account ?? null,
    row.interface ?? null,
    row.src ?? null,
    row.dst ?? null,
    row.sport ?? null,
    row.dport ?? null,
    row.protocol ?? null,
    text(row.packets),
    text(row.bytes),
    text(row.start),
    String(row.end),
    row.action ?? null,
    row.status ?? null,
    row.flags ?? null,
    row.pktSrc ?? null,
    row.pktDst ?? null,
    ...extra,
  ];
}

describe('history', () => {
  it('gives back exactly the records it was given, whatever they hold', async () => {
    const cases = fc.constantFrom(...LAYOUTS).chain((layout) =>
      fc.record({
        layout: fc.constant(layout),
        rows: fc.array(rowArb(layout), { minLength: 1, maxLength: 400, size: 'max' }),
        cut: fc.nat(400),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ layout, rows, cut }) => {
        const folder = temporaryFolder();
        const store = await openStore(folder);
        try {
          for (const part of [rows.slice(0, cut), rows.slice(cut)])
            await store.history.appendFlows(flowBatchOf(part, layout, store.names));
          await store.checkpoint();
        } finally {
          await store.close();
        }
        const extra = layout.extra.map((field) => `, ${quoted(columnName(field))}::VARCHAR`).join('');
        const stored = await rowsOf(folder, `SELECT ${FIXED}${extra} FROM flows`);
        const sorted = (lines: unknown[][]): string[] => lines.map((line) => JSON.stringify(line)).sort();
        expect(sorted(stored)).toEqual(sorted(rows.map((row) => shown(row, layout))));
      }),
      { numRuns: 12 },
    );
  });

  it('keeps sessions, windows and rejects beside the records', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    const sessions = createSessionBatch(8);
    sessions.length = 1;
    sessions.srcAddr.set([0, 0, 0xffff, 0x0a000001]);
    sessions.dstAddr.set([0x20010db8, 0, 0, 1]);
    sessions.dstPort[0] = 443;
    sessions.state[0] = STATE.established | STATE.accepted;
    sessions.start[0] = START;
    sessions.end[0] = START + 100;
    sessions.bytesOut[0] = 2 ** 40;
    sessions.interfaceId[0] = store.names.code('eni-1');
    store.history.appendSessions(sessions);
    store.history.appendWindows(
      windowOf({ start: START, size: 60, key: 'subject', rows: [{ subject: '10.0.0.1', bytesOut: 7 }] }),
    );
    const rejects: Reject[] = [
      { reason: 'bad-number', source: 'a.log', position: 17, raw: '2 1 eni "\u0000\u001b[31m' },
      { reason: 'too-few-fields', source: 'a.log', position: 99, raw: '' },
    ];
    store.history.appendRejects(rejects, START);
    await store.checkpoint();
    await store.close();
    expect(
      await rowsOf(
        folder,
        'SELECT srcaddr, dstaddr, dstport, established, rejected, epoch("end")::INTEGER, bytes_out, interface_id FROM sessions',
      ),
    ).toEqual([['10.0.0.1', '2001:db8::1', 443, true, false, START + 100, String(2 ** 40), 'eni-1']]);
    expect(await rowsOf(folder, 'SELECT subject, bytes_out, epoch(start)::INTEGER FROM windows')).toEqual([
      ['10.0.0.1', '7', START],
    ]);
    expect(
      await rowsOf(folder, 'SELECT reason, source, position, raw FROM rejects ORDER BY position'),
    ).toEqual([
      ['bad-number', 'a.log', '17', '2 1 eni "\ufffd\u001b[31m'],
      ['too-few-fields', 'a.log', '99', ''],
    ]);
  });

  it('has every table, empty, before anything was stored', async () => {
    const folder = temporaryFolder();
    for (const table of ['flows', 'sessions', 'windows', 'rejects'])
      expect(await rowsOf(folder, `SELECT count(*) FROM ${table}`)).toEqual([['0']]);
  });

  it('keeps nothing of a batch that is durable', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const store = await openStore(temporaryFolder());
    const append = async (): Promise<WeakRef<Layout>> => {
      // As it comes from another thread: a copy of its own.
      const layout = structuredClone(V2);
      const row = { ...plainFlow('10.0.0.1', '10.0.0.2', START, 1), extra: [] };
      await store.history.appendFlows(flowBatchOf([row], layout, store.names));
      return new WeakRef(layout);
    };
    const layout = await append();
    await store.checkpoint();
    collect();
    expect(layout.deref()).toBeUndefined();
    await store.close();
  });

  it('goes on with the numbers of segments after a restart and removes what no checkpoint lists', async () => {
    const folder = temporaryFolder();
    const first = await openStore(folder);
    await first.history.appendFlows(flowBatchOf([plainFlow('10.0.0.1', '10.0.0.2', START)], V2, first.names));
    await first.checkpoint(new Map([['a.log', { next: 1, done: false }]]));
    await first.history.appendFlows(flowBatchOf([plainFlow('10.0.0.3', '10.0.0.4', START)], V2, first.names));
    const [orphan] = await first.history.seal();
    await first.close();
    mkdirSync(join(folder, 'history/.staging'), { recursive: true });
    writeFileSync(join(folder, 'history/.staging/torn.parquet'), 'PAR1');

    const second = await openStore(folder);
    expect(second.loaded.positions).toEqual(new Map([['a.log', { next: 1, done: false }]]));
    expect(await removeOrphans(folder, second.loaded.segments)).toBe(1);
    expect(existsSync(join(folder, orphan!.path))).toBe(false);
    expect(existsSync(join(folder, 'history/.staging'))).toBe(false);
    await second.history.appendFlows(
      flowBatchOf([plainFlow('10.0.0.5', '10.0.0.6', START)], V2, second.names),
    );
    await second.checkpoint();
    await second.close();
    expect(await rowsOf(folder, 'SELECT srcaddr FROM flows ORDER BY 1')).toEqual([
      ['10.0.0.1'],
      ['10.0.0.5'],
    ]);
  });

  it('says how many bytes of records are not in a file yet', async () => {
    const store = await openStore(temporaryFolder());
    // Of two hours: its rows are copied apart, and its memory does not come back.
    const flows = [START, START + 7200].map((end) => plainFlow('10.0.0.1', '10.0.0.2', end));
    const batch = flowBatchOf(flows, V2, store.names);
    const rowBytes = batch.buffer.byteLength / batch.capacity;
    await store.history.appendFlows(batch);
    expect(store.history.waiting).toBe(2 * rowBytes);
    await store.checkpoint();
    expect(store.history.waiting).toBe(0);
    await store.close();
  });

  it('puts rows of one hour into one file under its date and hour', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    const rows = [0, 3599, 3600, 90_000].map((at) => plainFlow('10.0.0.1', '10.0.0.2', START + at));
    await store.history.appendFlows(flowBatchOf(rows, V2, store.names));
    await store.checkpoint();
    await store.close();
    const manifest = await readManifest(folder);
    expect(
      manifest!.segments.map(({ path, rows: count }) => [path.replace(/\d+\.parquet/, ''), count]),
    ).toEqual([
      ['history/flows/date=2026-01-01/hour=00/', 2],
      ['history/flows/date=2026-01-01/hour=01/', 1],
      ['history/flows/date=2026-01-02/hour=01/', 1],
    ]);
  });

  it('does not make a file for each forged time', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    const rows = Array.from({ length: 500 }, (_, i) => plainFlow('10.0.0.1', '10.0.0.2', i * 7_000_000));
    await store.history.appendFlows(flowBatchOf(rows, V2, store.names));
    await store.checkpoint();
    await store.close();
    const files = readdirSync(join(folder, 'history'), { recursive: true }).filter((name) =>
      String(name).endsWith('.parquet'),
    );
    expect(files.length).toBeLessThan(50);
    expect(await rowsOf(folder, 'SELECT count(DISTINCT "end") FROM flows')).toEqual([['500']]);
  });
});
