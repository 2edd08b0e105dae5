import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { UserError } from '../errors.ts';
import { createHttpAgent, createHttpsAgent } from './agent.ts';
import type { ClientTls } from './tls.ts';

export interface RequestOptions {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Of the response's body. */
  readonly maxBytes: number;
  /** For all of it, from the name's resolution to the last byte. */
  readonly timeoutMs: number;
  readonly tls: ClientTls;
  readonly signal?: AbortSignal;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * One request on a connection of its own: nothing is followed, compressed or kept. Plain `http:` only to this machine. Throws a UserError
 * that names the address without what may be secret in it.
 */
export async function request(options: RequestOptions): Promise<Response> {
  const { url, timeoutMs, signal } = options;
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol))
    throw new UserError(`cannot request ${shownUrl(url)}: not an https:// address`);
  if (target.username !== '' || target.password !== '')
    throw new UserError(`cannot request ${shownUrl(url)}: no user or password in the address`);
  const limit = AbortSignal.timeout(timeoutMs);
  const both = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  try {
    const response = await respond(target, options, both);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await bodyOf(response, options, both),
    };
  } catch (error) {
    const why = both.aborted && both.reason === limit.reason ? 'it takes too long' : (error as Error).message;
    throw new UserError(`cannot request ${shownUrl(url)}: ${why}`, { cause: error });
  }
}

function respond(target: URL, options: RequestOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, tls } = options;
  const isSecure = target.protocol === 'https:';
  const agent = isSecure ? createHttpsAgent(tls) : createHttpAgent();
  return new Promise((resolve, reject) => {
    const call = (isSecure ? requestHttps : requestHttp)(
      target,
      {
        method,
        agent,
        signal,
        headers: {
          'user-agent': 'flowsentry',
          ...headers,
          'accept-encoding': 'identity',
          connection: 'close',
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
      },
      resolve,
    );
    call.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    call.end(body);
  });
}

async function bodyOf(
  response: IncomingMessage,
  { maxBytes }: RequestOptions,
  signal: AbortSignal,
): Promise<Buffer> {
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    response.destroy();
    throw new Error('the answer is compressed, which was not asked for');
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        response.destroy();
        throw new Error(`the answer is larger than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    // A stream that the signal ends says only "aborted".
    throw signal.aborted ? signal.reason : error;
  }
  return Buffer.concat(chunks);
}

/** An address without what may be secret: user, password and query. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return JSON.stringify(url.slice(0, 100));
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
