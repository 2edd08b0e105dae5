import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { endOf, unpack } from '../../src/ingest/kafka/records.ts';

interface Written {
  readonly key?: string;
  readonly value: string | Buffer | null;
  readonly headers?: Record<string, string>;
}

// The client's own writer: what it writes, brokers take.
const inside = createRequire(import.meta.url);
const { RecordBatch } = inside('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch(of: object): Promise<{ buffer: Buffer }>;
};
const writeRecord = inside('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (of: object) => unknown;
const GZIP = 1;

async function batch(first: number, written: readonly Written[], more: object = {}): Promise<Buffer> {
  const records = written.map(({ key, value, headers = {} }, offsetDelta) =>
    writeRecord({ offsetDelta, timestampDelta: offsetDelta * 1000, key, value, headers }),
  );
  const { buffer } = await RecordBatch({
    ...{ compression: 0, firstOffset: first, firstTimestamp: 1000, maxTimestamp: 5000, producerId: 7 },
    ...{ lastOffsetDelta: written.length - 1, records },
    ...more,
  });
  return buffer;
}

const read = async (bytes: Buffer, from = 0, aborted: Parameters<typeof unpack>[0]['aborted'] = []) =>
  (await unpack({ from, bytes: Buffer.from(bytes), aborted })).map((message) =>
    Buffer.from(message).toString('latin1'),
  );

describe('messages of Kafka', () => {
  it('come together where each is a line, and alone where they are something else', async () => {
    const values = ['2 a', '2 b\n', '{"a":1}', '2 c', '2 d\n2 e', '', '2 f', '\x1f\x8b\x08', '# no', '2 g'];
    const bytes = await batch(
      0,
      values.map((value) => ({ value: Buffer.from(value, 'latin1'), key: 'eni-1', headers: { h: 'x\n' } })),
    );
    const expected = ['2 a\n2 b\n', '{"a":1}', '2 c\n', '2 d\n2 e', '2 f\n', '\x1f\x8b\x08', '# no', '2 g\n'];
    expect(await read(bytes)).toEqual(expected);
    expect(await read(await batch(0, [{ value: null }, { value: '2 a' }]))).toEqual(['2 a\n']);
  });

  it('are the same in any compression and over several batches', async () => {
    const lines = Array.from({ length: 300 }, (_, i) => ({ value: `2 line ${i}`, key: 'k'.repeat(i) }));
    const bytes = Buffer.concat([
      await batch(0, lines.slice(0, 100)),
      await batch(100, lines.slice(100), { compression: GZIP }),
    ]);
    expect((await read(bytes)).join('')).toBe(lines.map(({ value }) => `${value}\n`).join(''));
    expect(endOf({ from: 0, bytes, aborted: [] })).toEqual({ next: 300, time: 5000 });
  });

  it('begin at the offset that was asked for, though its batch begins before', async () => {
    const bytes = await batch(10, [{ value: '2 a' }, { value: '2 b' }, { value: '2 c' }]);
    expect(await read(bytes, 12)).toEqual(['2 c\n']);
  });

  it('end with the last whole batch: a broker cuts off where it was told to', async () => {
    const whole = await batch(0, [{ value: '2 a' }]);
    const next = await batch(1, [{ value: '2 b' }]);
    for (const cut of [1, 20, next.length - 1]) {
      const bytes = Buffer.concat([whole, next.subarray(0, cut)]);
      expect(await read(bytes)).toEqual(['2 a\n']);
      expect(endOf({ from: 0, bytes, aborted: [] })?.next).toBe(1);
    }
    expect(endOf({ from: 0, bytes: next.subarray(0, 30), aborted: [] })).toBeUndefined();
  });

  it('are handed on packed when they cannot be unpacked, to be refused', async () => {
    const bytes = await batch(0, [{ value: '2 a' }], { compression: GZIP });
    bytes[bytes.length - 5]! ^= 0xff;
    const [damaged, ...rest] = await read(bytes);
    expect(damaged?.startsWith('\x1f\x8b')).toBe(true);
    expect(rest).toEqual([]);
  });

  it('do not count when their transaction was given up', async () => {
    const transaction = { transactional: true };
    const bytes = Buffer.concat([
      await batch(0, [{ value: '2 kept' }], transaction),
      await batch(1, [{ value: '2 given up' }], { ...transaction, producerId: 8 }),
      await batch(2, [{ value: '2 kept too' }], transaction),
    ]);
    const aborted = [{ producer: 8n, firstOffset: 1 }];
    expect((await read(bytes, 0, aborted)).join('')).toBe('2 kept\n2 kept too\n');
  });
});
