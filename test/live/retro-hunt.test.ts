import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { replay } from '../../src/app.ts';
import { type Config, defaultConfig } from '../../src/config.ts';
import { FEEDS_FOLDER } from '../../src/judges.ts';
import { openRetroHunts } from '../../src/live/retro-hunt.ts';
import { createFeedCache } from '../../src/reference/feeds/cache.ts';

const data = mkdtempSync(join(tmpdir(), 'flowsentry-retro-'));
afterAll(() => rmSync(data, { recursive: true }));

describe('a look through the history', () => {
  it('that fails is tried again, then given up, said and counted', async () => {
    const hunt = { feed: 'drop', version: 'a'.repeat(32), networks: 3, at: 1_767_571_200, upTo: 5 };
    const counts = { done: 0, failed: 0, given_up: 0, told: 0, over_budget: 0 };
    const said: string[] = [];
    await using hunts = openRetroHunts({
      ...{ data, config: defaultConfig(), hunts: () => [hunt], counts, retryMs: 1 },
      log: (_, message, { error }) => said.push(error instanceof Error ? error.message : message),
    });
    while (!hunts.isReady) await sleep(20);
    expect(hunts.take()).toEqual({ hunt, contacts: [] });
    expect(counts).toEqual({ done: 0, failed: 3, given_up: 1, told: 0, over_budget: 0 });
    expect(said).toHaveLength(4);
    expect(said[0]).toContain('cannot read what is new');
    expect(said[3]).toContain('flowsentry hunt --feed');
  });

  it('takes the feed’s addresses for listed as long as the feed says', async () => {
    const day = 86_400;
    const start = 1_767_571_200;
    const folder = join(data, 'decay');
    const log = join(data, 'decay.log');
    const record = (ends: string): string =>
      `2 123456789012 eni-a ${ends} 6 10 1000 ${start} ${start + 30} ACCEPT OK\n`;
    writeFileSync(log, record('10.0.0.5 203.0.113.9 40000 443') + record('203.0.113.9 10.0.0.5 443 40000'));
    const options = { format: undefined, restart: false, onProgress: () => {}, warn: () => {} };
    await replay({ paths: [log], data: folder, config: defaultConfig(), ...options });
    const hunt = { feed: 'drop', version: 'a'.repeat(32), networks: 1, at: start + day, upTo: 1000 };
    const news = { network: '203.0.113.9/32', confidence: 100, last_seen: start - 60 * day };
    mkdirSync(join(folder, FEEDS_FOLDER), { recursive: true });
    await createFeedCache(join(folder, FEEDS_FOLDER)).writeNews('drop', hunt.version, JSON.stringify(news));
    const found = async (feeds: Config['feeds']) => {
      const counts = { done: 0, failed: 0, given_up: 0, told: 0, over_budget: 0 };
      await using hunts = openRetroHunts({
        ...{ data: folder, config: { ...defaultConfig(), feeds }, hunts: () => [hunt], counts, log() {} },
      });
      while (!hunts.isReady) await sleep(20);
      expect(counts).toMatchObject({ done: 1, failed: 0 });
      return hunts.take()?.contacts.map(({ peer, listing }) => [peer, listing.expires]);
    };
    const feed = { name: 'drop', file: '/dev/null' } as Config['feeds'][number];
    expect(await found([{ ...feed, decay: 90 * day }])).toEqual([['203.0.113.9', start + 30 * day]]);
    expect(await found([{ ...feed, decay: 30 * day }])).toEqual([]);
    // One that is not configured any more has the default.
    expect(await found([])).toEqual([]);
  });
});
