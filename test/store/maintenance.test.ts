import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleteSegments, mergeSegments, segmentsBefore } from '../../src/store/history/maintenance.ts';
import { mergeApart } from '../../src/store/history/merge-apart.ts';
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
    const missing = segments.map((segment) => ({ ...segment, path: `${segment.path}.gone` }));
    await expect(mergeApart(folder, missing, signal)).rejects.toThrow(/no files found/i);
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
