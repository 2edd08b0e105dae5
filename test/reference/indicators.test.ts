import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import type { Indicator, Indicators } from '../../src/contracts.ts';
import { type FeedSource, loadIndicators } from '../../src/reference/feeds/indicators.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-feeds-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Load {
  readonly feed?: Partial<FeedSource>;
  readonly allow?: string[];
  readonly internal?: string[];
}

async function load(text: string | Buffer, { feed = {}, allow = [], internal = [] }: Load = {}) {
  const file = join(folder, 'list.txt');
  await writeFile(file, text);
  return loadIndicators({
    feeds: [{ name: 'test', file, ...feed }],
    allow,
    internal,
    cacheDir: join(folder, 'cache'),
  });
}

function match(indicators: Indicators, address: string): Indicator | undefined {
  const found = indicators.match(parseAddress(address) as Uint32Array, 0);
  if (found === undefined) return undefined;
  const { feed, category, confidence, network, expires } = found;
  return { feed, category, confidence, network, expires };
}

function hosts(count: number): string {
  return Array.from({ length: count }, (_, i) => `203.0.${i >> 8}.${i & 255}`).join('\n');
}

describe('loadIndicators', () => {
  it('matches the longest listed network of both families', async () => {
    const { indicators, problems } = await load('198.51.100.0/24\n198.51.100.7\n2001:db8::/32\n', {
      feed: { category: 'c2', confidence: 90 },
    });
    expect(problems).toEqual([]);
    expect(indicators.size).toBe(3);
    expect(match(indicators, '198.51.100.7')).toEqual({
      feed: 'test',
      category: 'c2',
      confidence: 90,
      network: '198.51.100.7/32',
      expires: 0,
    });
    expect(match(indicators, '198.51.100.8')?.network).toBe('198.51.100.0/24');
    expect(match(indicators, '2001:db8::5')?.network).toBe('2001:db8::/32');
    expect(match(indicators, '198.51.101.1')).toBeUndefined();
  });

  it('lets the allow list and well-known resolvers win over any listing', async () => {
    const { indicators, problems } = await load('8.8.8.0/24\n1.1.1.1\n203.0.113.0/24\n', {
      allow: ['203.0.113.7', '203.0.113.128/25'],
    });
    expect(problems).toEqual([]);
    expect(match(indicators, '8.8.8.9')?.network).toBe('8.8.8.0/24');
    for (const address of ['8.8.8.8', '1.1.1.1', '203.0.113.7', '203.0.113.200'])
      expect(match(indicators, address)).toBeUndefined();
    expect(match(indicators, '203.0.113.8')).toBeDefined();
  });

  it('reads gzip', async () => {
    const { indicators } = await load(gzipSync('203.0.113.7\n'));
    expect(match(indicators, '203.0.113.7')).toBeDefined();
  });

  it.each([
    ['0.0.0.0/0', 'lists 0.0.0.0/0, which is too wide'],
    ['::/0', 'lists ::/0, which is too wide'],
    ['64.0.0.0/7', 'too wide'],
    ['2000::/18', 'too wide'],
    ['10.1.2.3', 'which is in 10.0.0.0/8: private or own'],
    ['192.0.0.0/8', 'which holds 192.168.0.0/16: private or own'],
    ['169.254.169.254', 'private or own'],
    ['127.0.0.1', 'private or own'],
    ['224.0.0.1', 'private or own'],
    ['fe80::1', 'private or own'],
    ['fd00:ec2::254', 'private or own'],
    ['198.51.100.7', 'which is in 198.51.100.0/24: private or own'],
    ['198.51.0.0/16', 'which holds 198.51.100.0/24: private or own'],
    ['2001:db8:1:2::/64', 'which is in 2001:db8:1::/48: private or own'],
  ])('refuses a whole set that lists %s', async (line, reason) => {
    const { indicators, problems } = await load(`203.0.113.7\n${line}\n`, {
      internal: ['198.51.100.0/24', '2001:db8:1::/48'],
    });
    expect(indicators.size).toBe(0);
    expect(problems).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    ['<!DOCTYPE html><html><body>Sign in</body></html>', 'HTML'],
    ['', 'empty'],
    ['# nothing today\n', 'empty'],
    ['{"message":"Forbidden"}', 'empty'],
    [`${hosts(8)}\nnot an address\n`, '1 of 9 lines are no network, as "not"'],
    [Buffer.from([0x1f, 0x8b, 0, 0]), 'unpack'],
  ])('refuses %j', async (text, reason) => {
    const { indicators, problems } = await load(text);
    expect(indicators.size).toBe(0);
    expect(problems).toEqual([expect.stringContaining(reason)]);
  });

  it('uses a set with a tenth of its lines unreadable', async () => {
    const { indicators } = await load(`${hosts(9)}\nnot-an-address\n`);
    expect(indicators.size).toBe(9);
  });

  it('keeps the last good set when the new one is refused, shrinks or grows too much, or is gone', async () => {
    await load(hosts(100));
    for (const [text, reason] of [
      ['0.0.0.0/0', 'too wide'],
      [hosts(9), 'shrank from 100 networks to 9'],
      [hosts(1001), 'grew from 100 networks to 1001'],
      ['', 'empty'],
    ] as const) {
      const { indicators, problems } = await load(text);
      expect(indicators.size).toBe(100);
      expect(problems).toEqual([expect.stringContaining(reason)]);
      expect(problems[0]).toContain('the earlier list of 100 networks stays');
    }
    const { indicators, problems } = await load('', { feed: { file: join(folder, 'gone.txt') } });
    expect(indicators.size).toBe(100);
    expect(problems).toEqual([expect.stringContaining('gone.txt')]);
    expect((await load(hosts(10))).indicators.size).toBe(10);
    expect(await readdir(join(folder, 'cache'))).toHaveLength(1);
  });

  it('does not trust a last good set that is no longer good', async () => {
    await load('198.51.100.7');
    const { indicators, problems } = await load('', { internal: ['198.51.100.0/24'] });
    expect(indicators.size).toBe(0);
    expect(problems[0]).toContain('the earlier list is refused too');
  });

  it('names the surer of two feeds that list the same', async () => {
    const files = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const file = join(folder, name);
        await writeFile(file, '203.0.113.7');
        return file;
      }),
    );
    const { indicators } = await loadIndicators({
      feeds: [
        { name: 'weak', file: files[0], confidence: 40 },
        { name: 'sure', file: files[1], confidence: 95 },
      ],
      allow: [],
      internal: [],
    });
    expect(match(indicators, '203.0.113.7')).toMatchObject({ feed: 'sure', confidence: 95 });
  });

  it('is empty without feeds and refuses a bad allow list', async () => {
    const none = await loadIndicators({ feeds: [], allow: [], internal: [] });
    expect(none.indicators.size).toBe(0);
    await expect(loadIndicators({ feeds: [], allow: ['example.org'], internal: [] })).rejects.toThrow(
      'not an address or CIDR: example.org',
    );
  });
});
