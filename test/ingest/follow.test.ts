import { appendFile, mkdir, rename, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../src/contracts.ts';
import { identify } from '../../src/ingest/follow/identity.ts';
import { FollowOptions } from '../../src/ingest/follow/options.ts';
import { createFollowSource } from '../../src/ingest/follow/source.ts';
import type { SourceEvents } from '../../src/ingest/source.ts';
import { temporaryFolder } from '../cli/run.ts';
import { itIsASource, records, type SourceRig } from '../contracts/source.ts';

const root = temporaryFolder();
const optionsOf = (...paths: string[]) =>
  FollowOptions.parse({ type: 'file', name: 'collected', paths, interval: 0.05 });
const [FIRST = '', SECOND = ''] = records(2);
const SILENT: SourceEvents = { lanes() {}, caughtUp() {}, flush() {}, forget() {}, lost() {}, log() {} };

/** A file that grows and is renamed at every third write. */
async function create(name: string): Promise<SourceRig> {
  const folder = join(root, name);
  await mkdir(folder);
  let turn = 0;
  return {
    async put(lines) {
      const now = join(folder, 'now.log');
      await appendFile(now, `${lines.join('\n')}\n`);
      if (++turn % 3 === 0) await rename(now, join(folder, `before-${turn}.log`));
    },
    open: (resume, events) => createFollowSource(optionsOf(folder), resume, events),
  };
}

/** The first `count` lines, in order; keeps where it stands in `positions`. */
async function read(
  paths: readonly string[],
  count: number,
  events = SILENT,
  positions = new Map<string, Position>(),
): Promise<string[]> {
  const stop = new AbortController();
  const resume = { instance: 'x', scratch: '', positions, ids: new Map() };
  const source = createFollowSource(optionsOf(...paths), resume, events);
  const lines: string[] = [];
  for await (const { content, partition, to = 0, last, note } of source.deliveries(stop.signal)) {
    positions.set(partition, { next: to, done: last, note });
    if (content.kind === 'messages')
      for (const message of content.messages)
        lines.push(...Buffer.from(message).toString().trimEnd().split('\n'));
    if (lines.length >= count) stop.abort();
  }
  await source.close();
  return lines;
}

describe('the file source', () => {
  itIsASource({ create, putSize: 2000, puts: 40, readAhead: 3 << 20 });

  it('forgets the oldest of very many files that are gone, and none that is there', async () => {
    const folder = join(root, 'gone');
    await mkdir(folder);
    const all = records(2);
    await writeFile(join(folder, 'a.log'), `${all[0]}\n`);
    const positions = new Map<string, Position>();
    expect(await read([folder], 1, SILENT, positions)).toEqual([all[0]]);
    const [here] = positions.keys();
    // Made before it, the last ones first.
    for (let i = 1005; i > 0; i--) positions.set(`1-2-${i}/0`, { next: 9, done: true });
    positions.set('1-2-3/1', { next: 9, done: true });
    await writeFile(join(folder, 'a.log'), `${all.join('\n')}\n`);
    const forgotten: string[] = [];
    const events = { ...SILENT, forget: (some: readonly string[]) => forgotten.push(...some) };
    expect(await read([folder], 1, events, positions)).toEqual([all[1]]);
    expect(forgotten).toEqual(['1-2-1/0', '1-2-2/0', '1-2-3/0', '1-2-3/1', '1-2-4/0', '1-2-5/0']);
    expect(forgotten).not.toContain(here);
  });

  it('reads rotated files one after the other, however much the first ones hold', async () => {
    const folder = join(root, 'backlog');
    await mkdir(folder);
    // Several deliveries each: a file that waits for its turn must not be forgotten meanwhile.
    const all = records(3 * 60_000);
    for (const [i, name] of ['z.log', 'y.log', 'x.log'].entries()) {
      await writeFile(join(folder, name), `${all.slice(i * 60_000, (i + 1) * 60_000).join('\n')}\n`);
      await sleep(20);
    }
    expect(await read([folder], all.length)).toEqual(all);
  });

  it('looks by the clock, however much it reads meanwhile', async () => {
    const folder = join(root, 'clock');
    await mkdir(folder);
    const all = records(60_000);
    await writeFile(join(folder, 'a.log'), `${all.join('\n')}\n`);
    await sleep(20);
    // Half of it is not there yet.
    await writeFile(join(folder, 'b.log.gz'), gzipSync(SECOND).subarray(0, 50));
    const stop = new AbortController();
    const source = createFollowSource(
      { ...optionsOf(folder), interval: 60 },
      { instance: 'x', scratch: '', positions: new Map(), ids: new Map() },
      SILENT,
    );
    let lines = 0;
    let deliveries = 0;
    for await (const { content } of source.deliveries(stop.signal)) {
      deliveries++;
      expect(content.kind).toBe('messages');
      if (content.kind === 'messages')
        for (const message of content.messages) lines += message.filter((byte) => byte === 10).length;
      // So that it gets at what else it thinks is complete.
      if (lines === all.length) setTimeout(() => stop.abort(), 200);
      await writeFile(join(folder, `late-${deliveries}.log`), `${FIRST}\n`);
    }
    await source.close();
    expect(lines).toBe(all.length);
    expect(deliveries).toBeGreaterThan(4);
  });

  it('reads compressed files in the order in which they were written', async () => {
    const folder = join(root, 'compressed');
    await mkdir(folder);
    const names = ['z', 'm', 'a', 'y'].map((name) => join(folder, `${name}.log.gz`));
    for (const [i, name] of names.entries()) {
      await writeFile(name, gzipSync(`${FIRST}\n`));
      await utimes(name, 1_700_000_000 + i, 1_700_000_000 + i);
    }
    const identities = await Promise.all(names.map((name) => identify(name)));
    const stop = new AbortController();
    const resume = { instance: 'x', scratch: '', positions: new Map(), ids: new Map() };
    const source = createFollowSource(optionsOf(folder), resume, SILENT);
    const read: string[] = [];
    for await (const { partition } of source.deliveries(stop.signal))
      if (read.push(partition) === names.length) stop.abort();
    await source.close();
    expect(read).toEqual(identities.map((identity) => `${identity}/0`));
  });

  it('has not caught up as long as it waits for a compressed file to be complete', async () => {
    const folder = join(root, 'complete');
    await mkdir(folder);
    await writeFile(join(folder, 'a.log.gz'), gzipSync(`${FIRST}\n`));
    const stop = new AbortController();
    const seen: string[] = [];
    const source = createFollowSource(
      optionsOf(folder),
      { instance: 'x', scratch: '', positions: new Map(), ids: new Map() },
      {
        ...SILENT,
        caughtUp() {
          seen.push('caught up');
          stop.abort();
        },
      },
    );
    for await (const { content } of source.deliveries(stop.signal)) seen.push(content.kind);
    await source.close();
    expect(seen).toEqual(['object', 'caught up']);
  });

  it('reads the file it found, although rotation gave its name to another meanwhile', async () => {
    const folder = join(root, 'renamed');
    await mkdir(folder);
    const path = join(folder, 'a.log.1.gz');
    await writeFile(path, gzipSync(`${FIRST}\n`));
    const stop = new AbortController();
    const resume = { instance: 'x', scratch: '', positions: new Map(), ids: new Map() };
    const source = createFollowSource(optionsOf(path), resume, SILENT);
    for await (const { content } of source.deliveries(stop.signal)) {
      await rename(path, join(folder, 'a.log.2.gz'));
      await writeFile(path, gzipSync(`${SECOND}\n`));
      const opened = content.kind === 'object' ? await content.open() : undefined;
      let text = '';
      if (opened?.kind === 'bytes')
        for await (const chunk of opened.chunks) text += Buffer.from(chunk as Uint8Array);
      expect(text).toBe(`${FIRST}\n`);
      stop.abort();
    }
    await source.close();
  });

  it('lets nothing wait for half a line', async () => {
    const folder = join(root, 'half');
    await mkdir(folder);
    await writeFile(join(folder, 'a.log'), FIRST.slice(0, 20));
    await sleep(20);
    await writeFile(join(folder, 'b.log'), `${SECOND}\n`);
    expect(await read([folder], 1)).toEqual([SECOND]);
  });

  it('says what was truncated before it was read', async () => {
    const file = await started('truncated', `${FIRST}\nhalf of a line`);
    const lost: object[] = [];
    const cut = once(() => writeFile(file, `${SECOND.slice(0, 90)}\n`));
    expect(await read([file], 2, { ...SILENT, lost: (gap) => lost.push(gap), caughtUp: cut })).toEqual([
      FIRST,
      SECOND.slice(0, 90),
    ]);
    expect(lost).toEqual([
      {
        partition: expect.stringMatching(/\/0$/),
        from: FIRST.length + 1,
        to: FIRST.length + 1 + 'half of a line'.length,
        reason: 'the file was truncated before it was read',
      },
    ]);
  });

  it('sees that a file was truncated also when it has grown past where it was', async () => {
    const file = await started('grown', `${FIRST}\n`);
    const cut = once(() => writeFile(file, `${SECOND}\n${FIRST}\n`));
    const told: string[] = [];
    const events = { ...SILENT, caughtUp: cut, log: (_: string, message: string) => told.push(message) };
    expect(await read([file], 3, events)).toEqual([FIRST, SECOND, FIRST]);
    expect(told).toEqual([
      'a file was truncated and written anew between two looks; what was unread is lost',
    ]);
  });

  it('goes on where it was with a file that nothing named for a while', async () => {
    const file = await started('away', `${FIRST}\n`);
    const { events, pass } = looks([
      [1, () => rename(file, `${file}.away`)],
      // It has ended by then.
      [9, () => appendFile(`${file}.away`, `${SECOND}\n`)],
      [10, () => rename(`${file}.away`, file)],
    ]);
    const positions = new Map<string, Position>();
    expect(await read([file], 2, events, positions)).toEqual([FIRST, SECOND]);
    expect(pass()).toBeGreaterThanOrEqual(10);
    // What it is named by a restart makes no difference.
    const [[partition = '', position] = []] = positions;
    positions.set(partition, { ...position!, done: true });
    await appendFile(file, `${FIRST}\n`);
    expect(await read([file], 1, SILENT, positions)).toEqual([FIRST]);
  });

  it('does not end a file whose name is missing at one look', async () => {
    const file = await started('blink', `${FIRST}\nhalf`);
    const { events } = looks([
      [6, () => rename(file, `${file}.away`)],
      [7, () => rename(`${file}.away`, file)],
      [9, () => appendFile(file, ' and the rest\n')],
    ]);
    expect(await read([file], 2, events)).toEqual([FIRST, 'half and the rest']);
  });

  it('leaves a file alone while nobody can tell whether something names it', async () => {
    const file = await started('loop', `${FIRST}\nhalf`);
    const link = join(root, 'loop', 'link');
    await symlink(file, link);
    const { events } = looks([
      // A link to itself fails with ELOOP, as a volume in trouble does with EIO.
      [1, () => unlink(link).then(() => symlink(link, link))],
      [9, () => unlink(link).then(() => symlink(file, link))],
      [10, () => appendFile(file, ` and the rest\n`)],
    ]);
    expect(await read([link], 2, events)).toEqual([FIRST, 'half and the rest']);
  });

  it('sees so after a restart', async () => {
    const file = await started('restarted', `${FIRST}\n`);
    const positions = new Map<string, Position>();
    expect(await read([file], 1, SILENT, positions)).toEqual([FIRST]);
    await writeFile(file, `${SECOND}\n${FIRST}\n`);
    expect(await read([file], 2, SILENT, positions)).toEqual([SECOND, FIRST]);
  });
});

/** A file with a beginning. */
async function started(name: string, text: string): Promise<string> {
  await mkdir(join(root, name));
  const file = join(root, name, 'now.log');
  await writeFile(file, text);
  return file;
}

/** Events that carry out a step at each of these calls of `caughtUp`. */
function looks(steps: readonly (readonly [number, () => Promise<void>])[]): {
  events: SourceEvents;
  pass(): number;
} {
  const all = new Map(steps);
  let pass = 0;
  return { events: { ...SILENT, caughtUp: () => void all.get(++pass)?.() }, pass: () => pass };
}

/** Does it at the first call alone. */
function once(act: () => Promise<void>): () => void {
  let done = false;
  return () => {
    if (!done) void act();
    done = true;
  };
}
