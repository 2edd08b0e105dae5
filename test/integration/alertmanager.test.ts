import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlertmanagerOptions, openAlertmanager } from '../../src/send/sinks/alertmanager.ts';
import { contacts, listed, quiet } from '../cli/many-alerts.ts';
import { flowsentry, temporaryFolder } from '../cli/run.ts';
import { startRun } from '../cli/service.ts';
import { messageOf } from '../contracts/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { type Alertmanager, startAlertmanager } from './rigs/alertmanager.ts';

const folder = temporaryFolder();
let alertmanager: Alertmanager;
beforeAll(async () => {
  alertmanager = await startAlertmanager(folder);
});
afterAll(() => alertmanager.stop());

describe("Debian's Alertmanager", () => {
  it('shows what the service tells it, until it is over', async () => {
    const root = join(folder, 'service');
    mkdirSync(root, { recursive: true });
    const service = startRun(
      root,
      '- {type: file, name: collected, paths: [logs], interval: 0.05}',
      `${listed(root)}sinks: [{type: alertmanager, name: am, url: "${alertmanager.url}"}]\nroute: {groupWait: 0, groupInterval: 0.1}\n`,
    );
    const shown = async () =>
      (await alertmanager.alerts()).filter(({ labels }) => labels.alertname === 'bad-ip');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 6, 0));
    while ((await shown()).length < 5) await sleep(100);
    const [one] = await shown();
    expect(one?.labels).toMatchObject({
      severity: expect.stringMatching(/medium|high/),
      subject: expect.stringMatching(/^10\.1\.0\./),
    });
    expect(one?.annotations).toMatchObject({
      summary: expect.stringContaining('198.51.100.23'),
      next: expect.stringContaining('flowsentry alerts show'),
    });
    expect(one?.startsAt).toBe('2026-01-05T00:00:00.000Z');
    appendFileSync(join(service.logs, 'a.log'), quiet(0));
    while ((await shown()).length > 0) await sleep(100);
    expect(await service.stop()).toBe(0);
  });

  it('has an alert once when it gets worse, and takes every hostile text as text', async () => {
    const sink = await openAlertmanager(
      AlertmanagerOptions.parse({ type: 'alertmanager', name: 'am', url: alertmanager.url }),
    );
    const deliver = async (message: Parameters<typeof sink.deliver>[0]) =>
      expect(await sink.deliver(message, AbortSignal.timeout(5000))).toMatchObject({ delivered: true });
    const now = new Date().toISOString();
    await deliver(messageOf([alertOf(1, { severity: 'low' })], { at: now }));
    await deliver(messageOf([alertOf(1, { severity: 'critical' })], { at: new Date().toISOString() }));
    const mine = (await alertmanager.alerts()).filter(({ labels }) => labels.alert_id === alertOf(1).id);
    expect(mine.map(({ labels }) => labels.severity)).toEqual(['critical']);
    for (const [i, text] of HOSTILE.entries())
      await deliver(
        messageOf([alertOf(i + 10, { title: text, subject: text })], { at: new Date().toISOString() }),
      );
    expect(await alertmanager.alerts()).toHaveLength(HOSTILE.length + 1);
    await sink.close();
  });

  it('takes a test alert, and has it over at once', async () => {
    const config = join(folder, 'test.yaml');
    writeFileSync(config, `sinks: [{type: alertmanager, name: am, url: "${alertmanager.url}"}]\n`);
    const { code, stdout } = await flowsentry(['sinks', 'test', '--config', config]);
    expect([code, stdout]).toEqual([0, 'am: delivered, it answered: 200\n']);
    expect((await alertmanager.alerts()).filter(({ labels }) => labels.test === 'true')).toEqual([]);
  });
});
