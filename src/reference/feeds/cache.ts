import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A good list of a feed, as it came. */
export interface FeedList {
  readonly bytes: Buffer;
  /** Networks in it. */
  readonly count: number;
  /** By which an HTTP server knows it again. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Names the place it came from. */
  readonly origin?: string | undefined;
}

/** A list that is kept. */
export interface KeptFeed extends FeedList {
  /** See {@link versionOf}. */
  readonly version: string;
  /** Unix seconds at which the feed last had it. */
  readonly confirmedAt: number;
}

/**
 * Keeps the last good lists of feeds as files in a folder: the one in use, and beside it the next one until a checkpoint names it. What
 * cannot be read counts as absent.
 */
export interface FeedCache {
  read(feed: string): Promise<KeptFeed | undefined>;
  readStaged(feed: string): Promise<KeptFeed | undefined>;
  /** Puts a list into use. */
  write(feed: string, list: FeedList): Promise<void>;
  /** Puts a list beside the one in use, durably. */
  stage(feed: string, list: FeedList): Promise<void>;
  /** Puts what was staged into use if it is that version, else removes it. */
  settle(feed: string, version: string | undefined): Promise<void>;
  /** The feed still has the list in use at `time`, Unix seconds. */
  confirm(feed: string, time: number): Promise<void>;
  /** Where the list in use lies, for messages. */
  path(feed: string): string;
  /** Where what was new in a version lies, until it has been looked for in the past. */
  newsPath(feed: string, version: string): string;
  /** Puts what is new in a version there, durably. */
  writeNews(feed: string, version: string, text: string): Promise<void>;
  removeNews(feed: string, version: string): Promise<void>;
  /** Removes what was new in other versions than these. */
  keepNews(of: readonly { readonly feed: string; readonly version: string }[]): Promise<void>;
}

/** Names the content of a list. */
export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

const NEWLINE = 10;
const NEWS = '.news';

export function createFeedCache(folder: string): FeedCache {
  const path = (feed: string): string => {
    const digest = createHash('sha256').update(feed).digest('hex').slice(0, 12);
    return join(folder, `${feed.replace(/[^A-Za-z0-9-]+/g, '_').slice(0, 40)}-${digest}.feed`);
  };
  const newsPath = (feed: string, version: string): string => `${path(feed)}.${version.slice(0, 12)}${NEWS}`;
  const staged = (feed: string): string => `${path(feed)}.next`;
  return {
    path,
    read: (feed) => readList(path(feed)),
    readStaged: (feed) => readList(staged(feed)),
    write: (feed, list) => writeList(path(feed), list),
    stage: (feed, list) => writeList(staged(feed), list),
    async settle(feed, version) {
      const next = await readList(staged(feed));
      if (next === undefined) return;
      if (next.version === version) await rename(staged(feed), path(feed));
      else await rm(staged(feed), { force: true });
    },
    newsPath,
    writeNews: (feed, version, text) => writeDurably(newsPath(feed, version), [text]),
    removeNews: (feed, version) => rm(newsPath(feed, version), { force: true }),
    async keepNews(of) {
      const paths = new Set(of.map(({ feed, version }) => newsPath(feed, version)));
      const names = await readdir(folder).catch(() => []);
      const others = names.map((name) => join(folder, name)).filter((one) => !paths.has(one));
      for (const one of others) if (one.endsWith(NEWS)) await rm(one, { force: true });
    },
    confirm: (feed, time) => utimes(path(feed), time, time),
  };
}

/** A line of JSON stands in front of the bytes, so that both change in one rename; when it was confirmed is the file's time. */
async function readList(file: string): Promise<KeptFeed | undefined> {
  try {
    const [all, { mtimeMs }] = await Promise.all([readFile(file), stat(file)]);
    const end = all.indexOf(NEWLINE);
    const { version, ...head } = JSON.parse(all.toString('utf8', 0, end)) as KeptFeed;
    const bytes = all.subarray(end + 1);
    if (version !== versionOf(bytes)) return undefined;
    return { ...head, bytes, version, confirmedAt: Math.floor(mtimeMs / 1000) };
  } catch {
    return undefined;
  }
}

async function writeList(file: string, { bytes, ...about }: FeedList): Promise<void> {
  const { count, etag, lastModified, origin } = about;
  const head = `${JSON.stringify({ count, version: versionOf(bytes), etag, lastModified, origin })}\n`;
  await writeDurably(file, [head, bytes]);
}

async function writeDurably(file: string, parts: readonly (string | Buffer)[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(`${file}.new`, 'w');
  try {
    for (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
