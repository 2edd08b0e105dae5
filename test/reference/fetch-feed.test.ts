import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fetchFeed } from '../../src/reference/feeds/fetch.ts';
import { loadIndicators } from '../../src/reference/feeds/indicators.ts';
import { useHttps } from './https.ts';

const { ca, serve } = useHttps();
const folder = mkdtempSync(join(tmpdir(), 'flowsentry-feeds-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('fetchFeed', () => {
  it('fetches over verified TLS with a private authority', async () => {
    const url = await serve((_, response) => response.end('203.0.113.7\n'));
    expect((await fetchFeed(`${url}/list`, { ca }))?.bytes.toString()).toBe('203.0.113.7\n');
    const byName = url.replace('127.0.0.1', 'localhost');
    expect((await fetchFeed(byName, { ca }))?.bytes.toString()).toBe('203.0.113.7\n');
  });

  it('refuses a certificate that it cannot verify', async () => {
    const url = await serve((_, response) => response.end('203.0.113.7\n'));
    await expect(fetchFeed(url)).rejects.toThrow(/certificate/);
  });

  it('refuses to work while verification is switched off by the environment', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      await expect(fetchFeed('https://127.0.0.1:1/')).rejects.toThrow('NODE_TLS_REJECT_UNAUTHORIZED');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  it('follows no redirect', async () => {
    let calls = 0;
    const url = await serve((_, response) => {
      calls++;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await expect(fetchFeed(url, { ca })).rejects.toThrow('status 302: redirects are not followed');
    expect(calls).toBe(1);
  });

  it('asks whether the known list is still the one, and takes no such answer unasked', async () => {
    const asked: unknown[] = [];
    const url = await serve(({ headers }, response) => {
      asked.push([headers['if-none-match'], headers['if-modified-since']]);
      response.writeHead(304).end();
    });
    const known = { etag: '"1"', lastModified: 'Wed, 01 Jan 2025 00:00:00 GMT' };
    expect(await fetchFeed(url, { ca, known })).toBeUndefined();
    await expect(fetchFeed(url, { ca })).rejects.toThrow('status 304');
    expect(asked).toEqual([
      ['"1"', 'Wed, 01 Jan 2025 00:00:00 GMT'],
      [undefined, undefined],
    ]);
  });

  it('stops at the limit while the body streams', async () => {
    const url = await serve((_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    await expect(fetchFeed(url, { ca, maxBytes: 1_000_000 })).rejects.toThrow('larger than 1000000 bytes');
  });

  it('stops when the whole takes too long, however busy', async () => {
    const url = await serve((_, response) => {
      const drip = setInterval(() => response.write('1'), 20);
      response.on('close', () => clearInterval(drip));
    });
    await expect(fetchFeed(url, { ca, timeoutMs: 300 })).rejects.toThrow('takes too long');
  });

  it.each([
    ['http://127.0.0.1/', 'not an https URL'],
    ['file:///etc/passwd', 'not an https URL'],
    ['https://user:secret@127.0.0.1/', 'no user or password'],
    ['https://169.254.169.254/latest/meta-data', 'link-local, metadata'],
    ['https://0xa9fea9fe/', '169.254.169.254 is a link-local'],
    ['https://2852039166/', '169.254.169.254 is a link-local'],
    ['https://[::ffff:169.254.169.254]/', 'link-local, metadata'],
    ['https://[64:ff9b::a9fe:a9fe]/', 'link-local, metadata'],
    ['https://[fd00:ec2::254]/', 'link-local, metadata'],
    ['https://[fe80::1]/', 'link-local, metadata'],
    ['https://0.0.0.0/', 'link-local, metadata'],
  ])('refuses %s', async (url, reason) => {
    await expect(fetchFeed(url)).rejects.toThrow(reason);
    await expect(fetchFeed(url)).rejects.not.toThrow('secret');
  });

  it('keeps a query, which may hold a key, out of messages', async () => {
    const url = await serve((_, response) => response.writeHead(403).end());
    const failure = fetchFeed(`${url}/list?key=hunter2`, { ca });
    await expect(failure).rejects.toThrow('/list: status 403');
    await expect(failure).rejects.not.toThrow('hunter2');
  });
});

describe('loadIndicators', () => {
  it('uses the last good list while the server gives a login page', async () => {
    let body = '203.0.113.7\n203.0.113.8\n';
    const url = await serve((_, response) => response.end(body));
    const load = () =>
      loadIndicators({
        feeds: [{ name: 'remote', url, ca }],
        allow: [],
        internal: [],
        cacheDir: join(folder, 'cache'),
      });
    expect(await load()).toMatchObject({ problems: [], indicators: { size: 2 } });
    body = '<html>Sign in</html>';
    const { indicators, problems } = await load();
    expect(indicators.size).toBe(2);
    expect(problems).toEqual([expect.stringContaining('HTML')]);
  });
});
