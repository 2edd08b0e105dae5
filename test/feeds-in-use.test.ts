import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFeedsInUse } from '../src/feeds-in-use.ts';
import { createFeedCache, versionOf } from '../src/reference/feeds/cache.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowsentry-in-use-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const old = { bytes: Buffer.from('203.0.113.7\n'), count: 1 };
const next = { bytes: Buffer.from('203.0.113.8\n'), count: 1 };
const hunt = { feed: 'drop', version: versionOf(next.bytes), networks: 1, at: 1_767_571_200, upTo: 7 };

/** A folder with a list in use, another one staged, and what is new in it. */
async function staged() {
  const cache = createFeedCache(folder);
  await cache.write('drop', old);
  await cache.stage('drop', next);
  await cache.writeNews('drop', hunt.version, '{"network":"203.0.113.8/32"}\n');
  return cache;
}

describe('lists that a checkpoint named', () => {
  it('are in use after a kill, though their files had not been put in place', async () => {
    const cache = await staged();
    const before = await openFeedsInUse(join(folder, 'elsewhere'), [], undefined);
    before.use(new Map([['drop', hunt.version]]));
    before.hunt(hunt);

    const after = await openFeedsInUse(folder, ['drop'], before.snapshot());
    expect((await cache.read('drop'))?.version).toBe(hunt.version);
    expect(await cache.readStaged('drop')).toBeUndefined();
    expect(after.hunts).toEqual([hunt]);
    expect(readdirSync(folder).filter((name) => name.endsWith('.news'))).toHaveLength(1);
    after.hunted(after.hunts[0]!);
    await after.settle();
    expect(after.hunts).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('leave nothing of those that none named', async () => {
    const cache = await staged();
    const before = await openFeedsInUse(join(folder, 'elsewhere'), [], undefined);
    before.use(new Map([['drop', versionOf(old.bytes)]]));

    const after = await openFeedsInUse(folder, ['drop'], before.snapshot());
    expect((await cache.read('drop'))?.version).toBe(versionOf(old.bytes));
    expect([...after.versions.values()]).toEqual([versionOf(old.bytes)]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('count as absent when their file was damaged', async () => {
    const cache = await staged();
    const bytes = readFileSync(cache.path('drop'));
    bytes[bytes.length - 3] = bytes[bytes.length - 3]! ^ 1;
    writeFileSync(cache.path('drop'), bytes);
    expect(await cache.read('drop')).toBeUndefined();
  });
});
