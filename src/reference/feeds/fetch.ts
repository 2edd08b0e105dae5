import { UserError } from '../../errors.ts';
import { request, shownUrl } from '../../outbound/request.ts';
import { openTls } from '../../outbound/tls.ts';
import type { FeedList } from './cache.ts';

/** Most bytes of a feed's body. */
export const MAX_FEED_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** What servers send as a validator is short; a longer one is not kept. */
const MAX_VALIDATOR = 1024;

export interface FetchOptions {
  /** File with a private certificate authority (PEM), trusted instead of the public ones. */
  readonly ca?: string | undefined;
  /** For the whole transfer. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** The list that is here already: the server may say that it still has it. */
  readonly known?: Pick<FeedList, 'etag' | 'lastModified'> | undefined;
}

/** The list at an HTTPS address, not yet counted; undefined when it is the known one. Redirects are not followed. Throws a UserError. */
export async function fetchFeed(
  url: string,
  options: FetchOptions = {},
): Promise<Omit<FeedList, 'count'> | undefined> {
  const { ca, timeoutMs = TIMEOUT_MS, maxBytes = MAX_FEED_BYTES, known } = options;
  if (!url.startsWith('https:')) throw new UserError(`cannot fetch feed: not an https URL: ${shownUrl(url)}`);
  const tls = await openTls(ca === undefined ? {} : { ca });
  try {
    const headers = {
      ...(known?.etag === undefined ? {} : { 'if-none-match': known.etag }),
      ...(known?.lastModified === undefined ? {} : { 'if-modified-since': known.lastModified }),
    };
    const { status, headers: answer, body } = await request({ url, timeoutMs, maxBytes, tls, headers });
    if (status === 200)
      return { bytes: body, etag: shortOf(answer.etag), lastModified: shortOf(answer['last-modified']) };
    if (status === 304 && Object.keys(headers).length > 0) return undefined;
    const redirected = status >= 300 && status < 400;
    throw new UserError(
      `cannot fetch feed: ${shownUrl(url)}: status ${status}${redirected ? ': redirects are not followed, give the final address' : ''}`,
    );
  } finally {
    tls.close();
  }
}

function shortOf(validator: string | undefined): string | undefined {
  return validator !== undefined && validator.length <= MAX_VALIDATOR ? validator : undefined;
}
