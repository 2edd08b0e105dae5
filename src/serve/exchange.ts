import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Peer } from './auth.ts';
import { type Handler, STRICT_HEADERS } from './routes.ts';

/** A body went over its limit. */
class TooLarge extends Error {}

/** Answers one request of Node's server through `handler`. Never throws; what fails late ends the connection without a word. */
export async function exchange(
  handler: Handler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  {
    peer,
    scheme,
    maxBodyBytes,
    onTooLarge,
  }: { peer: Peer; scheme: 'http' | 'https'; maxBodyBytes: number; onTooLarge: () => void },
): Promise<void> {
  const abort = new AbortController();
  outgoing.once('close', () => abort.abort());
  const body = { tooLarge: false };
  try {
    const request = toRequest(incoming, scheme, abort.signal, maxBodyBytes, body);
    if (request === undefined) return refuse(outgoing, 400);
    if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) body.tooLarge = true;
    if (body.tooLarge) return refuse(outgoing, 413);
    const response = await handler(request, peer);
    if (body.tooLarge) return refuse(outgoing, 413);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) outgoing.end();
    else await pipeline(Readable.fromWeb(response.body), outgoing);
  } catch {
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(outgoing, body.tooLarge ? 413 : 500);
  } finally {
    if (body.tooLarge) onTooLarge();
  }
}

/** The connection ends with it: what else the caller sends is not read. */
function refuse(outgoing: ServerResponse, status: number): void {
  if (outgoing.destroyed) return;
  outgoing.shouldKeepAlive = false;
  outgoing.writeHead(status, { ...STRICT_HEADERS, 'content-length': '0' }).end();
}

function toRequest(
  incoming: IncomingMessage,
  scheme: string,
  signal: AbortSignal,
  maxBodyBytes: number,
  state: { tooLarge: boolean },
): Request | undefined {
  const { method = 'GET', url = '', headers } = incoming;
  // Only paths: neither the authority nor the absolute form, which are for proxies.
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  // The name a caller used decides nothing but what the handler reads in the header; the address of the request needs one that parses.
  const address = `${scheme}://localhost${url}`;
  if (!URL.canParse(address)) return undefined;
  const fields: [string, string][] = [];
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) fields.push([name, Array.isArray(value) ? value.join(', ') : value]);
  const init = { headers: fields, signal };
  if (method === 'GET' || method === 'HEAD') return new Request(address, { ...init, method });
  // The platform's Request does not take these; no route does.
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method))
    return new Request(address, { ...init, method: 'X-REFUSED' });
  return new Request(address, {
    ...init,
    method,
    body: Readable.toWeb(limited(incoming, maxBodyBytes, state)) as ReadableStream<Uint8Array>,
    duplex: 'half',
  });
}

/** Counts what comes in chunks of no announced length. */
function limited(incoming: IncomingMessage, maxBodyBytes: number, state: { tooLarge: boolean }): Readable {
  async function* counted() {
    let bytes = 0;
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) {
        state.tooLarge = true;
        throw new TooLarge('request body is too large');
      }
      yield chunk;
    }
  }
  return Readable.from(counted(), { objectMode: false });
}
