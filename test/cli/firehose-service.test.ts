import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, holds, rowsOf, startRun } from './service.ts';

const KEY = 'a-key-of-forty-characters-for-the-stream';
const REQUESTS = 24;
const LINES = 50;

/** Sends a request again until it is answered with 200, as Firehose does. */
async function deliver(url: string, requestId: string, lines: readonly string[]): Promise<void> {
  const records = lines.map((line) => ({ data: Buffer.from(`${line}\n`).toString('base64') }));
  const body = JSON.stringify({ requestId, timestamp: 1, records });
  const headers = {
    'content-type': 'application/json',
    'x-amz-firehose-request-id': requestId,
    'x-amz-firehose-access-key': KEY,
  };
  for (;;) {
    const status = await fetch(url, { method: 'POST', headers, body }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
}

describe('flowsentry run with a firehose source', () => {
  it('answers when records are durable, and has each once after kills and repeats', async () => {
    const root = join(temporaryFolder(), 'firehose');
    mkdirSync(root, { recursive: true });
    const port = await freePort();
    const keyFile = join(root, 'access-key');
    writeFileSync(keyFile, `${KEY}\n`, { mode: 0o600 });
    const start = () =>
      startRun(root, `- {type: firehose, name: stream, port: ${port}, accessKey: {file: access-key}}`);
    const url = `http://127.0.0.1:${port}/firehose`;
    const linesOf = (request: number): string[] =>
      Array.from({ length: LINES }, (_, i) =>
        logLine('10.0.1.5', '10.0.2.9', 1000 + request * LINES + i, 'ACCEPT'),
      );

    let service = start();
    let delivered = 0;
    const senders = [0, 1, 2].map(async (sender) => {
      for (let request = sender; request < REQUESTS; request += 3) {
        await deliver(url, `request-${request}`, linesOf(request));
        delivered++;
      }
    });
    for (let kills = 1; kills <= 3; kills++) {
      while (delivered < kills * 5) await sleep(10);
      service.child.kill('SIGKILL');
      await service.ended;
      service = start();
    }
    await Promise.all(senders);
    await deliver(url, 'request-0', linesOf(0));
    await holds(service.data, REQUESTS * LINES);
    expect(await service.stop()).toBe(0);
    expect(await rowsOf(service.data, 'SELECT count(DISTINCT dstport)::INT AS ports FROM flows')).toEqual([
      { ports: REQUESTS * LINES },
    ]);
  });
});
