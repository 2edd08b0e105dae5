import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { damageOf } from '../../src/store/history/checksums.ts';
import type { Segment } from '../../src/store/history/messages.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { runQuery } from '../../src/store/query/query.ts';
import { flowBatchOf, plainFlow, V2 } from './literals.ts';
import { lastingFolder, openStore } from './support.ts';

/** Can be raised for a release. */
const FLIPS = Number(process.env.FLOWSENTRY_FLIPS ?? 12);
const START = 1_767_225_600;
const folder = lastingFolder();
let segment: Segment;
let file: string;
let good: Buffer;

const ask = async (sql: string): Promise<unknown> =>
  (
    await runQuery({ dataDir: folder, sql, timeoutMs: 60_000, maxRows: 10, memoryLimit: '256MB' }).catch(
      (error: Error) => ({ rows: error.message }),
    )
  ).rows;
const SUM = 'SELECT count(*), sum(bytes), sum(hash(flows))::VARCHAR FROM flows';

beforeAll(async () => {
  const store = await openStore(folder);
  const random = new Random(1, 'rows');
  const rows = Array.from({ length: 20_000 }, () =>
    plainFlow(
      `10.0.${random.int(256)}.${random.int(256)}`,
      '198.51.100.7',
      START + random.int(3600),
      random.u32(),
    ),
  );
  await store.history.appendFlows(flowBatchOf(rows, V2, store.names));
  await store.checkpoint();
  await store.close();
  segment = (await readManifest(folder))!.segments[0]!;
  file = join(folder, segment.path);
  good = readFileSync(file);
});

describe('a damaged file of the history', () => {
  it('never gives a wrong answer, whatever bit of it is wrong', async () => {
    const whole = await ask(SUM);
    expect(whole).toHaveLength(1);
    const random = new Random(2, 'bits');
    let refused = 0;
    for (let i = 0; i < FLIPS; i++) {
      const bytes = Buffer.from(good);
      bytes[random.int(bytes.length)]! ^= 1 << random.int(8);
      writeFileSync(file, bytes);
      const answer = await ask(SUM);
      if (typeof answer === 'string') refused++;
      else expect(answer).toEqual(whole);
    }
    writeFileSync(file, good);
    expect(refused).toBe(FLIPS);
    expect(await ask(SUM)).toEqual(whole);
  });

  it('is named with what it holds, and does not spoil questions about other things', async () => {
    const bytes = Buffer.from(good);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    expect(await ask(SUM)).toMatch(
      /^cannot answer: history\/flows\/.*\.parquet \(20000 flows from 2026-01-01T00:00:0\d.000Z to 2026-01-01T00:59:5\d.000Z\) is damaged: the checksum of block \d of \d is wrong; /,
    );
    expect(await ask('SELECT count(*) FROM sessions')).toEqual([['0']]);
    writeFileSync(file, good);
  });

  it.each([
    ['that is cut off', () => truncateSync(file, good.length - 1), `it has ${0} bytes`],
    ['that is gone', () => rmSync(file), 'it is gone'],
  ])('%s is told', async (_, damage, reason) => {
    damage();
    expect(await ask(SUM)).toContain('is damaged: ');
    expect((await damageOf(folder, segment))?.reason).toContain(reason.replace('0', String(good.length - 1)));
    writeFileSync(file, good);
    expect(await damageOf(folder, segment)).toBeUndefined();
  });

  it('is noticed at each of its bits', async () => {
    const random = new Random(3, 'bits');
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.from(good);
      bytes[random.int(bytes.length)]! ^= 1 << random.int(8);
      writeFileSync(file, bytes);
      expect((await damageOf(folder, segment))?.reason).toContain('is wrong');
    }
    writeFileSync(file, good);
  });
});
