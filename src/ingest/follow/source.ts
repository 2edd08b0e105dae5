import { type FileHandle, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { contentOf } from '../file.ts';
import type { Delivery, Resume, Source, SourceEvents } from '../source.ts';
import { type Followed, startAnew } from './followed.ts';
import { createGoneFiles } from './gone.ts';
import { BEGIN_BYTES, beginOf, HEADER_BYTES, headerOf, isWhole } from './head.ts';
import { identify, partitionOf } from './identity.ts';
import { findNamed } from './names.ts';
import type { FollowOptions } from './options.ts';

/** Bytes of one delivery of lines. */
const CHUNK_BYTES = 1 << 20;
/** Looks at a file in a row without anything new after which a rotated file, or a compressed one, is complete, and others need not wait for it. */
const QUIET_LOOKS = 3;
const NEWLINE = 10;

/**
 * Follows files and folders through rotation: by rename (the old file is read to its end under its new name), by copy and truncate (what the
 * writer truncated before we read it is lost and said so), and by a link that points elsewhere. Lines come when they are complete. Files
 * that are compressed or Parquet are read whole, once, when they have stopped growing.
 */
export function createFollowSource(options: FollowOptions, resume: Resume, events: SourceEvents): Source {
  const followed = new Map<string, Followed>();
  /** Files read whole, with their last generation: however often they are named, they are not read again. */
  const finished = new Map<string, number>();
  /** Files handed over to be read whole, and not read yet. */
  const handed = new Set<FileHandle>();
  const gone = createGoneFiles();
  /** Where each file stands, in this life too: one that nothing named for a while goes on there. */
  const positions = new Map(resume.positions);
  const lane = options.name;

  /** The generation to go on with. */
  const generationOf = (identity: string): number => {
    let generation = 0;
    while (positions.has(partitionOf({ identity, generation: generation + 1 }))) generation++;
    return generation;
  };

  const add = async (path: string, identity: string): Promise<void> => {
    const generation = generationOf(identity);
    const position = positions.get(partitionOf({ identity, generation }));
    // One of lines has a note, and may go on to grow when it has its name back.
    if (position?.done === true && position.note === undefined) {
      finished.set(identity, generation);
      return;
    }
    const file = await open(path);
    followed.set(identity, {
      identity,
      file,
      generation,
      offset: position?.next ?? 0,
      size: 0,
      birth: 0,
      written: 0,
      quiet: 0,
      due: false,
      fruitless: 0,
      rotated: false,
      path,
      begin: position?.note,
    });
  };

  /** Looks which files there are; opens new ones, and marks those that nothing names any more. */
  const look = async (): Promise<void> => {
    const { files, unknown } = await findNamed(options.paths);
    for (const [path, error] of unknown) complain(path, error);
    const seen = new Set(files.values());
    for (const [path, identity] of files) {
      const known = followed.get(identity);
      if (known !== undefined) known.path = path;
      else if (!finished.has(identity))
        await add(path, identity).catch((error: Error) => complain(path, error));
    }
    for (const one of followed.values()) {
      const hidden = unknown.has(one.path) || unknown.has(dirname(one.path));
      const named = seen.has(one.identity) || (hidden && !one.rotated);
      // However long it was quiet under its name: it may be back at the next look.
      if (!named && !one.rotated) one.quiet = 0;
      one.rotated = !named;
    }
    for (const [identity, generation] of unknown.size === 0 ? finished : []) {
      if (seen.has(identity)) continue;
      finished.delete(identity);
      gone.add(identity, generation);
    }
    for (const identity of seen) gone.delete(identity);
    forgetOldest();
  };

  /** Files of earlier lives that are not there. The next look forgets what is too much. */
  const findGone = (): void => {
    for (const partition of positions.keys()) {
      const [identity = '', generation] = partition.split('/');
      if (!followed.has(identity) && !finished.has(identity)) gone.add(identity, Number(generation));
    }
  };

  const forgetOldest = (): void => {
    const oldest = gone.takeOldest();
    for (const partition of oldest) positions.delete(partition);
    if (oldest.length > 0) events.forget(oldest);
  };

  /** A file that was renamed while nobody looked lies beside the path it had. */
  const findRotated = async (): Promise<void> => {
    const wanted = new Set(
      [...positions].filter(([, { done }]) => !done).map(([name]) => name.split('/')[0]!),
    );
    if (wanted.size === 0) return;
    for (const folder of new Set(options.paths.map((path) => dirname(path)))) {
      for (const name of await readdir(folder).catch(() => [])) {
        const path = join(folder, name);
        const identity = await identify(path).catch(() => undefined);
        if (identity !== undefined && wanted.has(identity) && !followed.has(identity))
          await add(path, identity);
      }
    }
  };

  const complain = (path: string, error: Error): void =>
    events.log('warn', 'cannot follow a file; it is tried again', {
      source: lane,
      path,
      error: error.message,
    });

  /** Sees how far the file has grown, or that it was truncated; returns whether it was written to. */
  const measure = async (one: Followed): Promise<boolean> => {
    const { size, birthtimeMs, mtimeMs } = await one.file.stat();
    if (size < one.offset) {
      if (one.size > one.offset)
        events.lost({
          partition: partitionOf(one),
          from: one.offset,
          to: one.size,
          reason: 'the file was truncated before it was read',
        });
      startAnew(one);
    }
    if (size !== one.size) {
      one.quiet = 0;
      one.fruitless = 0;
    }
    const changed = size !== one.size || mtimeMs !== one.written;
    one.size = size;
    one.birth = birthtimeMs;
    one.written = mtimeMs;
    return changed;
  };

  /** What each look sees of the files, and of which there may be something to read. */
  const measureAll = async (): Promise<void> => {
    for (const one of followed.values()) {
      one.quiet++;
      try {
        const changed = await measure(one);
        // One that was written to and not grown may have been written anew.
        one.due = changed || one.size > one.offset || (one.rotated && one.quiet >= QUIET_LOOKS);
      } catch (error) {
        complain(one.path, error as Error);
      }
    }
  };

  /** Files with more to read, as far as is known. A compressed one is complete one turn later than it could be told from half a line. */
  const unread = (): Followed[] =>
    [...followed.values()].filter((one) => one.size > one.offset && one.fruitless <= QUIET_LOOKS);

  /** Files whose turn it is: one that was begun after another was finished waits until that one is read. */
  const readable = (): Followed[] => {
    const first = unread().reduce((least, one) => Math.min(least, one.written), Number.POSITIVE_INFINITY);
    return [...followed.values()].filter((one) => one.due && (one.birth < first || one.written === first));
  };

  /** The next complete lines of a file, or the file as a whole; undefined when there is nothing new. */
  const next = async (one: Followed): Promise<Delivery | undefined> => {
    await measure(one);
    const { size } = one;
    const head = Buffer.alloc(Math.min(HEADER_BYTES, size));
    if (size > 0) await one.file.read(head, 0, head.length, 0);
    if (one.begin !== undefined && one.begin !== beginOf(head, Number.parseInt(one.begin, 10))) {
      startAnew(one);
      events.log('warn', 'a file was truncated and written anew between two looks; what was unread is lost', {
        source: lane,
        path: one.path,
      });
    }
    const complete = one.quiet >= QUIET_LOOKS;
    if (isWhole(head)) return complete ? wholeOf(one) : undefined;
    const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, size - one.offset));
    const { bytesRead } = await one.file.read(bytes, 0, bytes.length, one.offset);
    const last = one.rotated && complete && one.offset + bytesRead >= size;
    const lines = bytes.lastIndexOf(NEWLINE) + 1;
    // A line longer than a chunk is none: it goes on as it is, and is refused.
    const taken = last || (lines === 0 && bytesRead === CHUNK_BYTES) ? bytesRead : lines;
    const to = one.offset + taken;
    if (to === one.offset && !last) return undefined;
    const messages = taken === 0 ? [] : [bytes.subarray(0, taken)];
    if (one.offset < BEGIN_BYTES) one.begin = beginOf(head, Math.min(to, BEGIN_BYTES));
    const delivery: Delivery = {
      partition: partitionOf(one),
      lane,
      content: { kind: 'messages', messages },
      from: one.offset,
      to,
      last,
      format: options.format ?? headerOf(head),
      ...(one.begin === undefined ? {} : { note: one.begin }),
    };
    one.offset = to;
    one.quiet = 0;
    positions.set(delivery.partition, { next: to, done: last, note: one.begin });
    if (last) {
      await leave(one);
      gone.add(one.identity, one.generation);
    }
    return delivery;
  };

  const wholeOf = (one: Followed): Delivery => {
    followed.delete(one.identity);
    finished.set(one.identity, one.generation);
    positions.set(partitionOf(one), { next: one.offset, done: true });
    const { file } = one;
    handed.add(file);
    // By the time it is read, after what other sources hand over, its name may be another file's.
    const open = () => {
      handed.delete(file);
      return contentOf(file);
    };
    return {
      partition: partitionOf(one),
      lane,
      content: { kind: 'object', open },
      from: one.offset,
      last: true,
      format: options.format,
    };
  };

  const leave = async (one: Followed): Promise<void> => {
    followed.delete(one.identity);
    await one.file.close();
  };

  return {
    async *deliveries(signal) {
      events.lanes([lane]);
      await findRotated();
      await look();
      findGone();
      let nextLook = 0;
      while (!signal.aborted) {
        // By the clock, however much is read meanwhile: a look costs what there is of files, and a file is complete after a time, not after reads.
        if (performance.now() >= nextLook) {
          await look();
          await measureAll();
          nextLook = performance.now() + options.interval * 1000;
        }
        let idle = true;
        for (const one of readable()) {
          if (signal.aborted) return;
          one.due = false;
          one.fruitless++;
          try {
            const delivery = await next(one);
            if (delivery === undefined) continue;
            one.fruitless = 0;
            one.due = one.size > one.offset;
            idle = false;
            yield delivery;
          } catch (error) {
            complain(one.path, error as Error);
          }
        }
        if (!idle) continue;
        if (unread().length === 0) events.caughtUp(lane);
        await sleep(Math.max(nextLook - performance.now(), 0), undefined, { signal }).catch(() => {});
      }
    },
    async close() {
      for (const one of followed.values()) await one.file.close();
      followed.clear();
      for (const file of handed) await file.close();
    },
  };
}
