import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { listenForDeliveries } from '../../src/serve/deliveries.ts';
import { memoryLog, until } from '../serve/support.ts';
import { createAuthority } from './rigs/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-deliveries-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ca = createAuthority(folder);
const issued = ca.issue('server', { altNames: 'IP:127.0.0.1' });

const place = {
  host: '0.0.0.0',
  port: 0,
  path: '/in',
  keyHeader: 'x-key',
  key: 'the right key',
  maxBodyBytes: 100_000,
  requestSeconds: 10,
};
const tls = { certificate: issued.certFile, key: issued.keyFile };

function post(port: number, key: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path: '/in', method: 'POST', ca: ca.cert, headers: { 'x-key': key } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

it('takes deliveries over TLS from who has the key, and from nobody else', async () => {
  const log = memoryLog();
  const bodies: number[] = [];
  const server = await listenForDeliveries(
    { ...place, tls },
    async (incoming) => {
      bodies.push((await incoming.arrayBuffer()).byteLength);
      return new Response('taken');
    },
    log,
  );
  const port = Number(new URL(server.url).port);
  expect(await post(port, place.key, 'a'.repeat(100_000))).toEqual({ status: 200, text: 'taken' });
  expect((await post(port, 'the wrong key', 'a')).status).toBe(401);
  await expect(fetch(`http://127.0.0.1:${port}/in`, { method: 'POST' })).rejects.toThrow();
  await until(() => log.count('connection refused') === 1, 'the plain text is refused');
  expect(bodies).toEqual([100_000]);
  expect(JSON.stringify(log.lines)).not.toMatch(/the (right|wrong) key/);
  await server.close(1000);
});

it('is not there for other machines without TLS', async () => {
  const listening = listenForDeliveries(place, () => Promise.reject(new Error('never asked')), memoryLog());
  await expect(listening).rejects.toThrow('configure tls first');
});
