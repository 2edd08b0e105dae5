import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createAuthority } from '../integration/rigs/certificates.ts';

/** A request that reached the other side. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came.
  readonly json: any;
  /** Milliseconds of the clock. */
  readonly at: number;
}

/** What the other side does with a request: it may answer, or not. */
export type Answer = (request: Received, response: ServerResponse, socket: IncomingMessage['socket']) => void;

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-receiver-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const authority = createAuthority(join(folder, 'ca'));
const certificate = authority.issue('localhost', { altNames: 'DNS:localhost,IP:127.0.0.1' });
/** File with the authority that every receiver is certified by. */
export const CA = authority.certFile;
/** What every server of the tests proves itself with. */
export const SERVER = { cert: certificate.cert, key: certificate.key, ca: authority.cert };
/** A certificate of ours, for receivers that ask for one. */
export const CLIENT = authority.issue('flowsentry', { usage: 'clientAuth' });

/** An HTTPS server on loopback that writes down what comes; it answers 200 unless told otherwise. */
export async function startReceiver(answer: Answer = (_, response) => response.end('ok'), mutual = false) {
  const received: Received[] = [];
  let respond = answer;
  const server = createServer(
    {
      ...SERVER,
      requestCert: mutual,
      rejectUnauthorized: mutual,
    },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        let json: unknown;
        try {
          json = JSON.parse(body);
        } catch {
          // Not JSON.
        }
        const one = { path: request.url ?? '', headers: request.headers, body, json, at: Date.now() };
        received.push(one);
        respond(one, response, request.socket);
      });
    },
  ).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => {});
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    port,
    received,
    answer(next: Answer) {
      respond = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
