import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { openAws } from '../../outbound/aws.ts';
import { openFile } from '../file.ts';
import { retry } from '../retry.ts';
import type { Delivery, Resume, Source, SourceEvents } from '../source.ts';
import { type Asked, createAsking } from './asking.ts';
import { openDownloads } from './download.ts';
import { listRecent } from './listing.ts';
import type { ToldObject } from './notification.ts';
import type { S3Options } from './options.ts';
import { openQueue } from './queue.ts';
import { createWaiting, type Wanted } from './waiting.ts';

/** New objects that wait, above which no more messages are taken. */
const ENOUGH = 100;
/** SQS keeps messages for 14 days at most, so that no repeat comes later. */
const MAX_RETENTION = 14 * 86_400;

/**
 * Reads a bucket's objects, each once by its key and etag: those that messages tell of, and those that listings find. A message is deleted when
 * what it tells of is durable, or will be asked for by its position.
 */
export async function createS3Source(
  options: S3Options,
  resume: Resume,
  events: SourceEvents,
): Promise<Source> {
  const { bucket, region, endpoint, tls, name: lane } = options;
  const aws = await openAws({ region, endpoint, tls });
  const s3 = new S3Client({
    ...aws.client,
    followRegionRedirects: true,
    forcePathStyle: endpoint !== undefined,
  });
  const downloads = await openDownloads(s3, options, join(resume.scratch, lane));
  const queue = options.queue === undefined ? undefined : openQueue(aws, options, events);

  /** Objects that are durable, with the Unix milliseconds they were written at. */
  const done = new Map<string, number>();
  /** Objects that wait, are read, or were read and are not durable yet, with the same. */
  const taken = new Map<string, number>();
  /** Those of them that have a durable position: no message is needed for them. */
  const kept = new Set<string>();
  /** When the newest durable object was written, or told of; 0 as long as there is none. What positions say, so that it outlives us. */
  let newest = 0;
  const waiting = createWaiting(() => performance.now());
  let retention = queue === undefined ? 0 : MAX_RETENTION;
  let isListing = true;
  let isReceiving = queue !== undefined;

  const asking = createAsking({
    ...{ source: lane, bucket, waiting, downloads, log: events.log },
    onIdle() {
      if (!isListing && !isReceiving) events.caughtUp(lane);
    },
  });

  const partitionPrefix = `${bucket}/${options.prefix}`;
  const partitionOf = (key: string, etag: string): string => `${bucket}/${key}@${etag}`;
  const want = (key: string, etag: string, modified: number): string | undefined => {
    const partition = partitionOf(key, etag);
    if (done.has(partition)) return undefined;
    if (!taken.has(partition)) {
      taken.set(partition, modified);
      waiting.add({ partition, key, etag, modified });
      asking.wake();
    }
    return kept.has(partition) ? undefined : partition;
  };

  /** Refused objects that the options do not mean any more. */
  const outside: string[] = [];
  const undone: Wanted[] = [];
  for (const [partition, { next, done: isDone, note }] of resume.positions) {
    const { modified, refusedAt } = parseNote(note);
    if (isDone) {
      newest = Math.max(newest, modified);
      done.set(partition, modified);
    } else if (partition.startsWith(partitionPrefix)) {
      const at = partition.lastIndexOf('@');
      const [key, etag] = [partition.slice(bucket.length + 1, at), partition.slice(at + 1)];
      undone.push({ partition, key, etag, modified, refusedAt });
    }
    // Of one that was read in part it is known where to go on, should the options mean it again.
    else if (next === 0) outside.push(partition);
  }
  // Their messages may be gone, and the listing may begin after them.
  undone.sort(byTime);
  for (const wanted of undone) {
    taken.set(wanted.partition, wanted.modified);
    kept.add(wanted.partition);
    if (resume.positions.get(wanted.partition)?.next === 0) waiting.addRefused(wanted);
    else waiting.add(wanted);
  }
  /** Unix milliseconds up to which the bucket is known: a listing looks back from there, however long ago it is. */
  let listedAt = newest === 0 ? Date.now() : newest;

  /** What neither a listing nor a message can tell of again: the listing after a restart begins at the newest that is durable. */
  const forgetOld = (): void => {
    const now = Date.now();
    const day = 86_400_000;
    const before = Math.min(Math.min(now, newest) - options.lookback * 1000 - day, now - retention * 1000);
    const old = [...done].filter(([, modified]) => modified < before).map(([partition]) => partition);
    for (const partition of old) done.delete(partition);
    if (old.length > 0) events.forget(old);
  };

  const list = async (signal: AbortSignal): Promise<void> => {
    isListing = true;
    const found = [];
    const began = Date.now();
    const since = Math.min(began, listedAt) - options.lookback * 1000;
    for await (const object of listRecent(s3, options, since, signal))
      if (!done.has(partitionOf(object.key, object.etag))) found.push(object);
    // The oldest first: event time goes on with what is read.
    found.sort(byTime);
    for (const { key, etag, modified } of found) want(key, etag, modified);
    listedAt = began;
    isListing = false;
    forgetOld();
    asking.wake();
    await sleep(options.reconcile * 1000, undefined, { signal });
  };

  const told = async (
    { bucket: from, key, etag }: ToldObject,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    if (from !== bucket || !key.startsWith(options.prefix) || key.endsWith('/')) return undefined;
    if (etag !== undefined) return want(key, etag, Date.now());
    const object = await downloads.stat(key, signal);
    return object === undefined ? undefined : want(key, object.etag, object.modified);
  };

  const receive = async (signal: AbortSignal): Promise<void> => {
    if (queue === undefined) return;
    while (waiting.added >= ENOUGH) await sleep(50, undefined, { signal });
    const count = await queue.receive((object) => told(object, signal), signal);
    isReceiving = count > 0;
    asking.wake();
  };

  const complain =
    (message: string) =>
    (error: Error, seconds: number): void =>
      events.log('warn', message, {
        source: lane,
        bucket,
        error: `${error.name}: ${error.message}`,
        seconds,
      });

  const deliveryOf = ({ partition, modified }: Wanted, asked: Asked): Delivery => {
    const from = resume.positions.get(partition)?.next ?? 0;
    const common = {
      partition,
      lane,
      from,
      last: true,
      note: noteOf({ modified }),
      format: options.format,
    };
    const nothing = { ...common, to: from, content: { kind: 'messages', messages: [] } } as const;
    // With a position it is asked for after a restart as well, when no listing and no message tells of it any more.
    if ('refusedAt' in asked)
      return { ...nothing, last: false, note: noteOf({ modified, refusedAt: asked.refusedAt }) };
    if ('path' in asked)
      return {
        ...common,
        availableAt: modified,
        content: { kind: 'object', open: () => openOnce(asked.path) },
      };
    events.lost({ partition, from, reason: asked.gone });
    return nothing;
  };

  return {
    async *deliveries(signal) {
      events.lanes([lane]);
      if (outside.length > 0) {
        const details = { source: lane, bucket, prefix: options.prefix, count: outside.length };
        events.log('info', 'refused objects outside of the prefix are asked for no more', details);
        events.forget(outside);
      }
      void queue?.retention(signal).then(
        (seconds) => {
          retention = seconds ?? MAX_RETENTION;
        },
        () => {},
      );
      const always = async (task: (signal: AbortSignal) => Promise<void>, problem: string): Promise<void> => {
        while (!signal.aborted) await retry(() => task(signal), complain(problem), signal);
      };
      const loops = Promise.all([
        always(list, 'the bucket cannot be listed; it is tried again'),
        queue && always(receive, 'the queue cannot be read; it is tried again'),
      ]);
      for await (const [wanted, asked] of asking.answers(signal)) yield deliveryOf(wanted, asked);
      await loops;
    },
    async acknowledge(covered) {
      const durable: string[] = [];
      for (const { partition, done: isDone } of covered) {
        durable.push(partition);
        if (!isDone) {
          kept.add(partition);
          continue;
        }
        newest = Math.max(newest, taken.get(partition) ?? 0);
        taken.delete(partition);
        kept.delete(partition);
        done.set(partition, Date.now());
      }
      await queue?.done(durable);
    },
    async close() {
      queue?.close();
      s3.destroy();
      aws.close();
      await downloads.close();
    },
  };
}

/** The file goes when it is open: who reads it needs its handle alone. */
async function openOnce(path: string): ReturnType<typeof openFile> {
  const content = await openFile(path);
  await rm(path, { force: true });
  return content;
}

/** The oldest first. */
function byTime(
  a: { readonly key: string; readonly modified: number },
  b: { readonly key: string; readonly modified: number },
): number {
  return a.modified - b.modified || (a.key < b.key ? -1 : 1);
}

type Note = Pick<Wanted, 'modified' | 'refusedAt'>;

/** What a position says of its object, as text. */
function noteOf({ modified, refusedAt }: Note): string {
  return refusedAt === undefined ? String(modified) : `${modified} ${refusedAt}`;
}

function parseNote(note = '0'): Note {
  const [modified = 0, refusedAt] = note.split(' ').map(Number);
  return { modified, refusedAt };
}
