import { UserError } from '../errors.ts';
import { request, shownUrl } from '../outbound/request.ts';
import { openTls } from '../outbound/tls.ts';

/** Most bytes of a feed's body. */
export const MAX_FEED_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

export interface FetchOptions {
  /** File with a private certificate authority (PEM), trusted instead of the public ones. */
  readonly ca?: string | undefined;
  /** For the whole transfer. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** The body at an HTTPS address, as it is there: redirects are not followed. Throws a UserError. */
export async function fetchFeed(url: string, options: FetchOptions = {}): Promise<Buffer> {
  const { ca, timeoutMs = TIMEOUT_MS, maxBytes = MAX_FEED_BYTES } = options;
  if (!url.startsWith('https:')) throw new UserError(`cannot fetch feed: not an https URL: ${shownUrl(url)}`);
  const tls = await openTls(ca === undefined ? {} : { ca });
  try {
    const { status, body } = await request({ url, timeoutMs, maxBytes, tls });
    if (status === 200) return body;
    const redirected = status >= 300 && status < 400;
    throw new UserError(
      `cannot fetch feed: ${shownUrl(url)}: status ${status}${redirected ? ': redirects are not followed, give the final address' : ''}`,
    );
  } finally {
    tls.close();
  }
}
