import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { S3Options } from './options.ts';

/** An object as a listing shows it. */
export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  /** Unix milliseconds. */
  readonly modified: number;
  readonly size: number;
}

const DAY_MS = 86_400_000;

/**
 * Objects below the prefix that were written since `since` (Unix milliseconds), folder by folder. Folders whose names say that they hold an
 * earlier day are not entered; where no folder says a day, everything is listed.
 */
export async function* listRecent(
  s3: S3Client,
  options: Pick<S3Options, 'bucket' | 'prefix' | 'owner' | 'requesterPays'>,
  since: number,
  signal: AbortSignal,
): AsyncGenerator<ListedObject> {
  const folders = [options.prefix];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    let token: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket: options.bucket,
          Prefix: folder,
          Delimiter: '/',
          ContinuationToken: token,
          ExpectedBucketOwner: options.owner,
          ...(options.requesterPays ? { RequestPayer: 'requester' } : {}),
        }),
        { abortSignal: signal },
      );
      for (const { Prefix } of page.CommonPrefixes ?? [])
        if (Prefix !== undefined && endOf(Prefix) > since) folders.push(Prefix);
      for (const { Key, ETag, LastModified, Size } of page.Contents ?? []) {
        const modified = LastModified?.getTime() ?? 0;
        if (Key === undefined || ETag === undefined || modified < since || Key.endsWith('/')) continue;
        yield { key: Key, etag: ETag.replaceAll('"', ''), modified, size: Size ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }
}

/** AWS's two layouts: `…/2026/11/24/` and `…/year=2026/month=11/day=24/`, cut off anywhere. */
const DATED = /\/(?:year=)?(20\d\d)\/(?:(?:month=)?(\d\d)\/(?:(?:day=)?(\d\d)\/)?)?(?:(?:hour=)?\d\d\/)?$/;

/**
 * Unix milliseconds after which nothing is written to the folder any more; never, when its name says no time. Objects are named after the time
 * of their records and are written some time later: a day is more than AWS has ever been late.
 */
export function endOf(folder: string): number {
  const [, year, month, day] = DATED.exec(folder) ?? [];
  if (year === undefined) return Number.POSITIVE_INFINITY;
  const [y, m, d] = [Number(year), Number(month ?? 12), Number(day ?? 0)];
  const end = day === undefined ? Date.UTC(y, m, 1) : Date.UTC(y, m - 1, d + 1);
  return end + DAY_MS;
}
