import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import type { FeedList } from './cache.ts';
import { fetchFeed } from './fetch.ts';
import { fetchMisp } from './fetch-misp.ts';
import { fetchTaxii } from './fetch-taxii.ts';
import type { FeedSource } from './source.ts';

/** Most bytes of a feed that is a file. */
export const MAX_FILE_BYTES = 256 * 1024 * 1024;

type Read = Omit<FeedList, 'count'>;

/**
 * A feed's list as it is now, not yet counted; undefined when it is the `known` one. What is known of another place, or in another format,
 * says nothing of this one: then it is read from the beginning. Throws a UserError or an error of the file system.
 */
export async function readList(feed: FeedSource, known?: FeedList): Promise<Read | undefined> {
  const origin = originOf(feed);
  const list = await listOf(feed, known?.origin === origin ? known : undefined);
  return list && { ...list, origin };
}

/** Networks that the last good list of the same place had; 0 without one. Older versions did not note the place. */
export function lastCount({ origin }: Read, kept: FeedList | undefined): number {
  if (kept === undefined) return 0;
  return kept.origin === undefined || kept.origin === origin ? kept.count : 0;
}

function originOf({ url, file, protocol = 'list' }: FeedSource): string {
  const place = url === undefined ? ['file', file] : [protocol, url];
  return createHash('sha256').update(JSON.stringify(place)).digest('hex').slice(0, 12);
}

async function listOf(feed: FeedSource, known: FeedList | undefined): Promise<Read | undefined> {
  const { url, file, ca, protocol } = feed;
  if (url === undefined) return readFeedFile(file, known);
  if (protocol === 'taxii') return fetchTaxii(feed, known);
  if (protocol === 'misp') return fetchMisp(feed);
  return fetchFeed(url, { ca, known });
}

async function readFeedFile(
  file: string | undefined,
  known: FeedList | undefined,
): Promise<Read | undefined> {
  if (file === undefined) throw new UserError('it has neither file nor url');
  const { size, ino, mtimeNs } = await stat(file, { bigint: true });
  if (size > MAX_FILE_BYTES) throw new UserError(`${file} is larger than ${MAX_FILE_BYTES} bytes`);
  // A file that nobody touched is not read: some have hundreds of megabytes.
  const etag = `file ${ino}-${size}-${mtimeNs}`;
  return known?.etag === etag ? undefined : { bytes: await readFile(file), etag };
}
