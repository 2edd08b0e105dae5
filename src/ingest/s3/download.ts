import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { S3Options } from './options.ts';

/** Why an object cannot be had, now or ever. */
export type Gone = 'it was deleted' | 'it was replaced' | 'it is larger than maxObjectBytes';

export interface Downloads {
  /** The object in a file of its own, or why it will never be had. Throws what may be mended. */
  get(key: string, etag: string, signal: AbortSignal): Promise<{ path: string } | { gone: Gone }>;
  /** What a message did not say; undefined when the object is gone. Throws what may be mended. */
  stat(key: string, signal: AbortSignal): Promise<{ etag: string; modified: number } | undefined>;
  close(): Promise<void>;
}

/** Times a download is taken up where it broke off. */
const ATTEMPTS = 4;
const BACKOFF_MS = 500;

/**
 * Brings objects into `folder`, which is emptied first: what the network does to a download must not look like damage to a log, and Parquet is read
 * from its end. On disk, so that an object may be larger than memory.
 */
export async function openDownloads(s3: S3Client, options: S3Options, folder: string): Promise<Downloads> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  let count = 0;
  const common = {
    Bucket: options.bucket,
    ExpectedBucketOwner: options.owner,
    ...(options.requesterPays ? { RequestPayer: 'requester' as const } : {}),
  };

  /** Reads on from `at`; returns where it ended, and the object's size. */
  const read = async (
    key: string,
    etag: string,
    at: number,
    write: (chunk: Uint8Array, at: number) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<{ at: number; size: number }> => {
    const range = at === 0 ? {} : { Range: `bytes=${at}-` };
    const { Body, ContentLength } = await s3.send(
      new GetObjectCommand({ ...common, Key: key, IfMatch: `"${etag}"`, ...range }),
      { abortSignal: signal },
    );
    const size = at + (ContentLength ?? 0);
    const body = Body as Readable;
    if (size > options.maxObjectBytes) {
      body.destroy();
      return { at, size };
    }
    let end = at;
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        await write(chunk, end);
        end += chunk.length;
      }
    } catch (error) {
      if (end === at || signal.aborted) throw error;
    }
    return { at: end, size };
  };

  return {
    async get(key, etag, signal) {
      const path = join(folder, String(count++));
      const file = await open(path, 'wx');
      let kept = false;
      try {
        let at = 0;
        for (let attempt = 1; ; attempt++) {
          try {
            const done = await read(key, etag, at, (chunk, to) => writeAll(file, chunk, to), signal);
            if (done.size > options.maxObjectBytes) return { gone: 'it is larger than maxObjectBytes' };
            at = done.at;
            if (at >= done.size) break;
          } catch (error) {
            const gone = goneBy(error);
            if (gone !== undefined) return { gone };
            if (attempt >= ATTEMPTS || signal.aborted || isRefusal(error)) throw error;
          }
          await sleep(BACKOFF_MS * attempt, undefined, { signal });
        }
        kept = true;
        return { path };
      } finally {
        await file.close();
        if (!kept) await rm(path, { force: true });
      }
    },
    async stat(key, signal) {
      try {
        // The answer to HEAD has no body, and so does not say whether the object is gone or the store.
        const { Body, ETag, LastModified } = await s3.send(new GetObjectCommand({ ...common, Key: key }), {
          abortSignal: signal,
        });
        (Body as Readable).destroy();
        if (ETag === undefined) throw new Error(`the store gave ${key} without an etag`);
        return { etag: ETag.replaceAll('"', ''), modified: LastModified?.getTime() ?? 0 };
      } catch (error) {
        if (goneBy(error) !== undefined) return undefined;
        throw error;
      }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** One call may write less than asked, as on a disk that is nearly full: what it leaves out would stay a hole of zeros. */
async function writeAll(file: Pick<FileHandle, 'write'>, chunk: Uint8Array, at: number): Promise<void> {
  for (let from = 0; from < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, from, chunk.length - from, at + from);
    from += bytesWritten;
  }
}

/** The other side answered, and would answer the same in a second. */
export function isRefusal(error: unknown): boolean {
  const status = statusOf(error) ?? 0;
  return status >= 400 && status < 500;
}

/** Status of the answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** Only the store's own word for it: proxies, and stores that are not up yet, answer 404 as well. */
function goneBy(error: unknown): Gone | undefined {
  if ((error as { name?: string }).name === 'NoSuchKey') return 'it was deleted';
  if (statusOf(error) === 412) return 'it was replaced';
  return undefined;
}
