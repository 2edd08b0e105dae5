import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import { parseConfig } from '../../src/config.ts';
import { fetchMisp } from '../../src/reference/feeds/fetch-misp.ts';
import { fetchTaxii } from '../../src/reference/feeds/fetch-taxii.ts';
import { loadIndicators } from '../../src/reference/feeds/indicators.ts';
import type { FeedSource } from '../../src/reference/feeds/source.ts';
import { useHttps } from './https.ts';

const { ca, serve } = useHttps();
const folder = mkdtempSync(join(tmpdir(), 'flowsentry-misp-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'key');
writeFileSync(file, 'misp-secret-key\n');
chmodSync(file, 0o600);

interface Attribute {
  readonly id: string;
  readonly type: string;
  readonly value: string;
  readonly to_ids: boolean;
  readonly timestamp: string;
  readonly last_seen?: string | null;
}

const SEEN = '1767571200';

function attribute(id: number, value: string, more: Partial<Attribute> = {}): Attribute {
  return { id: String(id), type: 'ip-dst', value, to_ids: true, timestamp: SEEN, last_seen: null, ...more };
}

/** What MISP's attributes/restSearch does with the parameters that are used here (MISP's OpenAPI). */
async function misp(attributes: readonly Attribute[]) {
  const asked: Record<string, unknown>[] = [];
  const url = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const json = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      if (request.headers.authorization !== 'misp-secret-key') return json(403, { message: 'no' });
      if (request.method !== 'POST' || request.url !== '/attributes/restSearch') return json(404, {});
      const query = JSON.parse(Buffer.concat(chunks).toString());
      asked.push(query);
      const found = attributes.filter(
        ({ type, to_ids }) => query.type.includes(type) && to_ids === query.to_ids,
      );
      const from = (query.page - 1) * query.limit;
      return json(200, { response: { Attribute: found.slice(from, from + query.limit) } });
    });
  });
  const feed: FeedSource = { name: 'misp', url, ca, protocol: 'misp', key: { file }, category: 'botnet' };
  return { feed, asked };
}

const load = (feed: FeedSource) => loadIndicators({ feeds: [feed], allow: [], internal: [] });

describe('a MISP server', () => {
  it('gives its addresses for detection, with how long they count', async () => {
    const { feed } = await misp([
      attribute(2, '203.0.113.7'),
      attribute(1, '2001:db8::7', { type: 'ip-src', last_seen: '2026-02-01T00:00:00.000000+00:00' }),
      attribute(3, '203.0.113.8|8080', { type: 'ip-dst|port' }),
      attribute(4, '203.0.113.9', { to_ids: false }),
      attribute(5, 'bad.example', { type: 'domain' }),
    ]);
    const { indicators, problems } = await load(feed);
    const match = (text: string) => indicators.match(parseAddress(text) as Uint32Array, 0);
    expect(problems).toEqual([]);
    expect(indicators.size).toBe(3);
    expect(match('203.0.113.7')).toMatchObject({ category: 'botnet', expires: Number(SEEN) + 30 * 86_400 });
    expect(match('2001:db8::7')?.expires).toBe(Date.parse('2026-03-03T00:00:00Z') / 1000);
    expect(match('203.0.113.8')).toBeDefined();
  });

  it('is read page by page, and gives the same bytes in any order', async () => {
    const all = Array.from({ length: 2500 }, (_, i) => attribute(i + 1, `203.0.${i >> 8}.${i & 255}`));
    const { feed, asked } = await misp(all);
    const list = await fetchMisp(feed);
    expect(asked.map(({ page }) => page)).toEqual([1, 2, 3]);
    expect(list.bytes.toString().trim().split('\n')).toHaveLength(2500);
    expect((await fetchMisp((await misp(all.toReversed())).feed)).bytes.equals(list.bytes)).toBe(true);
  });

  it('refuses another key, which is in no message, and a key that others can read', async () => {
    const { feed } = await misp([]);
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'another-secret');
    chmodSync(wrong, 0o600);
    const { problems } = await load({ ...feed, key: { file: wrong } });
    expect(problems).toEqual([expect.stringContaining('/attributes/restSearch: status 403')]);
    expect(problems.join()).not.toContain('another-secret');
    chmodSync(wrong, 0o644);
    expect((await load({ ...feed, key: { file: wrong } })).problems.join()).toContain('chmod 600');
  });
});

describe('a server that answers without an end', () => {
  it('is given up', async () => {
    const url = await serve((_, response) => response.end('{"more":true,"next":"1","objects":[]}'));
    const feed = { name: 'endless', url, ca, protocol: 'taxii' } as const;
    await expect(fetchTaxii(feed, undefined)).rejects.toThrow('no end after 1000 pages');
  });

  it('or with what is no JSON is refused', async () => {
    const url = await serve((_, response) => response.end('<html>'));
    await expect(fetchTaxii({ name: 'page', url, ca, protocol: 'taxii' }, undefined)).rejects.toThrow(
      'no JSON',
    );
  });
});

describe('settings of TAXII and MISP', () => {
  it.each([
    ['{ name: m, url: "https://m.example/", protocol: misp }', 'key: is missing'],
    ['{ name: l, url: "https://l.example/", key: { env: K } }', 'user and key are for taxii and misp'],
    ['{ name: f, file: a.txt, protocol: taxii }', 'which need a url'],
  ])('%s: %s', (text, problem) => {
    expect(() => parseConfig(`feeds: [${text}]`, 'test')).toThrow(problem);
  });

  it('name a key beside the configuration', () => {
    const text = 'feeds: [{ name: m, url: "https://m.example/", protocol: misp, key: { file: misp-key } }]';
    expect(parseConfig(text, '/etc/flowsentry.yaml').feeds[0]?.key).toEqual({ file: '/etc/misp-key' });
  });
});
