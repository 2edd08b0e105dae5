import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writePrepared } from '../../src/store/state/prepared.ts';
import { type CheckpointInput, NO_CHANGE, State } from '../../src/store/state/state.ts';

const root = mkdtempSync(join(tmpdir(), 'flowsentry-prepared-'));
afterAll(() => rmSync(root, { recursive: true }));

const input = (next: number): CheckpointInput => ({
  ...NO_CHANGE,
  positions: new Map([['k:t/0', { next, done: false }]]),
  blobs: new Map([['a', Uint8Array.of(next)]]),
});

/** A process that ends between preparing its second checkpoint and the transaction. */
async function interrupted(name: string): Promise<string> {
  const folder = mkdtempSync(join(root, name));
  const { state } = await State.open(folder);
  await state.checkpoint(input(1));
  await writePrepared(folder, await state.prepare(input(2), ['bound']));
  await state[Symbol.asyncDispose]();
  return folder;
}

async function reopened(folder: string, wasClaimed: boolean) {
  const asked: unknown[] = [];
  const { state, loaded } = await State.open(folder, async (seq, claim) => {
    asked.push([seq, claim]);
    return wasClaimed;
  });
  await state[Symbol.asyncDispose]();
  return { asked, next: loaded.positions.get('k:t/0')?.next, blob: loaded.blobs.get('a')?.[0] };
}

describe('a prepared checkpoint', () => {
  it('is carried out when the sources had bound it', async () => {
    const folder = await interrupted('bound');
    expect(await reopened(folder, true)).toEqual({ asked: [[2, ['bound']]], next: 2, blob: 2 });
    expect(await reopened(folder, false)).toEqual({ asked: [], next: 2, blob: 2 });
  });

  it('is forgotten when they had not', async () => {
    const folder = await interrupted('free');
    expect(await reopened(folder, false)).toEqual({ asked: [[2, ['bound']]], next: 1, blob: 1 });
    expect(existsSync(join(folder, 'prepared.json'))).toBe(false);
    expect(await reopened(folder, true)).toEqual({ asked: [], next: 1, blob: 1 });
  });

  it('is not asked for when its transaction was carried out', async () => {
    const folder = mkdtempSync(join(root, 'whole'));
    const { state } = await State.open(folder);
    const prepared = await state.prepare(input(1), ['bound']);
    await writePrepared(folder, prepared);
    await state.commit(prepared);
    await state[Symbol.asyncDispose]();
    expect(await reopened(folder, false)).toEqual({ asked: [], next: 1, blob: 1 });
  });
});
