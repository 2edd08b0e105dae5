import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The last good bytes of a feed and how many networks they had. */
export interface CachedFeed {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Keeps the last good bytes of feeds as files in a folder. What cannot be read counts as absent. */
export interface FeedCache {
  read(feed: string): Promise<CachedFeed | undefined>;
  write(feed: string, cached: CachedFeed): Promise<void>;
  /** Where the feed lies, for messages. */
  path(feed: string): string;
}

/** The count stands in front of the bytes, so that both change in one rename. */
const HEADER_BYTES = 8;

export function createFeedCache(folder: string): FeedCache {
  const path = (feed: string): string => {
    const digest = createHash('sha256').update(feed).digest('hex').slice(0, 12);
    return join(folder, `${feed.replace(/[^A-Za-z0-9-]+/g, '_').slice(0, 40)}-${digest}.feed`);
  };
  return {
    path,
    async read(feed) {
      const bytes = await readFile(path(feed)).catch(() => undefined);
      if (bytes === undefined || bytes.length < HEADER_BYTES) return undefined;
      return { bytes: bytes.subarray(HEADER_BYTES), count: bytes.readUInt32LE(0) };
    },
    async write(feed, { bytes, count }) {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32LE(count);
      await mkdir(folder, { recursive: true });
      const target = path(feed);
      await writeFile(`${target}.new`, Buffer.concat([header, bytes]));
      await rename(`${target}.new`, target);
    },
  };
}
