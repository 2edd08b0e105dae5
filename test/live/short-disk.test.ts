import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type { Alert } from '../../src/contracts.ts';
import { run } from '../../src/live/run.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { logLine, temporaryFolder } from '../cli/run.ts';

const HOUR = 3600;

/** The process's clock runs ahead by what is added here. */
function clockAhead(): (seconds: number) => void {
  const now = performance.now.bind(performance);
  let ahead = 0;
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
  onTestFinished(() => spy.mockRestore());
  return (seconds) => {
    ahead += seconds * 1000;
  };
}

it('a service on a disk that is nearly full makes room by what is past the retention', async () => {
  const folder = temporaryFolder();
  const [data, logs] = [join(folder, 'data'), join(folder, 'logs')];
  mkdirSync(logs);
  const configOf = (history: string) =>
    parseConfig(
      `sources: [{type: file, name: f, paths: ['${logs}'], interval: 0.05}]
ingest: {checkpoint: 0.1s}
history: {${history}}`,
      'test',
    );
  const stop = new AbortController();
  const said: string[] = [];
  let reload: (() => Promise<void>) | undefined;
  const running = run({
    ...{ data, config: configOf('retention: 400d, reserve: 1KB'), signal: stop.signal },
    readConfig: async () => configOf('retention: 1h, reserve: 1000000TB'),
    onReload(listen) {
      reload = listen;
    },
    onAlerts: async () => {},
    log: (_level, message) => said.push(message),
    linesDropped: () => 0,
  });
  const hours = async () => {
    const flows = ((await readManifest(data))?.segments ?? []).filter(({ table }) => table === 'flows');
    return new Set(flows.map(({ minTime }) => Math.floor(minTime / HOUR))).size;
  };
  const write = (hour: number) => {
    const line = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT', hour * HOUR)}\n`;
    appendFileSync(join(logs, 'a.log'), line.repeat(100));
  };
  for (const hour of [0, 6]) {
    const before = await hours();
    write(hour);
    while ((await hours()) === before) await sleep(20);
  }
  const forward = clockAhead();
  await reload?.();
  while (said.filter((message) => message === 'running').length < 2) await sleep(20);
  while (!said.includes('the disk is nearly full: reading pauses until there is room')) await sleep(20);
  write(7);
  while ((await hours()) > 1) {
    forward(61);
    await sleep(200);
  }
  expect(await hours()).toBe(1);
  stop.abort();
  await running;
  const left = (await readManifest(data))?.segments.filter(({ table }) => table === 'flows');
  expect(left?.reduce((sum, { rows }) => sum + rows, 0)).toBe(100);
});

it('a service on a disk that is nearly full tells none of its sources as silent', async () => {
  const folder = temporaryFolder();
  const [data, logs] = [join(folder, 'data'), join(folder, 'logs')];
  mkdirSync(logs);
  appendFileSync(join(logs, 'a.log'), `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT', 0)}\n`);
  const configOf = (reserve: string) =>
    parseConfig(
      `sources: [{type: file, name: f, paths: ['${logs}'], interval: 0.05}]
ingest: {checkpoint: 0.1s}
history: {reserve: ${reserve}}`,
      'test',
    );
  const stop = new AbortController();
  const said: string[] = [];
  const alerts: Alert[] = [];
  let reload: (() => Promise<void>) | undefined;
  const running = run({
    ...{ data, config: configOf('1KB'), signal: stop.signal },
    readConfig: async () => configOf('1000000TB'),
    onReload(listen) {
      reload = listen;
    },
    onAlerts: async (changed) => {
      alerts.push(...changed);
    },
    log: (_level, message) => said.push(message),
    linesDropped: () => 0,
  });
  const written = () => said.filter((message) => message === 'checkpoint written').length;
  while (written() === 0) await sleep(20);
  const forward = clockAhead();
  await reload?.();
  while (said.filter((message) => message === 'running').length < 2) await sleep(20);
  while (!said.includes('the disk is nearly full: reading pauses until there is room')) await sleep(20);
  // The first checkpoint for want of room says that reading pauses.
  for (const seconds of [61, 2 * HOUR, 2 * HOUR, 2 * HOUR]) {
    const before = written();
    forward(seconds);
    while (written() === before) await sleep(20);
  }
  stop.abort();
  await running;
  expect(alerts.map(({ title }) => title)).toEqual([]);
});
