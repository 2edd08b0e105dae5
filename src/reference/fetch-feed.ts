import { type LookupAddress, lookup } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { parseAddress } from '../columns/address.ts';
import { SCOPE } from '../columns/session-batch.ts';
import { UserError } from '../errors.ts';
import { createScopes } from './scopes.ts';

/** Most bytes of a feed's body. */
export const MAX_FEED_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

export interface FetchOptions {
  /** PEM of a private certificate authority, trusted instead of the public ones. */
  readonly ca?: string | undefined;
  /** For the whole transfer. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

const scopeOf = createScopes({ internal: [] });

/**
 * The body at an HTTPS address. TLS from 1.2 on and always verified; no redirects, a total timeout and a limit that holds while the body
 * streams; never from link-local, multicast or instance metadata addresses, judged by the address connected to. Throws a UserError.
 */
export async function fetchFeed(url: string, options: FetchOptions = {}): Promise<Buffer> {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    throw new UserError('cannot fetch feed: NODE_TLS_REJECT_UNAUTHORIZED=0 turns verification off: unset it');
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target?.protocol !== 'https:')
    throw new UserError(`cannot fetch feed: not an https URL: ${shown(url)}`);
  if (target.username !== '' || target.password !== '')
    throw new UserError(`cannot fetch feed: no user or password in the URL: ${shown(url)}`);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) refuse(host);
  try {
    return await download(target, options);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    const why = timedOut ? 'it takes too long' : error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot fetch feed: ${shown(url)}: ${why}`, { cause: error });
  }
}

async function download(target: URL, options: FetchOptions): Promise<Buffer> {
  const { maxBytes = MAX_FEED_BYTES, timeoutMs = TIMEOUT_MS, ca } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await respond(target, ca, signal);
  if (response.statusCode !== 200) {
    response.destroy();
    const redirected = response.statusCode! >= 300 && response.statusCode! < 400;
    throw new UserError(
      `cannot fetch feed: ${shown(target.href)}: status ${response.statusCode}${redirected ? ': redirects are not followed, give the final address' : ''}`,
    );
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        response.destroy();
        throw new UserError(`cannot fetch feed: ${shown(target.href)}: larger than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    // A stream that the signal ends says only "aborted".
    throw signal.aborted ? signal.reason : error;
  }
  return Buffer.concat(chunks);
}

function respond(target: URL, ca: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(
      target,
      {
        agent: false,
        minVersion: 'TLSv1.2',
        rejectUnauthorized: true,
        ...(ca === undefined ? {} : { ca }),
        lookup: checkedLookup,
        signal,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'flowsentry' },
      },
      resolve,
    );
    call.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    call.on('socket', (socket) => {
      socket.on('connect', () => {
        try {
          refuse(socket.remoteAddress ?? '');
        } catch (error) {
          call.destroy(error as Error);
        }
      });
    });
    call.end();
  });
}

/** Resolves as usual and refuses a name that has any address it may not connect to. */
const checkedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, []);
    try {
      for (const { address } of addresses) refuse(address);
    } catch (refusal) {
      return callback(refusal as Error, []);
    }
    const [first] = addresses as [LookupAddress, ...LookupAddress[]];
    if (options.all === true) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};

function refuse(address: string): void {
  const words = parseAddress(address.replace(/%.*$/, ''));
  const scope = words === undefined ? SCOPE.linkLocal : scopeOf(words, 0);
  if (scope === SCOPE.internal || scope === SCOPE.public) return;
  throw new UserError(`cannot fetch feed: ${address} is a link-local, metadata or multicast address`);
}

/** A URL without what may be secret: user, password and query. */
function shown(url: string): string {
  if (!URL.canParse(url)) return JSON.stringify(url.slice(0, 100));
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
