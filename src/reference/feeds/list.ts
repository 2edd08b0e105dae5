import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import type { FeedList } from './cache.ts';
import { fetchFeed } from './fetch.ts';
import { fetchMisp } from './fetch-misp.ts';
import { fetchTaxii } from './fetch-taxii.ts';
import type { FeedSource } from './source.ts';

/** Most bytes of a feed that is a file. */
export const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** A feed's list as it is now, not yet counted; undefined when it is the `known` one. Throws a UserError or an error of the file system. */
export async function readList(
  feed: FeedSource,
  known?: FeedList,
): Promise<Omit<FeedList, 'count'> | undefined> {
  const { url, file, ca, protocol } = feed;
  if (url === undefined) return readFeedFile(file, known);
  if (protocol === 'taxii') return fetchTaxii(feed, known);
  if (protocol === 'misp') return fetchMisp(feed);
  return fetchFeed(url, { ca, known });
}

async function readFeedFile(
  file: string | undefined,
  known: FeedList | undefined,
): Promise<Omit<FeedList, 'count'> | undefined> {
  if (file === undefined) throw new UserError('it has neither file nor url');
  const { size, ino, mtimeNs } = await stat(file, { bigint: true });
  if (size > MAX_FILE_BYTES) throw new UserError(`${file} is larger than ${MAX_FILE_BYTES} bytes`);
  // A file that nobody touched is not read: some have hundreds of megabytes.
  const etag = `file ${ino}-${size}-${mtimeNs}`;
  return known?.etag === etag ? undefined : { bytes: await readFile(file), etag };
}
