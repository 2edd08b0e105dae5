import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { removeOrphans } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import type { AlertRow } from '../../src/store/state/alert-row.ts';
import { NO_CHANGE, State } from '../../src/store/state/state.ts';
import { rowsOf, temporaryFolder } from './support.ts';

function alertRow(id: string, count: number): AlertRow {
  const alert: Alert = {
    id,
    detector: 'bad-ip',
    severity: 'high',
    state: 'firing',
    title: `it's ${id} \u{1f600}`,
    subject: '10.0.0.1',
    firstSeen: '2026-01-01T00:00:00Z',
    lastSeen: '2026-01-01T00:00:00Z',
    count,
    score: 1,
    attack: [],
    explanation: { observed: 1, baseline: 0, threshold: 0, formula: 'observed > threshold' },
    samples: [],
    query: 'SELECT 1',
    exception: '',
  };
  return { alert, resolvesAt: 5, shadow: false };
}

const at = (next: number) => ({ next, done: false });

describe('the state', () => {
  it('keeps what the delivery of alerts saved, within checkpoints and between them', async () => {
    const folder = temporaryFolder();
    const { state } = await State.open(folder);
    const put = (...keys: string[]) => keys.map((key) => ({ key, value: `value of ${key}` }));
    await Promise.all([
      state.checkpoint({ ...NO_CHANGE, outbox: put('a', 'b') }),
      state.writeOutbox([{ key: 'a', value: undefined }, ...put('c')]),
      state.checkpoint({ ...NO_CHANGE, outbox: [{ key: 'c', value: "it's new" }] }),
      state.writeOutbox([]),
    ]);
    const expected = new Map([
      ['b', 'value of b'],
      ['c', "it's new"],
    ]);
    expect(new Map(state.contents.outbox.entries())).toEqual(expected);
    await state[Symbol.asyncDispose]();
    const again = await State.open(folder);
    expect(again.loaded.outbox).toEqual(expected);
    await again.state[Symbol.asyncDispose]();
  });

  it('takes nothing any more after a checkpoint that failed: what waits speaks of what is not durable', async () => {
    const folder = temporaryFolder();
    const { state } = await State.open(folder);
    const before = [{ key: 'a', value: 'before' }];
    await state.writeOutbox(before);
    const lost = new Error('the claim is another one’s by now');
    const claim = { covered: [], bind: () => Promise.reject(lost) };
    const outbox = [{ key: 'b', value: 'a message of x' }];
    const results = await Promise.allSettled([
      state.checkpoint({ ...NO_CHANGE, alerts: [alertRow('x', 1)] }, claim),
      state.writeOutbox(outbox),
      state.checkpoint({ ...NO_CHANGE, outbox }),
      state.replaceSegments({ added: [], removed: [] }),
    ]);
    expect(results).toEqual(results.map(() => ({ status: 'rejected', reason: lost })));
    expect([...state.contents.outbox.entries()]).toEqual([['a', 'before']]);
    await state[Symbol.asyncDispose]();
    const { state: again, loaded } = await State.open(folder);
    await again.writeOutbox(outbox);
    await again[Symbol.asyncDispose]();
    expect([loaded.alerts, [...loaded.outbox]]).toEqual([[], [['a', 'before']]]);
  });

  it('comes back as the last checkpoint left it', async () => {
    const folder = temporaryFolder();
    const { state, loaded } = await State.open(folder);
    expect(loaded).toEqual({
      positions: new Map(),
      ids: new Map(),
      blobs: new Map(),
      alerts: [],
      segments: [],
      outbox: new Map(),
      sequence: 1,
      file: undefined,
      problems: [],
    });
    const big = new Uint8Array(3_000_000).map((_, i) => i * 31);
    await state.checkpoint({
      ...NO_CHANGE,
      positions: new Map([
        ['a', at(2 ** 50)],
        ['b', at(1)],
      ]),
      blobs: new Map([['old', new Uint8Array(8)]]),
      alerts: [alertRow('x', 1), alertRow('y', 1)],
    });
    await state.checkpoint({
      ...NO_CHANGE,
      positions: new Map([['b', at(2)]]),
      blobs: new Map([
        ['big', big],
        ['empty', new Uint8Array(0)],
      ]),
      alerts: [alertRow('y', 7), alertRow('z', 1)],
    });
    await state[Symbol.asyncDispose]();
    const again = await State.open(folder);
    await again.state[Symbol.asyncDispose]();
    expect([...again.loaded.positions]).toEqual([
      ['a', at(2 ** 50)],
      ['b', at(2)],
    ]);
    expect([...again.loaded.blobs.keys()]).toEqual(['big', 'empty']);
    expect(Buffer.compare(again.loaded.blobs.get('big')!, big)).toBe(0);
    expect(again.loaded.alerts).toEqual([alertRow('x', 1), alertRow('y', 7), alertRow('z', 1)]);
  });

  it('remembers ids until they are too old or their partition is forgotten', async () => {
    const folder = temporaryFolder();
    const { state } = await State.open(folder);
    const ids = (added: string[], from?: string) => ({ added, from });
    await state.checkpoint({
      ...NO_CHANGE,
      positions: new Map([
        ['a', at(1)],
        ['b', at(1)],
      ]),
      ids: new Map([
        ['a', ids(['1-x', '2-x', '3-x'])],
        ['b', ids(['1-y'])],
      ]),
    });
    await state.checkpoint({ ...NO_CHANGE, ids: new Map([['a', ids(['4-x'], '3')]]), forget: ['b'] });
    await state[Symbol.asyncDispose]();
    const { state: again, loaded } = await State.open(folder);
    await again[Symbol.asyncDispose]();
    expect(loaded.ids).toEqual(new Map([['a', new Set(['3-x', '4-x'])]]));
    expect([...loaded.positions.keys()]).toEqual(['a']);
  });

  it('keeps a storm of alerts', async () => {
    const folder = temporaryFolder();
    const { state } = await State.open(folder);
    const storm = Array.from({ length: 20_000 }, (_, i) => alertRow(`a${i}`, 1));
    await state.checkpoint({ ...NO_CHANGE, alerts: storm });
    await state.checkpoint({ ...NO_CHANGE, alerts: storm.map((row) => alertRow(row.alert.id, 2)) });
    await state[Symbol.asyncDispose]();
    const { state: again, loaded } = await State.open(folder);
    await again[Symbol.asyncDispose]();
    expect(loaded.alerts).toHaveLength(20_000);
    expect(new Set(loaded.alerts.map((row) => row.alert.count))).toEqual(new Set([2]));
  });

  it('opens with alerts of nearly the size that its database may take of memory, in the order of their ids', async () => {
    const folder = temporaryFolder();
    const { state } = await State.open(folder);
    const { alert, ...rest } = alertRow('', 1);
    const large = Array.from({ length: 4000 }, (_, i) => {
      const id = String(9999 - i);
      return { ...rest, alert: { ...alert, id, exception: id.repeat(14_000) } };
    });
    for (const from of [0, 2000])
      await state.checkpoint({ ...NO_CHANGE, alerts: large.slice(from, from + 2000) });
    await state[Symbol.asyncDispose]();
    const { state: again, loaded } = await State.open(folder);
    await again[Symbol.asyncDispose]();
    expect(loaded.alerts).toEqual(large.reverse());
  });

  it('has no alert that is forgotten', async () => {
    const folder = temporaryFolder();
    const { state } = await State.open(folder);
    await state.checkpoint({ ...NO_CHANGE, alerts: [alertRow('x', 1), alertRow('y', 1)] });
    await state.checkpoint({ ...NO_CHANGE, forgotten: ['x'] });
    expect([...state.contents.alerts.values()]).toEqual([alertRow('y', 1)]);
    await state[Symbol.asyncDispose]();
    const { state: again, loaded } = await State.open(folder);
    await again[Symbol.asyncDispose]();
    expect(loaded.alerts).toEqual([alertRow('y', 1)]);
  });

  it('is made anew where a crash left a torn beginning of it', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'state.duckdb.new'), 'torn');
    writeFileSync(join(folder, 'state.duckdb.new.wal'), 'torn');
    const { state, loaded } = await State.open(folder);
    await state[Symbol.asyncDispose]();
    expect(loaded.sequence).toBe(1);
  });

  it('holds exactly the records of its position, whenever the writer is killed', {
    timeout: 300_000,
  }, async () => {
    const folder = temporaryFolder();
    const writer = fileURLToPath(new URL('./crash-writer.ts', import.meta.url));
    let last = 0;
    for (let kill = 0; kill < 10; kill++) {
      const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
      // Every other one is killed on its way to the first checkpoint, the others on their way to a later one.
      for (let heard = 0; heard <= kill % 2; heard++) await once(child.stdout, 'data');
      await setTimeout(kill * 41);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const { state, loaded } = await State.open(folder);
      await state[Symbol.asyncDispose]();
      await removeOrphans(folder, loaded.segments);
      await createPublisher(folder).publish(state.contents, {});
      const position = loaded.positions.get('numbers')?.next ?? 0;
      expect(
        await rowsOf(
          folder,
          'SELECT count(*)::INTEGER, count(DISTINCT bytes)::INTEGER, coalesce(max(bytes) + 1, 0)::INTEGER FROM flows',
        ),
      ).toEqual([[position, position, position]]);
      expect(loaded.blobs.get('count') ?? Uint8Array.of(0)).toEqual(Uint8Array.of(position & 255));
      expect(position).toBeGreaterThanOrEqual(last);
      last = position;
    }
    expect(last).toBeGreaterThan(0);
  });
});
