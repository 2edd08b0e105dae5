import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../cli/run.ts';
import { holds, startRun } from '../cli/service.ts';
import { outcomeOf, simulated } from './kills.ts';
import { createFakeClock } from './rigs/faketime.ts';

const RECORDS = 60_000;
const JUMPS = ['+0', '+2h', '-2h', '+365d', '+0', '-1s', '-2s', '-365d', '+2h'];

describe('a wall clock that jumps', () => {
  it('changes no result', async () => {
    const root = temporaryFolder();
    const lines = await simulated(root, RECORDS, 21);
    const clock = createFakeClock(join(root, 'clock'));
    const source = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
    const outcomes: unknown[] = [];
    const years = new Set<string>();
    for (const [name, env] of [
      ['true', {}],
      ['jumping', clock.env],
    ] as const) {
      mkdirSync(join(root, name));
      const service = startRun(join(root, name), source, '', env);
      await service.saying('running');
      for (const [i, offset] of JUMPS.entries()) {
        if (name === 'jumping') clock.set(offset);
        const [from, to] = [i, i + 1].map((part) => Math.floor((part * RECORDS) / JUMPS.length));
        appendFileSync(join(service.logs, 'now.log'), `${lines.slice(from, to).join('\n')}\n`);
        await holds(service.data, to!);
        await sleep(200);
      }
      expect(await service.stop()).toBe(0);
      if (name === 'jumping') for (const { time } of service.logged()) years.add(String(time).slice(0, 4));
      outcomes.push(await outcomeOf(service.data));
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    // It did jump.
    expect(years.size).toBeGreaterThan(2);
  });
});
