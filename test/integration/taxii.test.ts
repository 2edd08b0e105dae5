import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FeedList } from '../../src/reference/feeds/cache.ts';
import { fetchTaxii } from '../../src/reference/feeds/fetch-taxii.ts';
import type { FeedSource } from '../../src/reference/feeds/source.ts';
import { useHttps } from '../reference/https.ts';
import { type Medallion, startMedallion } from './rigs/medallion.ts';

const { ca, serve } = useHttps();
const folder = mkdtempSync(join(tmpdir(), 'flowsentry-taxii-'));
afterAll(() => rmSync(folder, { recursive: true }));
let server: Medallion;
beforeAll(async () => {
  server = await startMedallion(2);
});
afterAll(() => server.stop());

function indicator(
  pattern: string,
  id = `indicator--${randomUUID()}`,
  modified = '2026-01-01T00:00:00.000Z',
  more = {},
) {
  const times = { created: '2026-01-01T00:00:00.000Z', modified, valid_from: '2026-01-01T00:00:00.000Z' };
  return { type: 'indicator', spec_version: '2.1', id, ...times, pattern, pattern_type: 'stix', ...more };
}

/** TLS in front of the server, which has none. */
async function feed(more: Partial<FeedSource> = {}): Promise<FeedSource> {
  const url = await serve((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const through = request(`${server.origin}${path}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(through);
  });
  const file = join(folder, 'password');
  writeFileSync(file, `${server.password}\n`);
  chmodSync(file, 0o600);
  return { name: 'taxii', url: `${url}${server.collection}`, ca, user: server.user, key: { file }, ...more };
}

const patternsOf = (list: Omit<FeedList, 'count'> | undefined): string[] =>
  (list?.bytes.toString() ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { pattern: string }).pattern)
    .sort();

describe('a TAXII 2.1 collection of medallion', () => {
  it('is read page by page, then what was added, and revoked indicators are gone', async () => {
    const at = (n: number) => `[ipv4-addr:value = '203.0.113.${n}']`;
    const ids = Array.from({ length: 5 }, () => `indicator--${randomUUID()}`);
    await server.add([
      ...ids.map((id, n) => indicator(at(n + 1), id)),
      indicator("[domain-name:value = 'bad.example']"),
    ]);
    const first = await fetchTaxii(await feed(), undefined);
    expect(patternsOf(first)).toEqual([1, 2, 3, 4, 5].map(at));
    expect(first?.lastModified).toMatch(/^20/);
    expect(await fetchTaxii(await feed(), first)).toBeUndefined();

    await server.add([
      indicator(at(9)),
      indicator(at(1), ids[0], '2026-02-01T00:00:00.000Z', { revoked: true }),
      indicator(at(22), ids[1], '2026-02-01T00:00:00.000Z'),
    ]);
    const next = await fetchTaxii(await feed(), first);
    expect(patternsOf(next)).toEqual([22, 3, 4, 5, 9].map(at));
    // The same as who reads all of it anew.
    expect(patternsOf(await fetchTaxii(await feed(), undefined))).toEqual(patternsOf(next));
  });

  it('is refused with another password, which is in no message', async () => {
    const file = join(folder, 'wrong');
    writeFileSync(file, 'other-secret\n');
    chmodSync(file, 0o600);
    const failure = fetchTaxii(await feed({ key: { file } }), undefined);
    await expect(failure).rejects.toThrow('status 401');
    await expect(failure).rejects.not.toThrow('other-secret');
  });
});
