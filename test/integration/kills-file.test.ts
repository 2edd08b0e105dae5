import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../cli/run.ts';
import { killed, report } from './kills.ts';

/** Both can be raised for a release. */
const KILLS = Number(process.env.FLOWSENTRY_KILLS ?? 15);
const RECORDS = Number(process.env.FLOWSENTRY_KILL_RECORDS ?? 100_000);

describe('a service that follows files and is killed at random', () => {
  it('has what one has that was left alone', async () => {
    let turn = 0;
    const result = await killed({
      root: temporaryFolder(),
      records: RECORDS,
      kills: KILLS,
      seed: 11,
      within: 1000,
      feed: async (_, logs) => ({
        source: '- {type: file, name: collected, paths: [logs], interval: 0.05}',
        async put(lines) {
          const now = join(logs, 'now.log');
          await appendFile(now, `${lines.join('\n')}\n`);
          if (++turn % 5 === 0) await rename(now, join(logs, `before-${turn}.log`));
        },
      }),
    });
    report(result);
    expect(result.checkpoints).toBeGreaterThan(0);
    expect(result.killed).toEqual(result.whole);
  });
});
