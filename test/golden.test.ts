import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import type { Alert } from '../src/contracts.ts';

const samples = join(import.meta.dirname, '../sample-logs');
const names = readdirSync(samples)
  .filter((file) => file.endsWith('.log'))
  .map((file) => file.slice(0, -'.log'.length));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-golden-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function alertsOf(path: string, name: string): Promise<readonly Alert[]> {
  const summary = await replay({
    paths: [path],
    data: join(folder, name),
    config: await loadConfig(join(samples, 'flowsentry.yaml')),
    format: undefined,
    restart: false,
    onProgress: () => {},
    warn: () => {},
  });
  expect(summary.rejected).toBe(0);
  return summary.book;
}

describe('the sample logs', () => {
  // After an intended change of alerts: vitest run test/golden.test.ts -u
  it.each(names)('%s gives the alerts of its golden', async (name) => {
    const alerts = await alertsOf(join(samples, `${name}.log`), name);

    const lines = alerts.map((alert) => `${JSON.stringify(alert)}\n`).join('');
    await expect(lines).toMatchFileSnapshot(join(samples, `${name}.alerts.jsonl`));
    const id = /^(.+)-quiet$/.exec(name)?.[1];
    if (id !== undefined) expect(alerts).toEqual([]);
    else if (name.startsWith('corroboration-')) expect(alerts.length).toBeGreaterThan(2);
    else for (const { detector } of alerts) expect(name.startsWith(`${detector}-`), detector).toBe(true);
  });

  it('give the same alerts when the whole folder is replayed at once', async () => {
    const goldens = names.map((name) => readFileSync(join(samples, `${name}.alerts.jsonl`), 'utf8'));
    const alone = goldens
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Alert);

    const together = await alertsOf(samples, 'all');

    const ids = (alerts: readonly Alert[]): string[] => alerts.map(({ id }) => id).sort();
    expect(ids(together)).toEqual(ids(alone));
  });
});
