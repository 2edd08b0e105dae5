import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REJECT_RAW_LIMIT, type Reject } from '../../src/contracts.ts';
import { deleteSegments, mergeSegments, segmentsBefore } from '../../src/store/history/maintenance.ts';
import { mergeApart } from '../../src/store/history/merge-apart.ts';
import type { Segment } from '../../src/store/history/messages.ts';
import { readManifest, removeOrphans } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import type { SegmentChange } from '../../src/store/state/state.ts';
import { flowBatchOf, plainFlow, V2 } from './literals.ts';
import { openStore, rowsOf, type Store, temporaryFolder } from './support.ts';

const START = 1_767_225_600;
const ALL = 'SELECT * FROM flows ORDER BY ALL';

/** Two layouts and two hours, in `checkpoints` small segments each. */
async function fill(store: Store, checkpoints: number): Promise<void> {
  for (let i = 0; i < checkpoints; i++) {
    for (const layout of [V2, { extra: ['vpc-id'], packetAddresses: false }]) {
      const rows = [0, 1, 3600].map((at) => ({
        ...plainFlow(i % 2 === 0 ? '10.0.0.1' : '2001:db8::1', '10.0.0.2', START + at + i, i),
        ...(i % 3 === 0 ? { sport: null } : {}),
        extra: layout.extra.map(() => `vpc-${i}`),
      }));
      await store.history.appendFlows(flowBatchOf(rows, layout, store.names));
    }
    await store.checkpoint();
  }
}

async function apply(store: Store, change: SegmentChange): Promise<void> {
  await store.state.replaceSegments(change);
  await createPublisher(store.folder).publish(store.state.contents, {});
  await deleteSegments(store.folder, change.removed);
}

describe('maintenance', () => {
  it('merges small segments into one for each hour and layout, and no answer changes', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await fill(store, 5);
    const before = await rowsOf(folder, ALL);
    const change = await mergeSegments(folder, (await readManifest(folder))!.segments);
    expect(change.removed).toHaveLength(20);
    expect(change.added.map((segment) => segment.rows)).toEqual([10, 10, 5, 5].sort((a, b) => b - a));
    await apply(store, change);
    expect(await rowsOf(folder, ALL)).toEqual(before);

    await fill(store, 4);
    const grown = await rowsOf(folder, ALL);
    const next = await mergeSegments(folder, (await readManifest(folder))!.segments);
    await apply(store, next);
    expect(await rowsOf(folder, ALL)).toEqual(grown);
    await store.close();

    const reopened = await openStore(folder);
    await reopened.close();
    expect(reopened.loaded.segments).toHaveLength(4);
    expect(reopened.loaded.sequence).toBeGreaterThan(36);
    expect(await removeOrphans(folder, reopened.loaded.segments)).toBe(0);
  });

  it('leaves hours alone that have few segments', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await fill(store, 3);
    await store.close();
    expect(await mergeSegments(folder, (await readManifest(folder))!.segments)).toEqual({
      added: [],
      removed: [],
      failed: [],
    });
  });

  it('killed after merging and before it is part of the state leaves the old segments alone', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await fill(store, 4);
    const before = await rowsOf(folder, ALL);
    const { added } = await mergeSegments(folder, (await readManifest(folder))!.segments);
    await store.close();
    const again = await openStore(folder);
    expect(await removeOrphans(folder, again.loaded.segments)).toBe(added.length);
    await again.close();
    expect(await rowsOf(folder, ALL)).toEqual(before);
  });

  it('merges the same in a process of its own, which goes away when it is told to', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await fill(store, 4);
    await store.close();
    const { segments } = (await readManifest(folder))!;
    const stop = new AbortController();
    const given = mergeApart(folder, segments, stop.signal);
    stop.abort();
    await expect(given).rejects.toThrow(/abort/);
    const { signal } = new AbortController();
    const change = await mergeApart(folder, segments, signal);
    expect(change).toEqual(await mergeSegments(folder, segments));
  });

  it('leaves what it cannot merge as it is, and merges the rest', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await fill(store, 4);
    await store.close();
    const { segments } = (await readManifest(folder))!;
    const isFirst = ({ columns, minTime }: Segment): boolean =>
      columns.includes('vpc_id') && minTime < START + 3600;
    const half = segments.map((each) => (isFirst(each) ? { ...each, path: `${each.path}.gone` } : each));
    const { added, removed, failed } = await mergeApart(folder, half, new AbortController().signal);
    expect(failed).toEqual([
      expect.stringMatching(/^4 files of history\/flows\/date=2026-01-01\/hour=00: .*no files found/i),
    ]);
    expect([added.length, removed.length]).toEqual([3, 12]);
    expect(removed.some(isFirst)).toBe(false);
    expect(readdirSync(join(folder, 'history/.staging'))).toEqual([]);
  });

  it('merges records that were refused, of any size and number, within its memory', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    let position = 0;
    const reject = (): Reject => {
      const hash = createHash('md5').update(String(++position)).digest('hex');
      const raw = hash.padEnd(REJECT_RAW_LIMIT, 'more of what it says ');
      return { reason: 'unknown-shape', source: 's3:logs', position, raw };
    };
    for (let i = 0; i < 4; i++) {
      for (let some = 0; some < 6; some++)
        store.history.appendRejects(Array.from({ length: 1000 }, reject), START);
      await store.checkpoint();
    }
    await store.close();
    const { segments } = (await readManifest(folder))!;
    const { added, failed } = await mergeSegments(folder, segments);
    expect(failed).toEqual([]);
    expect(added.map(({ rows }) => rows)).toEqual([24_000]);
  });

  it('drops whole files whose records are all older than the retention', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await fill(store, 2);
    const { segments } = (await readManifest(folder))!;
    const removed = segmentsBefore(segments, START + 3600);
    await apply(store, { added: [], removed });
    await store.close();
    expect(removed.map((segment) => existsSync(join(folder, segment.path)))).toEqual(
      removed.map(() => false),
    );
    expect(await rowsOf(folder, 'SELECT min(epoch("end"))::INTEGER, count(*)::INTEGER FROM flows')).toEqual([
      [START + 3600, 4],
    ]);
  });
});
