import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { decodeFile } from '../../src/decode.ts';
import { openFile } from '../../src/ingest/file.ts';
import { collect, type Decoded, LINE, ROW } from '../parse/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const write = (bytes: Uint8Array | string): string => {
  const path = join(folder, `${files++}.whatever`);
  writeFileSync(path, bytes);
  return path;
};
const decode = (bytes: Uint8Array | string): Promise<Decoded> =>
  collect((options) => decodeFile(write(bytes), options));
const reasonsOf = (decoded: Decoded): string[] => decoded.rejects.map((reject) => reject.reason);

/** Lines that compress badly enough for a file to need several reads. */
const lines = (count: number): string => {
  let text = '';
  for (let i = 0; i < count; i++)
    text += `${LINE.replace('840', String(Math.imul(i + 1, 2654435761) >>> 0)).replace('49152', String(i % 60_000))}\n`;
  return text;
};
const LONG = lines(60_000);

test('plain and gzip files are told apart by content, not by name', async () => {
  expect((await decode(`${LINE}\n`)).rows).toEqual([ROW]);
  expect((await decode(gzipSync(`${LINE}\n`))).rows).toEqual([ROW]);
});

test('a file of several megabytes comes whole, plain or gzip', async () => {
  const plain = await decode(LONG);
  expect(plain).toMatchObject({ received: 60_000, rejects: [] });
  const zipped = await decode(gzipSync(LONG));
  expect(zipped.received).toBe(60_000);
  expect(zipped.rows).toEqual(plain.rows);
});

test('concatenated gzip members are one text, even when a line is cut between them', async () => {
  const text = `${LINE}\n${LINE}\n`;
  for (const at of [LINE.length + 1, 30])
    expect(
      (await decode(Buffer.concat([gzipSync(text.slice(0, at)), gzipSync(text.slice(at))]))).rows,
    ).toEqual([ROW, ROW]);
});

test('gzip inside gzip is taken off', async () => {
  expect((await decode(gzipSync(gzipSync(`${LINE}\n`)))).rows).toEqual([ROW]);
});

test('an empty file and an empty gzip hold nothing', async () => {
  expect(await decode('')).toMatchObject({ received: 0 });
  expect(await decode(gzipSync(''))).toMatchObject({ received: 0 });
});

test('a gzip cut short keeps the lines before the cut and is one reject', async () => {
  const whole = gzipSync(LONG);
  const plain = await decode(LONG);
  for (const length of [whole.length - 1, whole.length - 8, whole.length >> 1, 40_000]) {
    const decoded = await decode(whole.subarray(0, length));
    expect(reasonsOf(decoded)).toEqual(['bad-gzip']);
    expect(decoded.rows).toEqual(plain.rows.slice(0, decoded.rows.length));
    expect(decoded.rows.length).toBeGreaterThan((60_000 * (length - 40_000)) / whole.length);
  }
});

test('what comes before junk, before a damaged byte and before a wrong checksum is kept', async () => {
  const whole = gzipSync(LONG);
  const junk = await decode(Buffer.concat([whole, Buffer.from('TRAILING JUNK')]));
  expect(junk.rows).toHaveLength(60_000);
  expect(reasonsOf(junk)).toEqual(['bad-gzip']);

  const checksum = Buffer.from(whole);
  checksum[whole.length - 6]! ^= 0xff;
  const wrong = await decode(checksum);
  expect(wrong.rows).toHaveLength(60_000);
  expect(reasonsOf(wrong)).toEqual(['bad-gzip']);
});

test('zeros after the last member are padding', async () => {
  const decoded = await decode(Buffer.concat([gzipSync(`${LINE}\n`), Buffer.alloc(512)]));
  expect(decoded).toMatchObject({ rows: [ROW], rejects: [] });
});

test('what begins like gzip and is none is one reject', async () => {
  const decoded = await decode(Buffer.from([0x1f, 0x8b, 1, 2, 3, 4]));
  expect(decoded.rows).toEqual([]);
  expect(reasonsOf(decoded)).toEqual(['bad-gzip']);
});

test('a bomb is refused before it has inflated far', async () => {
  const bomb = gzipSync(Buffer.alloc(400 << 20));
  const content = await openFile(write(Buffer.concat([gzipSync(`${LINE}\n`), bomb])));
  if (content.kind !== 'bytes') throw new Error('not bytes');
  let inflated = 0;
  let last: unknown;
  for await (const chunk of content.chunks) {
    if ('damage' in chunk) last = chunk;
    else inflated += chunk.length;
  }
  expect(last).toMatchObject({ damage: 'bad-gzip', note: expect.stringContaining('200 times') });
  expect(inflated).toBeLessThan(128 << 20);
});

test('a file that begins like Parquet and is none is one reject', async () => {
  for (const text of ['PAR1', 'PAR1 but no Parquet at all', `PAR1${'x'.repeat(100_000)}PAR1`]) {
    const decoded = await decode(text);
    expect(decoded.rows).toEqual([]);
    expect(reasonsOf(decoded)).toEqual(['bad-parquet']);
  }
});

test('a file that is not there is an error of the file system', async () => {
  await expect(collect((options) => decodeFile(join(folder, 'absent'), options))).rejects.toThrow(/ENOENT/);
});

test('a reader may stop early', async () => {
  const content = await openFile(write(gzipSync(LONG)));
  if (content.kind !== 'bytes') throw new Error('not bytes');
  for await (const chunk of content.chunks) {
    expect('damage' in chunk).toBe(false);
    break;
  }
});
