import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { defaultConfig } from '../../src/config.ts';
import { openRetroHunts } from '../../src/live/retro-hunt.ts';

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
});
