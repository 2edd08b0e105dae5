import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { openAws } from '../../outbound/aws.ts';
import { openFile } from '../file.ts';
import { retry } from '../retry.ts';
import type { Delivery, Resume, Source, SourceEvents } from '../source.ts';
import { type Downloads, openDownloads } from './download.ts';
import { listRecent } from './listing.ts';
import type { ToldObject } from './notification.ts';
import type { S3Options } from './options.ts';
import { openQueue } from './queue.ts';

/** Objects on their way, beside the one that is read. */
const AHEAD = 3;
/** Objects that wait, above which no more messages are taken. */
const ENOUGH = 100;
/** Seconds until a refused object is asked for again: at first, doubled each time, and at most. A bucket may hold thousands that are not for us. */
const REFUSED_SECONDS = 5;
const MAX_REFUSED_SECONDS = 300;
/** SQS keeps messages for 14 days at most, so that no repeat comes later. */
const MAX_RETENTION = 14 * 86_400;

interface Wanted {
  readonly partition: string;
  readonly key: string;
  readonly etag: string;
  /** Unix milliseconds; 0 when it is not known. */
  readonly modified: number;
}

/** What became of asking for an object; `refused`: it cannot be had at this moment. */
type Fetched = Awaited<ReturnType<Downloads['get']>> | 'refused';

/**
 * Reads a bucket's objects, each once by its key and etag: those that messages tell of, and those that listings find. A message is deleted when
 * what it tells of is durable.
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
  /** When the newest durable object was written, or told of; 0 as long as there is none. What positions say, so that it outlives us. */
  let newest = 0;
  const waiting: Wanted[] = [];
  let wake = (): void => {};
  let retention = queue === undefined ? 0 : MAX_RETENTION;
  let isListing = true;
  let isReceiving = queue !== undefined;

  const partitionOf = (key: string, etag: string): string => `${bucket}/${key}@${etag}`;
  const want = (key: string, etag: string, modified: number): string | undefined => {
    const partition = partitionOf(key, etag);
    if (done.has(partition)) return undefined;
    if (!taken.has(partition)) {
      taken.set(partition, modified);
      waiting.push({ partition, key, etag, modified });
      wake();
    }
    return partition;
  };

  for (const [partition, { done: isDone, note }] of resume.positions) {
    const at = partition.lastIndexOf('@');
    const modified = Number(note ?? 0);
    if (isDone) {
      newest = Math.max(newest, modified);
      done.set(partition, modified);
    }
    // Its message may be gone, and the listing may begin after it.
    else want(partition.slice(bucket.length + 1, at), partition.slice(at + 1), modified);
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
    found.sort((a, b) => a.modified - b.modified || (a.key < b.key ? -1 : 1));
    for (const { key, etag, modified } of found) want(key, etag, modified);
    listedAt = began;
    isListing = false;
    forgetOld();
    wake();
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
    while (waiting.length >= ENOUGH) await sleep(50, undefined, { signal });
    const count = await queue.receive((object) => told(object, signal), signal);
    isReceiving = count > 0;
    wake();
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

  /** In the order wanted, some on their way while one is read. That one is refused is told once. */
  async function* fetched(signal: AbortSignal): AsyncGenerator<[Wanted, Fetched]> {
    const coming: { wanted: Wanted; result: Promise<Fetched | Error> }[] = [];
    const refusals = new Map<Wanted, number>();
    for (;;) {
      while (coming.length <= AHEAD && waiting.length > 0) {
        const wanted = waiting.shift()!;
        const result = downloads.get(wanted.key, wanted.etag, signal).catch((error: Error) => error);
        coming.push({ wanted, result });
      }
      const next = coming.shift();
      if (signal.aborted) return;
      if (next === undefined) {
        if (!isListing && !isReceiving) events.caughtUp(lane);
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted) resolve();
        });
        continue;
      }
      const result = await next.result;
      if (!(result instanceof Error)) {
        refusals.delete(next.wanted);
        yield [next.wanted, result];
      } else if (!signal.aborted) {
        const before = refusals.get(next.wanted) ?? 0;
        refusals.set(next.wanted, before + 1);
        const seconds = Math.min(REFUSED_SECONDS * 2 ** before, MAX_REFUSED_SECONDS);
        complain('an object cannot be read; it is tried again')(result, seconds);
        // Behind the others: one that is refused must not hold them up.
        setTimeout(() => {
          waiting.push(next.wanted);
          wake();
        }, seconds * 1000).unref();
        if (before === 0) yield [next.wanted, 'refused'];
      }
    }
  }

  const deliveryOf = ({ partition, modified }: Wanted, result: Fetched): Delivery => {
    const from = resume.positions.get(partition)?.next ?? 0;
    const common = {
      partition,
      lane,
      from,
      last: true,
      note: String(modified),
      format: options.format,
    };
    const nothing = { ...common, to: from, content: { kind: 'messages', messages: [] } } as const;
    // With a position it is asked for after a restart as well, when no listing and no message tells of it any more.
    if (result === 'refused') return { ...nothing, last: false };
    if ('path' in result)
      return {
        ...common,
        availableAt: modified,
        content: { kind: 'object', open: () => openOnce(result.path) },
      };
    events.lost({ partition, from, reason: result.gone });
    return nothing;
  };

  return {
    async *deliveries(signal) {
      events.lanes([lane]);
      signal.addEventListener('abort', () => wake(), { once: true });
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
      for await (const [wanted, result] of fetched(signal)) yield deliveryOf(wanted, result);
      await loops;
    },
    async acknowledge(covered) {
      const durable: string[] = [];
      for (const { partition, done: isDone } of covered) {
        if (!isDone) continue;
        newest = Math.max(newest, taken.get(partition) ?? 0);
        taken.delete(partition);
        done.set(partition, Date.now());
        durable.push(partition);
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
