import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../cli/run.ts';
import { killed, report } from './kills.ts';

/** Both can be raised for a release. */
const KILLS = Number(process.env.FLOWSENTRY_KILLS ?? 15);
const RECORDS = Number(process.env.FLOWSENTRY_KILL_RECORDS ?? 100_000);

let turn = 0;
/** A file that grows, and is rotated now and then. */
const feed = async (_: string, logs: string) => ({
  source: '- {type: file, name: collected, paths: [logs], interval: 0.05}',
  async put(lines: readonly string[]) {
    const now = join(logs, 'now.log');
    await appendFile(now, `${lines.join('\n')}\n`);
    if (++turn % 5 === 0) await rename(now, join(logs, `before-${turn}.log`));
  },
});

describe('a service that follows files', () => {
  it('has after kills at random what one has that was left alone', async () => {
    const root = temporaryFolder();
    const result = await killed({ root, records: RECORDS, kills: KILLS, seed: 11, within: 1000, feed });
    report(result);
    expect(result.checkpoints).toBeGreaterThan(0);
    expect(result.killed).toEqual(result.whole);
  });

  it('ends by itself whenever it is told to, and the next one repeats nothing', async () => {
    const root = temporaryFolder();
    const signal = 'SIGTERM';
    const result = await killed({
      root,
      records: RECORDS,
      kills: KILLS,
      seed: 12,
      within: 700,
      feed,
      signal,
    });
    report(result);
    expect(result.codes).toEqual(new Set([0]));
    expect(result.repeated).toBe(0);
    expect(result.killed).toEqual(result.whole);
  });
});
