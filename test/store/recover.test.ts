import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { writePrepared } from '../../src/store/state/prepared.ts';
import { openState } from '../../src/store/state/recover.ts';
import { type CheckpointInput, NO_CHANGE, State } from '../../src/store/state/state.ts';

const root = mkdtempSync(join(tmpdir(), 'flowsentry-recover-'));
afterAll(() => rmSync(root, { recursive: true }));

const LAST = 6;
const input = (next: number): CheckpointInput => ({
  ...NO_CHANGE,
  positions: new Map([['s:a', { next, done: false }]]),
  blobs: new Map([['a', new Uint8Array(5000).fill(next)]]),
  outbox: [{ key: 'last', value: String(next) }],
});

/** A folder whose process was killed: its log was not folded into the database. */
let killed: string;
/** One whose process ended by itself: all is in the database. */
let ended: string;
beforeAll(async () => {
  const folder = mkdtempSync(join(root, 'work'));
  const { state } = await openState(folder);
  const publisher = createPublisher(folder, 1);
  for (let next = 1; next <= LAST; next++) {
    await state.checkpoint(input(next));
    await publisher.publish(state.contents, { witness: { seq: state.seq, file: state.file ?? '' } });
  }
  killed = mkdtempSync(join(root, 'killed'));
  cpSync(folder, killed, { recursive: true });
  await state[Symbol.asyncDispose]();
  ended = folder;
});

async function open(damage: (folder: string) => void, from = killed) {
  const folder = mkdtempSync(join(root, 'try'));
  cpSync(from, folder, { recursive: true });
  damage(folder);
  const { state, loaded, problems } = await openState(folder);
  await state[Symbol.asyncDispose]();
  return {
    folder,
    next: loaded.positions.get('s:a')?.next,
    blob: loaded.blobs.get('a')?.[9],
    saved: loaded.outbox.get('last'),
    problems,
  };
}

/** A folder whose process ended before it was known whether its next checkpoint was bound. */
async function prepared(): Promise<string> {
  const folder = mkdtempSync(join(root, 'try'));
  cpSync(killed, folder, { recursive: true });
  const { state } = await State.open(folder);
  await writePrepared(folder, await state.prepare(input(LAST + 1), 'covered'));
  await state[Symbol.asyncDispose]();
  return folder;
}

function flip(file: string, bit: number): void {
  const bytes = readFileSync(file);
  bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
  writeFileSync(file, bytes);
}

describe('a state whose files were damaged', () => {
  it('has its log beside it, so that there is something to damage', () => {
    expect(readdirSync(killed)).toContain('state.duckdb.wal');
  });

  it('opens as it was when nothing is wrong', async () => {
    expect(await open(() => {})).toMatchObject({ next: LAST, blob: LAST, problems: [] });
  });

  it.each(['state.duckdb', 'state.duckdb.wal'])(
    'is the last checkpoint whatever bit of %s is wrong',
    async (name) => {
      const random = new Random(3, name);
      for (let i = 0; i < 12; i++) {
        const { next, blob, saved } = await open((folder) => flip(join(folder, name), random.u32() >>> 1));
        expect([next, blob, saved]).toEqual([LAST, LAST, String(LAST)]);
      }
    },
  );

  it('is the last checkpoint whatever bit of a database that was closed is wrong', async () => {
    const random = new Random(5, 'closed');
    let remade = 0;
    for (let i = 0; i < 30; i++) {
      const { next, blob, saved, problems } = await open(
        (folder) => flip(join(folder, 'state.duckdb'), random.u32() >>> 1),
        ended,
      );
      expect([next, blob, saved]).toEqual([LAST, LAST, String(LAST)]);
      remade += problems.length;
    }
    expect(remade).toBeGreaterThan(0);
  });

  it('forgets a prepared checkpoint that is damaged', async () => {
    const { next } = await open((folder) => writeFileSync(join(folder, 'prepared.json'), '{"seq":'));
    expect(next).toBe(LAST);
  });

  it.each([
    ['state.duckdb', 0],
    ['state.duckdb', 0.5],
    ['state.duckdb.wal', 0.2],
    ['state.duckdb.wal', 0.9],
  ])('is the last checkpoint when %s is cut off at %d', async (name, share) => {
    const size = readFileSync(join(killed, name)).length;
    const { next, blob, folder, problems } = await open((at) =>
      truncateSync(join(at, name), Math.floor(size * share)),
    );
    expect([next, blob]).toEqual([LAST, LAST]);
    expect(problems.join()).toContain('made anew from the manifest');
    expect(readdirSync(folder).some((file) => file.includes('damaged'))).toBe(true);
    // And then for good.
    const again = await openState(folder);
    expect(again.problems).toEqual([]);
    await again.state[Symbol.asyncDispose]();
  });

  it('is the last checkpoint when the database is gone', async () => {
    const { next, blob } = await open((folder) => {
      for (const name of ['state.duckdb', 'state.duckdb.wal']) rmSync(join(folder, name), { force: true });
    });
    expect([next, blob]).toEqual([LAST, LAST]);
  });

  it('says so when saved states are damaged, and keeps the positions', async () => {
    const { next, blob, problems } = await open((folder) => {
      const file = readdirSync(join(folder, 'state')).sort().at(-1);
      flip(join(folder, 'state', file!), 8 * 3000);
    });
    expect([next, blob]).toEqual([LAST, undefined]);
    expect(problems.join()).toContain('checksum of a is wrong; open windows and baselines begin anew');
  });

  it('needs no manifest when the database is good, and takes no damaged one', async () => {
    const random = new Random(4, 'manifest');
    for (let i = 0; i < 20; i++) {
      const { next, folder } = await open((at) => flip(join(at, 'manifest.json'), random.u32() >>> 1));
      expect(next).toBe(LAST);
      await expect(readManifest(folder)).rejects.toThrow('is damaged');
    }
  });

  it('names what the database says when its log cannot be replayed', async () => {
    const { problems } = await open((folder) =>
      writeFileSync(join(folder, 'state.duckdb'), 'nothing of the kind'),
    );
    expect(problems.join()).toContain('not a valid DuckDB database file');
  });

  it('keeps saved states that cannot be read for now', async () => {
    const attempt = open((folder) => {
      const file = join(folder, 'state', readdirSync(join(folder, 'state')).sort().at(-1)!);
      rmSync(file);
      mkdirSync(file);
    });
    await expect(attempt).rejects.toThrow('EISDIR');
  });

  it('is kept when memory is all that it lacks', async () => {
    const folder = await prepared();
    const full = new Error('Out of Memory Error: failed to allocate data of size 2.0 MiB');
    vi.spyOn(State, 'open').mockRejectedValueOnce(full);
    await expect(openState(folder)).rejects.toThrow(/^cannot open the state in .*: Out of Memory/);
    expect(readdirSync(folder)).not.toContain('damaged');
    const again = await openState(folder, async () => true);
    await again.state[Symbol.asyncDispose]();
    expect([again.state.seq, again.problems]).toEqual([LAST + 1, []]);
  });

  it('is kept, and asks again at the next start, when nobody says what was bound', async () => {
    const folder = await prepared();
    const away = new Error('stopped before it was known what was bound');
    await expect(openState(folder, () => Promise.reject(away))).rejects.toBe(away);
    expect(readdirSync(folder)).not.toContain('damaged');
    const again = await openState(folder, async () => true);
    await again.state[Symbol.asyncDispose]();
    expect([again.state.seq, again.problems]).toEqual([LAST + 1, []]);
  });

  it.each([true, false])('is made anew with what was bound after the manifest (%s)', async (isBound) => {
    const folder = await prepared();
    writeFileSync(join(folder, 'state.duckdb'), 'nothing of the kind');
    const asked: unknown[] = [];
    const { state, loaded, problems } = await openState(folder, async (seq, claim) => {
      asked.push([seq, claim]);
      return isBound;
    });
    await state[Symbol.asyncDispose]();
    expect(asked).toEqual([[LAST + 1, 'covered']]);
    expect(problems.join()).toContain('made anew from the manifest');
    expect(loaded.positions.get('s:a')?.next).toBe(isBound ? LAST + 1 : LAST);
    expect(readdirSync(folder)).not.toContain('prepared.json');
  });

  it('is not begun anew by itself when there is nothing to make it from', async () => {
    const attempt = open((folder) => {
      rmSync(join(folder, 'manifest.json'));
      writeFileSync(join(folder, 'state.duckdb'), 'nothing of the kind');
      rmSync(join(folder, 'state.duckdb.wal'));
    });
    await expect(attempt).rejects.toThrow('no good manifest');
    expect(existsSync(killed)).toBe(true);
  });
});
