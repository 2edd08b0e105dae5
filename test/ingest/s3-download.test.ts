import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { type Downloads, openDownloads } from '../../src/ingest/s3/download.ts';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { temporaryFolder } from '../cli/run.ts';
import { pretendCredentials } from '../integration/rigs/moto.ts';

const { signal } = new AbortController();
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Downloads from a store that answers each request as it is told to. */
async function downloadsFrom(answer: (response: ServerResponse) => void): Promise<Downloads> {
  pretendCredentials();
  const server = createServer((_request, response) => answer(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const region = 'us-east-1';
  const s3 = new S3Client({ region, endpoint, forcePathStyle: true });
  const options = S3Options.parse({ type: 's3', name: 's', region, bucket: 'bucket', endpoint });
  const downloads = await openDownloads(s3, options, join(temporaryFolder(), 's'));
  closing.push(
    () => server.close(),
    () => server.closeAllConnections(),
    () => s3.destroy(),
    () => downloads.close(),
  );
  return downloads;
}

const answering = (status: number, type: string, body: string) =>
  downloadsFrom((response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(body);
  });

const errorOf = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;

describe('an object that is asked for', () => {
  it('was deleted when the store says that there is no such key', async () => {
    const downloads = await answering(404, 'application/xml', errorOf('NoSuchKey'));
    expect(await downloads.get('key', 'e', signal)).toEqual({ gone: 'it was deleted' });
    expect(await downloads.stat('key', signal)).toBeUndefined();
  });

  it('was replaced when its etag is another', async () => {
    const downloads = await answering(412, 'application/xml', errorOf('PreconditionFailed'));
    expect(await downloads.get('key', 'e', signal)).toEqual({ gone: 'it was replaced' });
  });

  it.each([
    ['the bucket is not there', 'application/xml', errorOf('NoSuchBucket')],
    ['a proxy knows no store', 'text/plain', '404 page not found\n'],
    ['a proxy knows no store, in HTML', 'text/html', '<html><body>404<br></body></html>'],
    ['nothing is said', 'text/plain', ''],
  ])('is not taken for deleted when the answer is 404 and %s', async (_what, type, body) => {
    const downloads = await answering(404, type, body);
    await expect(downloads.get('key', 'e', signal)).rejects.toThrow();
    await expect(downloads.stat('key', signal)).rejects.toThrow();
  });

  it.each([
    ['some bytes', 'some bytes'],
    ['no byte', ''],
  ])('is described and brought when it has %s', async (_what, body) => {
    const downloads = await downloadsFrom((response) => {
      response.writeHead(200, { etag: '"e"', 'last-modified': 'Tue, 24 Nov 2026 10:00:00 GMT' });
      response.end(body);
    });
    expect(await downloads.stat('key', signal)).toEqual({ etag: 'e', modified: Date.UTC(2026, 10, 24, 10) });
    const brought = await downloads.get('key', 'e', signal);
    expect('path' in brought && readFileSync(brought.path, 'utf8')).toBe(body);
  });
});
