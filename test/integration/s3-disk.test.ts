import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { openDownloads } from '../../src/ingest/s3/download.ts';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { temporaryFolder } from '../cli/run.ts';
import { canMount, mountAt } from './rigs/filesystem.ts';
import { pretendCredentials } from './rigs/moto.ts';

describe.runIf(canMount())('a download onto a disk that fills up', () => {
  it('goes on where the last whole write ended, and has every byte', async () => {
    pretendCredentials();
    const folder = join(temporaryFolder(), 'small');
    const disk = mountAt(folder, 8);
    const object = randomBytes(2_000_000);
    const other = join(folder, 'other');
    const begins: number[] = [];
    const server = createServer(({ headers: { range } }, response) => {
      const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
      // There is room again when it is asked for the second time.
      if (begins.push(from) === 2) rmSync(other);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': object.length - from, etag: '"e"' });
      response.end(object.subarray(from));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const s3 = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true });
    const options = S3Options.parse({ type: 's3', name: 's', region: 'us-east-1', bucket: 'full' });
    const downloads = await openDownloads(s3, options, join(folder, 'tmp'));
    try {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(other, randomBytes(bavail * bsize - 1_001_000));
      const got = await downloads.get('k', 'e', new AbortController().signal);
      expect(begins).toEqual([0, expect.any(Number)]);
      expect(begins[1]).toBeGreaterThan(500_000);
      expect('path' in got && readFileSync(got.path).equals(object)).toBe(true);
    } finally {
      await downloads.close();
      s3.destroy();
      server.close();
      server.closeAllConnections();
      disk.unmount();
    }
  });
});
