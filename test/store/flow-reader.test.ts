import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { type FlowBatch, type Layout, PRESENT } from '../../src/columns/flow-batch.ts';
import { readFlows } from '../../src/store/flows/reader.ts';
import { slicesOf } from '../../src/store/flows/slices.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { emptyContents } from '../../src/store/state/contents.ts';
import { type FlowLiteral, flowBatchOf, plainFlow, V2 } from './literals.ts';
import { openStore, temporaryFolder } from './support.ts';

const START = 1_767_225_600;
const RICH: Layout = {
  extra: ['vpc-id', 'pkt-dst-aws-service', 'pkt-src-aws-service', 'encryption-status'],
  packetAddresses: true,
};

async function folderWith(batches: readonly (readonly [Layout, readonly FlowLiteral[]])[]): Promise<string> {
  const folder = temporaryFolder();
  const store = await openStore(folder);
  for (const [layout, rows] of batches) {
    await store.history.appendFlows(flowBatchOf(rows, layout, store.names));
    await store.checkpoint();
  }
  await store.close();
  return folder;
}

/** What the rollup reads of a row, as text. */
function shown(batch: FlowBatch, row: number, names: Dictionary): string {
  const bits = batch.present[row]!;
  const address = (words: Uint32Array, bit: number): string =>
    (bits & bit) === 0 ? '-' : formatAddress(words, row * 4);
  const service = (field: string): string =>
    names.text(batch.extra[batch.layout.extra.indexOf(field)]?.[row] ?? 0);
  return [
    names.text(batch.accountId[row]!),
    names.text(batch.interfaceId[row]!),
    address(batch.srcAddr, PRESENT.srcAddr),
    address(batch.dstAddr, PRESENT.dstAddr),
    address(batch.pktSrcAddr, PRESENT.pktSrcAddr),
    address(batch.pktDstAddr, PRESENT.pktDstAddr),
    service('pkt-src-aws-service'),
    service('pkt-dst-aws-service'),
    service('encryption-status'),
    ...[batch.srcPort, batch.dstPort, batch.protocol, batch.packets, batch.bytes].map(
      (column) => column[row],
    ),
    ...[batch.start, batch.end, batch.action, batch.logStatus, batch.tcpFlags].map((column) => column[row]),
    bits & ~(PRESENT.action | PRESENT.logStatus),
  ].join(' ');
}

async function readAll(folder: string, from = 0, to = 4_000_000_000, rowsAtOnce = 1 << 20) {
  const names = new Dictionary();
  const { segments } = (await readManifest(folder))!;
  const rows: string[] = [];
  const ends: number[] = [];
  for await (const batch of readFlows({ dataDir: folder, segments, from, to, names, rowsAtOnce }))
    for (let row = 0; row < batch.length; row++) {
      rows.push(shown(batch, row, names));
      ends.push(batch.end[row]!);
    }
  return { rows, ends };
}

const addressArb = fc.constantFrom(
  '10.0.0.1',
  '203.0.113.9',
  '255.255.255.255',
  '2001:db8::1',
  'ff02::1',
  '::',
);
const maybe = <T>(arb: fc.Arbitrary<T>) => fc.option(arb, { nil: null, freq: 4 });
const flowArb: fc.Arbitrary<FlowLiteral> = fc.record({
  account: maybe(fc.constantFrom('123456789012', 'ünïcode-account')),
  interface: maybe(fc.constantFrom('eni-a', 'eni-0a1b2c3d4e5f60718', "it's")),
  src: maybe(addressArb),
  dst: maybe(addressArb),
  sport: maybe(fc.nat(65_535)),
  dport: maybe(fc.nat(65_535)),
  protocol: maybe(fc.nat(255)),
  packets: maybe(fc.nat(100)),
  bytes: maybe(fc.constantFrom(0, 1, 2 ** 32, 2 ** 53)),
  start: maybe(fc.integer({ min: START, max: START + 100 })),
  end: fc.integer({ min: START, max: START + 9000 }),
  action: maybe(fc.constantFrom('ACCEPT', 'REJECT')),
  status: maybe(fc.constantFrom('OK', 'NODATA', 'SKIPDATA')),
  flags: maybe(fc.nat(255)),
  pktSrc: maybe(addressArb),
  pktDst: maybe(addressArb),
  extra: fc.tuple(
    fc.constant('vpc-1'),
    fc.constantFrom('', 'S3'),
    fc.constantFrom('', 'AMAZON'),
    fc.constantFrom('', '0', '1', '2', '3'),
  ),
});

describe('readFlows', () => {
  it('gives every record with every value, in order of time, for any slices', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(flowArb, { maxLength: 60 }),
        fc.array(flowArb, { maxLength: 60 }),
        fc.constantFrom(3, 20, 1 << 20),
        async (rich, plain, rowsAtOnce) => {
          const folder = await folderWith([
            [RICH, rich],
            [V2, plain],
          ]);
          const names = new Dictionary();
          const expected = [flowBatchOf(rich, RICH, names), flowBatchOf(plain, V2, names)].flatMap((batch) =>
            Array.from({ length: batch.length }, (_, row) => shown(batch, row, names)),
          );

          const { rows, ends } = await readAll(folder, 0, 4_000_000_000, rowsAtOnce);

          expect(ends).toEqual([...ends].sort((a, b) => a - b));
          expect(rows.sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: 8 },
    );
  });

  it('gives more records than one batch, and of a span only its own', async () => {
    const all = Array.from({ length: 40_000 }, (_, i) =>
      plainFlow('10.0.0.1', '10.0.0.2', START + (i % 7200), i),
    );
    const folder = await folderWith([[V2, all]]);

    expect((await readAll(folder)).rows).toHaveLength(40_000);
    const { ends } = await readAll(folder, START + 1000, START + 4000, 5000);
    expect(ends).toHaveLength(all.filter(({ end }) => end >= START + 1000 && end < START + 4000).length);
    expect([ends[0], ends.at(-1)]).toEqual([START + 1000, START + 3999]);
  });

  it('refuses a file that is not what was written', async () => {
    const folder = await folderWith([[V2, [plainFlow('10.0.0.1', '10.0.0.2', START)]]]);
    const [segment] = (await readManifest(folder))!.segments;
    writeFileSync(join(folder, segment!.path), Buffer.alloc(segment!.bytes));

    await expect(readAll(folder)).rejects.toThrow(/is damaged: the checksum of block 1.*verify --put-aside/);
  });

  it('tells files that went away since from ones that are lost', async () => {
    const folder = await folderWith([[V2, [plainFlow('10.0.0.1', '10.0.0.2', START)]]]);
    const { segments } = (await readManifest(folder))!;
    rmSync(join(folder, segments[0]!.path));
    await expect(readAll(folder)).rejects.toThrow(/is damaged: it is gone/);

    await createPublisher(folder).publish(emptyContents(), {});
    const old = { dataDir: folder, segments, from: 0, to: START * 2, names: new Dictionary() };
    await expect(readFlows(old).next()).rejects.toThrow(/changes faster/);
  });
});

describe('slicesOf', () => {
  const segment = (minTime: number, maxTime: number, rows: number) => ({
    ...({ table: 'flows', path: `${minTime}`, columns: [], bytes: 1 } as const),
    ...{ minTime, maxTime, rows },
  });

  it('covers the span without gaps, whole where no file has more', () => {
    const slices = slicesOf(
      [
        segment(START, START + 3599, 100),
        segment(START + 3600, START + 7199, 250),
        segment(START + 9000, START + 9100, 5),
      ],
      START,
      START + 10_000,
      100,
    );

    expect(slices[0]).toMatchObject({ from: START, to: START + 3600, whole: true });
    expect(slices.map(({ from, to }) => to - from)).toEqual([3600, 1200, 1200, 1200, 2800]);
    expect(slices.slice(1, 4).map(({ whole }) => whole)).toEqual([false, false, false]);
    expect(slices.at(-1)).toMatchObject({ whole: true });
  });

  it('leaves out stretches without records', () => {
    expect(slicesOf([segment(START, START + 10, 1)], START + 60, START + 120, 10)).toEqual([]);
  });
});
