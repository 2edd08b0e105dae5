import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { backtest } from '../src/backtest.ts';
import { type Config, parseConfig } from '../src/config.ts';
import type { Alert } from '../src/contracts.ts';

const samples = join(import.meta.dirname, '../sample-logs');
const golden = readFileSync(join(samples, 'brute-force-ssh.alerts.jsonl'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Alert);

let folder: string;
let data: string;
let config: Config;
let subject: string;
let peer: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-inventory-'));
  const first = golden.find((alert) => alert.detector === 'brute-force' && alert.subject.startsWith('10.'));
  if (first?.peer === undefined) throw new Error('the sample has no alert with a peer');
  ({ subject, peer } = first);
  const since = new Date(Date.parse(first.firstSeen) - 60_000).toISOString();
  await writeFile(
    join(folder, 'inventory.csv'),
    `id,name,addresses,role,tag:team,from,to\ni-1,jump,${subject},bastion,ops,${since},\ni-2,db,${peer},database,data,,\ni-0,before,${subject},web,,,${since}\n`,
  );
  config = parseConfig(`inventory: {file: inventory.csv}\n`, join(folder, 'flowsentry.yaml'));
  data = join(folder, 'data');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('alerts', () => {
  it('say what their ends were at the time, live and in a backtest', async () => {
    const { book } = await replay({
      paths: [join(samples, 'brute-force-ssh.log')],
      ...{ data, config, format: undefined, restart: false },
      ...{ onProgress() {}, warn() {} },
    });
    const found = book.filter((alert) => alert.detector === 'brute-force');
    expect(found.find((alert) => alert.subject === subject && alert.peer === peer)).toMatchObject({
      asset: { id: 'i-1', name: 'jump', role: 'bastion', tags: { team: 'ops' } },
      peerAsset: { id: 'i-2', name: 'db', role: 'database', tags: { team: 'data' } },
    });
    const { tried } = await backtest({
      ...{ data, config, changed: undefined, detectors: ['brute-force'] },
      ...{ from: undefined, to: undefined, warmUp: undefined, warn() {}, onProgress() {} },
    });
    expect(tried.alerts).toEqual(found);
  });
});
