import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReplayOptions, type ReplaySummary, replay } from '../src/app.ts';
import { type Config, defaultConfig, parseConfig } from '../src/config.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';
import { runQuery } from '../src/store/query/query.ts';

let folder: string;
let log: string;
/** Learns quickly enough to find something within hours. */
let config: Config;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-replay-'));
  log = join(folder, 'traffic.log.gz');
  await simulateToFile({
    hours: 3,
    hosts: 12,
    seed: 7,
    out: log,
    scenarios: ['port-scan', 'internal-sweep', 'segmentation-violation'],
  });
  const policy = join(folder, 'policy.yaml');
  await writeFile(
    policy,
    'zones: {inside: {cidr: [10.0.0.0/8]}, outside: {cidr: [0.0.0.0/0, "::/0"]}}\nrules:\n  - {name: web, from: any, to: any, ports: [443], protocol: tcp, action: allow}\n',
  );
  config = parseConfig('policy: policy.yaml\n', join(folder, 'flowsentry.yaml'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
const freshData = (): string => join(folder, `data-${count++}`);

function run(options: Partial<ReplayOptions> = {}): Promise<ReplaySummary> {
  return replay({
    paths: [log],
    data: freshData(),
    config,
    format: undefined,
    restart: false,
    onProgress: () => {},
    warn: () => {},
    ...options,
  });
}

function expectNothingLost(summary: ReplaySummary): void {
  const { received, stored, rejected, duplicate, late, filtered } = summary;
  expect(received).toBe(stored + rejected + duplicate + late + filtered);
}

async function ask(data: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const limits = { timeoutMs: 60_000, maxRows: 10_000, memoryLimit: '512MB' };
  return (await runQuery({ dataDir: data, sql, ...limits })).rows;
}

const alertLines = (summary: ReplaySummary): string[] => summary.book.map((alert) => JSON.stringify(alert));

describe('replay', () => {
  it('stores every record, rebuilds connections and finds something', async () => {
    const data = freshData();

    const summary = await run({ data });

    expectNothingLost(summary);
    expect(summary.stored).toBeGreaterThan(5000);
    expect(summary.alerts).toBeGreaterThan(0);
    const [row] = await ask(data, 'SELECT count(*)::INTEGER FROM flows');
    expect(row).toEqual([summary.stored]);
    const [sessions] = await ask(data, 'SELECT count(*)::INTEGER FROM sessions');
    expect(sessions).toEqual([summary.sessions]);
    const [alerts] = await ask(data, 'SELECT count(*)::INTEGER FROM alerts');
    expect(alerts).toEqual([summary.alerts]);
  });

  it('gives the same alerts, byte for byte, for any batch size', async () => {
    const expected = alertLines(await run());

    for (const batchRows of [64, 1000, 65_528]) {
      const summary = await run({ config: { ...config, ingest: { ...config.ingest, batchRows } } });
      expect(alertLines(summary)).toEqual(expected);
    }
  });

  it('gives alerts whose query runs and shows evidence', async () => {
    const data = freshData();
    const { book } = await run({ data });

    expect(book.length).toBeGreaterThan(0);
    // A question is a process of its own: one for all of them, each as it stands.
    const counts = book.map(({ query }) => `(SELECT count(*)::INTEGER FROM (${query}))`);
    const [row] = await ask(data, `SELECT ${counts.join(', ')}`);
    for (const [i, alert] of book.entries()) expect(row?.[i], alert.query).toBeGreaterThan(0);
  });

  it('knows records it has seen, and neither stores nor judges them again', async () => {
    const data = freshData();
    const first = await run({ data });

    const second = await run({ data });

    expectNothingLost(second);
    expect(second).toMatchObject({ received: first.received, duplicate: first.received, stored: 0 });
    expect(alertLines(second)).toEqual(alertLines(first));
    const [row] = await ask(data, 'SELECT count(*)::INTEGER FROM flows');
    expect(row).toEqual([first.stored]);
  });

  it('forgets what it has seen on request', async () => {
    const data = freshData();
    const first = await run({ data });

    const second = await run({ data, restart: true });

    expect(second.stored).toBe(first.stored);
  });

  it('comes to the same alerts and history when it is killed and run again', async () => {
    const expected = await run();
    const cli = new URL('../bin/flowsentry.cjs', import.meta.url).pathname;
    const yaml = join(folder, 'flowsentry.yaml');
    await writeFile(yaml, 'policy: policy.yaml\ningest: {batchRows: 256, checkpoint: 0.05}\n');
    for (const afterMs of [400, 900, 1400]) {
      const data = freshData();
      const child = spawn(process.execPath, [cli, 'replay', log, '--data', data, '--config', yaml], {
        stdio: 'ignore',
      });
      const exited = new Promise((resolve) => child.on('exit', resolve));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill('SIGKILL');
      await exited;

      const again = await run({ data });

      expectNothingLost(again);
      expect(alertLines(again)).toEqual(alertLines(expected));
      const rows = await ask(
        data,
        'SELECT (SELECT count(*) FROM flows)::INTEGER, (SELECT count(*) FROM sessions)::INTEGER, (SELECT sum(bytes) FROM flows)::VARCHAR, (SELECT sum(bytes_out + bytes_in) FROM sessions)::VARCHAR',
      );
      expect(rows[0]!.slice(0, 2)).toEqual([expected.stored, expected.sessions]);
    }
  });

  it('merges small segments and drops what is older than the retention', async () => {
    const data = freshData();
    const ingest = { ...config.ingest, checkpoint: 0, batchRows: 2048 };
    const whole = await run({ data, config: { ...config, ingest } });
    const [counted] = await ask(data, 'SELECT count(*)::INTEGER FROM flows');
    expect(counted).toEqual([whole.stored]);

    await run({ data, config: { ...config, history: { ...defaultConfig().history, retention: 3600 } } });

    const [kept] = await ask(data, 'SELECT count(*)::INTEGER, min("end")::VARCHAR FROM flows');
    expect(kept![0]).toBeGreaterThan(0);
    expect(kept![0]).toBeLessThan(whole.stored);
  });

  it('refuses a data folder that another process holds', async () => {
    const data = freshData();
    const outcomes = await Promise.allSettled([run({ data }), run({ data })]);

    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(String(refused?.reason)).toMatch(/holds it|claims it/);
  });

  it('keeps records it cannot use with their reason, and says where they stood', async () => {
    const broken = join(folder, 'broken.log');
    await writeFile(
      broken,
      '2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 443 6 1 40 1767571200 1767571210 ACCEPT OK\nnonsense\n2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 443 6 1 x 1767571200 1767571210 ACCEPT OK\n',
    );
    const data = freshData();

    const summary = await run({ data, paths: [broken] });

    expectNothingLost(summary);
    expect(summary).toMatchObject({ received: 3, stored: 1, rejected: 2 });
    const rows = await ask(data, 'SELECT reason, position, raw FROM rejects ORDER BY position');
    expect(rows.map(([reason]) => reason)).toEqual(['too-few-fields', 'bad-number']);
    expect(rows[0]![2]).toBe('nonsense');
  });

  it('says what to do when there is nothing to read', async () => {
    await expect(run({ paths: [join(folder, 'missing')] })).rejects.toThrow(/cannot read .*missing/);
  });
});

const realLog = new URL('../../shared/data/real/eks-v2.log', import.meta.url).pathname;
const haveData = existsSync(realLog);
if (!haveData && process.env.FLOWSENTRY_REQUIRE_DATA === '1')
  throw new Error(`no real records at ${realLog}`);

describe.skipIf(!haveData)('replay of real records', () => {
  it('receives 14,552 records of an EKS cluster and loses none', async () => {
    const summary = await run({ paths: [realLog], config: defaultConfig() });

    expect(summary.received).toBe(14_552);
    expectNothingLost(summary);
    expect(summary.stored).toBe(14_552);
    expect(summary.interval).toBe(60);
  });

  it('gives the same alerts for shuffled records', async () => {
    const [header, ...lines] = (await readFile(realLog, 'utf8')).trim().split('\n');
    const end = (line: string): number => Number(line.split(' ')[11]);
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    const delayed = lines.map((line) => ({ line, at: end(line) + random() * 290 }));
    const shuffled = join(folder, 'shuffled.log');
    await writeFile(
      shuffled,
      [header, ...delayed.sort((a, b) => a.at - b.at).map(({ line }) => line)].join('\n'),
    );

    const expected = await run({ paths: [realLog] });
    const summary = await run({ paths: [shuffled] });

    expect(summary.late).toBe(0);
    expect(summary.sessions).toBe(expected.sessions);
    expect(alertLines(summary)).toEqual(alertLines(expected));
  });
});
