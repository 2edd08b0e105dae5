import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { type BacktestOptions, backtest } from '../src/backtest.ts';
import { backtestChart, reportOf } from '../src/cli/backtest-report.ts';
import { type Config, defaultConfig, loadConfig } from '../src/config.ts';
import type { Alert } from '../src/contracts.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';

const HOUR = 3600;
let folder: string;
let data: string;
let stored: readonly Alert[];
const config: Config = defaultConfig();

/** Alerts that a replay of such traffic finds. */
async function replayed(scenarios: readonly string[], into: string): Promise<readonly Alert[]> {
  const log = `${into}.log.gz`;
  await simulateToFile({ hours: 5, hosts: 12, seed: 7, out: log, scenarios });
  return alertsOf(log, into);
}

async function alertsOf(log: string, into: string): Promise<readonly Alert[]> {
  const ingest = { ...config.ingest, checkpoint: 0, batchRows: 2048 };
  const summary = await replay({
    ...{ paths: [log], data: into, config: { ...config, ingest }, format: undefined, restart: false },
    onProgress: () => {},
    warn: () => {},
  });
  return summary.book;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-backtest-'));
  data = join(folder, 'data');
  stored = await replayed(['port-scan', 'internal-sweep', 'ssh-brute-force'], data);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const test = (options: Partial<BacktestOptions> = {}) =>
  backtest({
    ...{ data, config, changed: undefined, detectors: ['port-scan'] },
    ...{ from: undefined, to: undefined, warmUp: undefined, warn: () => {}, onProgress: () => {} },
    ...options,
  });

describe('backtest', () => {
  it('finds what was found live, byte for byte', async () => {
    const result = await test({ detectors: Object.keys(config.detectors) });

    expect(stored.length).toBeGreaterThan(3);
    expect(result.tried.alerts).toEqual(stored);
    expect(result.stored).toEqual(stored);
    expect(reportOf(result)).toMatchObject({
      ...{ comparedWith: 'stored alerts', appear: [], vanish: [], same: stored.length },
      failures: {},
    });
  });

  it('knows what the stored records say of encryption', async () => {
    const log = join(folder, 'telnet.log');
    const fields =
      'version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status';
    const said = ['0', '1', '2', '3', '-', '7'];
    const records = said.flatMap((status, i) => {
      const rest = `6 9 900 1767571200 1767571230 ACCEPT OK ${status}`;
      const [host, server] = [`10.0.1.${i}`, '203.0.113.9'];
      return [`10 eni-0a ${host} ${server} 40000 23 ${rest}`, `10 eni-0a ${server} ${host} 23 40000 ${rest}`];
    });
    await writeFile(log, [`${fields} encryption-status`, ...records, ''].join('\n'));

    const found = await alertsOf(log, join(folder, 'telnet'));
    const result = await test({ data: join(folder, 'telnet'), detectors: ['plaintext'] });

    expect(
      found.map(({ subject, severity, explanation }) => [subject, severity, explanation.encryption]).sort(),
    ).toEqual([
      ['10.0.1.0', 'low', 'none: encryption-status 0'],
      ['10.0.1.1', 'info', 'on the network of AWS only: encryption-status 1'],
      ['10.0.1.4', 'low', undefined],
      ['10.0.1.5', 'low', undefined],
    ]);
    expect(result.tried.alerts).toEqual(found);
  });

  it('judges a machine rented of AWS as those of others, and a service of AWS as one', async () => {
    const log = join(folder, 'rented.log');
    const fields =
      'version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status';
    const lines = [`${fields} tcp-flags pkt-src-aws-service pkt-dst-aws-service`];
    for (let at = 1_767_571_200, port = 33_000; at < 1_767_571_200 + 14 * HOUR; at += 300, port++)
      for (const [i, service] of ['-', 'EC2', 'CLOUDFRONT', 'S3', 'AMAZON'].entries()) {
        const [host, server] = [`10.0.${i}.5`, `198.51.${i}.9`];
        const rest = `${at} ${at + 2} ACCEPT OK`;
        lines.push(
          `5 eni-0${i} ${host} ${server} ${port} 443 6 4 600 ${rest} 3 - ${service}`,
          `5 eni-0${i} ${server} ${host} 443 ${port} 6 4 500 ${rest} 19 ${service} -`,
        );
      }
    await writeFile(log, [...lines, ''].join('\n'));

    const found = await alertsOf(log, join(folder, 'rented'));
    const result = await test({ data: join(folder, 'rented'), detectors: Object.keys(config.detectors) });

    expect(found.map(({ detector, subject, severity }) => [detector, subject, severity]).sort()).toEqual([
      ['beacon', '10.0.0.5', 'medium'],
      ['beacon', '10.0.1.5', 'medium'],
      ['beacon', '10.0.2.5', 'medium'],
    ]);
    expect(result.tried.alerts).toEqual(found);
  });

  it.each(Object.keys(config.detectors))('finds for %s alone what was found live', async (id) => {
    const { tried } = await test({ detectors: [id] });

    expect(tried.alerts).toEqual(stored.filter(({ detector }) => detector === id));
  });

  it('tries a detector that is off, and no other', async () => {
    const off = await loadConfig(undefined, [{ path: ['detectors', 'port-scan', 'mode'], value: 'off' }]);

    const { tried } = await test({ config: off });

    const scans = stored.filter(({ detector }) => detector === 'port-scan');
    expect(scans.length).toBeGreaterThan(0);
    expect(tried.alerts).toEqual(scans);
  });

  it('shows a detector of findings what the others find, and tells of its own alone', async () => {
    const intruded = join(folder, 'intruded');
    const found = await replayed(['intrusion'], intruded);

    const result = await test({ data: intruded, detectors: ['corroboration'] });

    const own = found.filter(({ detector }) => detector === 'corroboration');
    expect(own.length).toBeGreaterThan(0);
    expect(result.tried.alerts).toEqual(own);
    expect(result.tried.openings.map(({ id }) => id)).toEqual(own.map(({ id }) => id));
  });

  it('says which alerts would appear and vanish with another parameter', async () => {
    const set = (value: number) =>
      loadConfig(undefined, [
        { path: ['detectors', 'port-scan', 'internal', 'ports'], value },
        { path: ['detectors', 'port-scan', 'internal', 'hosts'], value },
      ]);
    const strict = reportOf(await test({ changed: await set(60_000) }));
    const loose = reportOf(await test({ changed: await set(60_000), config: await set(15) }));

    expect(strict.comparedWith).toBe('running parameters');
    expect(strict.vanish.length).toBeGreaterThan(0);
    expect(strict.vanish.every((alert) => alert.stored)).toBe(true);
    expect(loose.vanish.map(({ id }) => id)).toEqual(
      expect.arrayContaining(strict.vanish.map(({ id }) => id)),
    );
    const back = reportOf(await test({ config: await set(60_000), changed: await set(15) }));
    expect(back.appear.map(({ id }) => id)).toEqual(loose.vanish.map(({ id }) => id));
    expect(back.vanish).toEqual([]);
  });

  it('counts alerts of the span only, and learns from what lies before', async () => {
    const whole = await test();
    const [first] = whole.tried.openings;
    const from = first!.at + 1;

    const later = await test({ from, warmUp: 24 * HOUR });
    const cold = await test({ from, warmUp: 0 });

    expect(later.tried.openings).toEqual(whole.tried.openings.filter(({ at }) => at >= from));
    expect(later.records).toBe(whole.records);
    expect([later.warmUp > 0, cold.warmUp]).toEqual([true, 0]);
    expect(cold.records).toBeLessThan(whole.records);
  });

  it('reports days, subjects and a chart that agree with what began to fire', async () => {
    const result = await test();
    const report = reportOf(result);
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

    expect(report.alerts).toBe(result.tried.openings.length);
    expect(sum(report.days.map(({ alerts }) => alerts))).toBe(report.alerts);
    expect(report.mostInADay).toBe(Math.max(...report.days.map(({ alerts }) => alerts)));
    expect(sum(backtestChart(result).series[0]!.counts as number[])).toBe(report.alerts);
    expect(report.subjects[0]!.alerts).toBeGreaterThan(0);
  });

  it('says what there is when the span has no records', async () => {
    await expect(test({ from: 0, to: 100 })).rejects.toThrow(/the history has records from 2026-01-0/);
    await expect(test({ data: join(folder, 'nothing') })).rejects.toThrow(/nothing was ever stored there/);
  });
});
