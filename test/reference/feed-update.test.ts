import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import { createFeedCache } from '../../src/reference/feeds/cache.ts';
import { indicatorsFrom, noIndicators } from '../../src/reference/feeds/indicator-set.ts';
import { loadIndicators } from '../../src/reference/feeds/indicators.ts';
import { DROPPED } from '../../src/reference/feeds/load.ts';
import { updateFeedsApart } from '../../src/reference/feeds/thread.ts';
import { type LiveFeed, type UpdateTask, updateFeeds } from '../../src/reference/feeds/update.ts';
import { useHttps } from './https.ts';

const { ca, serve } = useHttps();
const T = 1_767_571_200;
const DAY = 86_400;
let folder: string;
let cacheDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowsentry-update-'));
  cacheDir = join(folder, 'feeds');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A server of one list that knows the list again by its ETag, and what it was asked. */
async function feedServer(first: string) {
  const state = { body: first, statuses: [] as number[], status: 0 };
  const url = await serve(({ headers }, response) => {
    const etag = `"${state.body.length}-${state.body.slice(0, 9)}"`;
    const status = state.status || (headers['if-none-match'] === etag ? 304 : 200);
    state.statuses.push(status);
    response.writeHead(status, { etag }).end(status === 200 ? state.body : '');
  });
  return Object.assign(state, { feed: { name: 'remote', url, ca, keep: 30 * DAY } satisfies LiveFeed });
}

/** A service with these feeds: asks, and puts into use what is new as a checkpoint does. */
function service(feeds: readonly LiveFeed[], settings: Partial<UpdateTask> = {}) {
  const versions = new Map<string, string>();
  const cache = createFeedCache(cacheDir);
  let inUse = noIndicators;
  return {
    versions,
    async ask(due = feeds.map(({ name }) => name), now = T) {
      const lists = { feeds, enrichment: [], allow: [], internal: [], cacheDir };
      const task = { ...lists, due, versions, now, ...settings };
      const { answers, update } = await updateFeeds(task);
      for (const [name, version] of update?.versions ?? []) {
        versions.set(name, version);
        await cache.settle(name, version);
      }
      if (update?.columns !== undefined) inUse = indicatorsFrom(update.columns);
      return answers;
    },
    lists: (address: string) => inUse.match(parseAddress(address) as Uint32Array, 0)?.feed,
    size: () => inUse.size,
  };
}

describe('asking feeds', () => {
  it('takes an empty list whose last line says that it is, and no other', async () => {
    const head =
      '# abuse.ch Feodo Tracker\n"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"\n';
    const server = await feedServer(
      `${head}"2026-01-01 00:00:00","203.0.113.7","443","online","2026-01-04","QakBot"\n`,
    );
    const asked = service([server.feed]);
    expect(await asked.ask()).toMatchObject([{ outcome: 'updated' }]);
    for (const trailer of ['', '# END 1 entries', 'nonsense\n# END 0 entries']) {
      server.body = `${head.replace('Feodo', `Feodo ${trailer.length}`)}${trailer}\n`;
      expect(await asked.ask()).toMatchObject([{ outcome: 'refused' }]);
      expect(asked.size()).toBe(1);
    }
    server.body = `${head}# END 0 entries\n`;
    expect(await asked.ask()).toEqual([{ feed: 'remote', outcome: 'updated' }]);
    expect(asked.size()).toBe(0);
    server.body = '203.0.113.9\n';
    expect(await asked.ask()).toMatchObject([{ outcome: 'updated' }]);
    expect(asked.size()).toBe(1);
  });

  it('takes a new list, and is told when it is still the one', async () => {
    const server = await feedServer('203.0.113.7\n');
    const { ask, lists } = service([server.feed]);
    expect(await ask()).toEqual([{ feed: 'remote', outcome: 'updated' }]);
    expect(await ask()).toEqual([{ feed: 'remote', outcome: 'unchanged' }]);
    expect(server.statuses).toEqual([200, 304]);
    server.body = '203.0.113.7\n203.0.113.8\n';
    expect(await ask()).toEqual([{ feed: 'remote', outcome: 'updated' }]);
    expect(lists('203.0.113.8')).toBe('remote');
  });

  it('begins anew with another place or format under the old name', async () => {
    const list = await feedServer('203.0.113.7\n203.0.113.8\n203.0.113.9\n203.0.113.10\n');
    const now = service([list.feed]);
    await now.ask();
    const added: (string | null)[] = [];
    const collection = (...addresses: string[]) =>
      serve(({ url }, response) => {
        const { searchParams } = new URL(url ?? '', 'https://localhost');
        added.push(searchParams.get('added_after'));
        const objects = addresses.map((address) => ({
          ...{ type: 'indicator', id: `indicator--${address}`, modified: '2026-01-01T00:00:00.000Z' },
          ...{ pattern: `[ipv4-addr:value = '${address}']`, pattern_type: 'stix' },
        }));
        const headers = { 'x-taxii-date-added-last': '2026-01-02T00:00:00.000Z' };
        const known = searchParams.has('added_after');
        response.writeHead(200, headers).end(JSON.stringify(known ? {} : { objects }));
      });
    const [first, second] = [await collection('198.51.100.1'), await collection('198.51.100.2')];
    for (const [url, address] of [
      [first, '198.51.100.1'],
      [second, '198.51.100.2'],
    ] as const) {
      const key = { file: join(folder, 'key') };
      writeFileSync(key.file, 'a token\n', { mode: 0o600 });
      const taxii = service([{ ...list.feed, protocol: 'taxii', url, key }]);
      for (const [name, version] of now.versions) taxii.versions.set(name, version);
      expect(await taxii.ask()).toEqual([{ feed: 'remote', outcome: 'updated' }]);
      expect([taxii.lists(address), taxii.size()]).toEqual(['remote', 1]);
      expect(await taxii.ask()).toEqual([{ feed: 'remote', outcome: 'unchanged' }]);
      now.versions.set('remote', taxii.versions.get('remote') ?? '');
    }
    expect(added).toEqual([null, '2026-01-02T00:00:00.000Z', null, '2026-01-02T00:00:00.000Z']);
  });

  it('asks another server what is new from when it had the same list', async () => {
    const [old, other] = [await feedServer('203.0.113.7\n'), await feedServer('203.0.113.7\n')];
    const before = service([old.feed]);
    await before.ask();
    const { ask, versions } = service([other.feed]);
    for (const [name, version] of before.versions) versions.set(name, version);
    for (let n = 0; n < 2; n++) expect(await ask()).toEqual([{ feed: 'remote', outcome: 'unchanged' }]);
    expect(other.statuses).toEqual([200, 304]);
  });

  it('knows the same list again from a server without validators', async () => {
    const url = await serve((_, response) => response.end('203.0.113.7\n'));
    const { ask } = service([{ name: 'plain', url, ca, keep: DAY }]);
    expect(await ask()).toMatchObject([{ outcome: 'updated' }]);
    expect(await ask()).toMatchObject([{ outcome: 'unchanged' }]);
  });

  it('puts the other feeds into the set as they are in use', async () => {
    const file = join(folder, 'own.txt');
    writeFileSync(file, '198.51.100.1\n');
    const server = await feedServer('203.0.113.7\n');
    const { ask, lists, size } = service([{ name: 'own', file, keep: DAY }, server.feed]);
    await ask();
    writeFileSync(file, '198.51.100.1\n198.51.100.2\n');
    server.body = '203.0.113.9\n';
    expect(await ask(['own'])).toEqual([{ feed: 'own', outcome: 'updated' }]);
    expect([lists('198.51.100.2'), lists('203.0.113.7'), lists('203.0.113.9')]).toEqual([
      'own',
      'remote',
      undefined,
    ]);
    expect(size()).toBe(3);
  });

  it.each([
    ['a page', '<html>', 'HTML'],
    ['nothing', '# nothing today\n', 'empty'],
    ['private networks', '203.0.113.7\n10.1.0.0/16\n', 'private or own'],
    ['our own networks', '203.0.113.7\n198.51.100.0/25\n', 'private or own'],
    ['the whole internet', '0.0.0.0/0\n', 'too wide'],
    ['a tenth of what it was', '203.0.113.1\n', 'shrank'],
    ['a hundred times what it was', hosts(60_000), 'grew'],
  ])('refuses a list of %s as a whole and keeps the earlier one', async (_, body, reason) => {
    const server = await feedServer(hosts(600));
    const { ask, size, versions } = service([server.feed], { internal: ['198.51.100.0/24'] });
    await ask();
    const version = versions.get('remote');
    server.body = body;
    expect(await ask()).toEqual([
      { feed: 'remote', outcome: 'refused', problem: expect.stringContaining(reason) },
    ]);
    expect([size(), versions.get('remote')]).toEqual([600, version]);
  });

  it('keeps the last good list while the server fails, until it is too old, and takes it again', async () => {
    const server = await feedServer('203.0.113.7\n');
    const { ask, lists, versions } = service([server.feed]);
    await ask();
    server.status = 503;
    expect(await ask()).toMatchObject([{ outcome: 'failed', problem: expect.stringContaining('503') }]);
    expect(lists('203.0.113.7')).toBe('remote');
    utimesSync(createFeedCache(cacheDir).path('remote'), T, T);
    expect(await ask(undefined, T + 31 * DAY)).toMatchObject([{ outcome: 'dropped' }]);
    expect([lists('203.0.113.7'), versions.get('remote')]).toEqual([undefined, DROPPED]);
    expect(await ask(undefined, T + 32 * DAY)).toMatchObject([{ outcome: 'failed' }]);
    server.status = 0;
    expect(await ask()).toMatchObject([{ outcome: 'updated' }]);
    expect(lists('203.0.113.7')).toBe('remote');
  });

  it('counts what the feed confirms from then on', async () => {
    const server = await feedServer('203.0.113.7\n');
    const { ask } = service([server.feed]);
    await ask();
    await ask(undefined, T + 40 * DAY);
    expect((await createFeedCache(cacheDir).read('remote'))?.confirmedAt).toBe(T + 40 * DAY);
  });

  it('stages again what no checkpoint named, and what was lost', async () => {
    const server = await feedServer('203.0.113.7\n');
    const { ask, versions } = service([server.feed]);
    await ask();
    const version = versions.get('remote')!;
    versions.delete('remote');
    expect(await ask()).toMatchObject([{ outcome: 'updated' }]);
    rmSync(createFeedCache(cacheDir).path('remote'));
    expect(await ask()).toMatchObject([{ outcome: 'updated' }]);
    expect(versions.get('remote')).toBe(version);
  });

  it('says what a list has new: networks that none of its own held before', async () => {
    const file = join(folder, 'other.txt');
    writeFileSync(file, '192.0.2.1\n');
    const server = await feedServer('203.0.113.0/24\n192.0.2.9\n');
    const feeds = [{ name: 'other', file, keep: DAY }, server.feed];
    const versions = new Map<string, string>();
    const cache = createFeedCache(cacheDir);
    const ask = async () => {
      const lists = { feeds, enrichment: [], allow: [], internal: [], cacheDir };
      const task = { ...lists, due: ['other', 'remote'], versions, now: T };
      const { update } = await updateFeeds(task);
      for (const [name, version] of update!.versions) {
        versions.set(name, version);
        await cache.settle(name, version);
      }
      return update!;
    };
    expect((await ask()).news).toMatchObject([
      { feed: 'other', networks: 1 },
      { feed: 'remote', networks: 2 },
    ]);
    server.body = '203.0.113.7\n203.0.112.0/23\n192.0.2.9\n192.0.2.10\n';
    const { columns, fresh, news } = await ask();
    expect(news).toMatchObject([{ feed: 'remote', networks: 2 }]);
    const only = indicatorsFrom(columns!, fresh);
    const match = (text: string) => only.match(parseAddress(text) as Uint32Array, 0)?.network;
    expect(['203.0.113.7', '203.0.112.9', '192.0.2.9', '192.0.2.10', '192.0.2.1'].map(match)).toEqual([
      ...[undefined, '203.0.112.0/23', undefined, '192.0.2.10/32', undefined],
    ]);
    const path = cache.newsPath('remote', versions.get('remote')!);
    const { indicators } = await loadIndicators({
      feeds: [{ name: 'remote', file: path }],
      allow: [],
      internal: [],
    });
    expect(indicators.size).toBe(2);
    await cache.keepNews([]);
    expect(existsSync(path)).toBe(false);
  });

  it('works the same on a thread of its own, which ends when it is told to', async () => {
    const server = await feedServer('203.0.113.7\n2001:db8::/32\n');
    const allow = ['2001:db8:1::/48'];
    const task = { feeds: [server.feed], enrichment: [], allow, internal: [], cacheDir };
    const rest = { due: ['remote'], versions: new Map<string, string>(), now: T };
    const { answers, update } = await updateFeedsApart({ ...task, ...rest }, new AbortController().signal);
    expect(answers).toEqual([{ feed: 'remote', outcome: 'updated' }]);
    const set = indicatorsFrom(update!.columns!);
    const match = (text: string) => set.match(parseAddress(text) as Uint32Array, 0)?.network;
    expect([match('203.0.113.7'), match('2001:db8:2::1'), match('2001:db8:1::1'), set.size]).toEqual([
      '203.0.113.7/32',
      '2001:db8::/32',
      undefined,
      2,
    ]);
    const stopped = new AbortController();
    const asked = updateFeedsApart({ ...task, ...rest }, stopped.signal);
    stopped.abort(new Error('told to'));
    await expect(asked).rejects.toThrow('told to');
  });
});

function hosts(count: number): string {
  return Array.from({ length: count }, (_, i) => `203.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).join('\n');
}
