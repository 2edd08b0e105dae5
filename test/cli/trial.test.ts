import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Manifest, readManifest } from '../../src/store/manifest/manifest.ts';
import { CA, type Receiver, startReceiver } from '../send/receiver.ts';
import { contacts, listed } from './many-alerts.ts';
import { flowsentry, temporaryFolder } from './run.ts';
import { startRun } from './service.ts';

const folder = temporaryFolder();
/** Three hosts at once are one more than the budget; an hour later it is promoted. */
const TRIAL = 'detectors: {bad-ip: {mode: shadow, promote: {after: 1h, budget: 2/day}}}\n';
const FIRST = contacts(1, 4, 0);
const LATER = contacts(4, 5, 90) + contacts(1, 2, 95);

async function report(data: string, ...args: string[]) {
  const { stdout } = await flowsentry(['detectors', 'report', '--data', data, '--json', ...args]);
  return JSON.parse(stdout).detectors.find(({ detector }: { detector: string }) => detector === 'bad-ip');
}

describe('a detector on trial in a service', () => {
  let receiver: Receiver;
  const services: ReturnType<typeof startRun>[] = [];
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(async () => {
    for (const { child } of services) child.kill('SIGKILL');
    await receiver.close();
  });

  it('tells nobody at first, and people from its promotion on, also what they judged before', async () => {
    const root = join(folder, 'service');
    mkdirSync(root, { recursive: true });
    const service = startRun(
      root,
      '- {type: file, name: collected, paths: [logs], interval: 0.05}',
      `${listed(root)}${TRIAL}sinks: [{type: webhook, name: hook, url: "${receiver.url}/in", tls: {ca: ${CA}}}]\nroute: {groupWait: 0, groupInterval: 0.1}\n`,
    );
    services.push(service);
    const { data } = service;
    const run = async (...args: string[]) => flowsentry([...args, '--data', data]);
    const told = () =>
      receiver.received.flatMap(({ json }) =>
        json.data.alerts.map(({ subject }: { subject: string }) => subject),
      );
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), FIRST);
    await service.saying('trial over budget');
    while (((await readManifest(data))?.witness?.shadowed.length ?? 0) < 3) await sleep(50);

    const listedNow = await run('alerts', 'list');
    expect(listedNow.stdout).toContain('no alerts');
    expect(listedNow.stdout).toContain('shadow: bad-ip (promoted 2026-01-05 01:01 if it keeps to 2 a day)');
    expect(listedNow.stderr).toContain('3 alerts in the shadow');
    const shadowed = (await run('alerts', 'list', '--shadow', '--json')).stdout.trim().split('\n');
    const alerts = shadowed.map((line) => JSON.parse(line));
    const first = alerts.find(({ subject }) => subject === '10.1.0.1');
    expect(alerts).toHaveLength(3);
    expect((await run('alerts', 'show', first.id)).stdout).toContain('10.1.0.1');
    expect((await run('alerts', 'close', first.id, '--as', 'false-positive')).code).toBe(0);
    expect(await report(data)).toMatchObject({
      state: 'shadow',
      ...{ told: 0, shadowed: 3, mostInADay: 3, days: [{ day: '2026-01-05', told: 0, shadowed: 3 }] },
      verdicts: { 'true-positive': 0, 'false-positive': 1, expected: 0 },
      trial: { budget: 2, lastDay: 3, until: '2026-01-05T01:01:00.000Z' },
    });
    expect(told()).toEqual([]);

    appendFileSync(join(service.logs, 'a.log'), LATER);
    await service.saying('trial promoted');
    while (new Set(told()).size < 2) await sleep(50);
    expect(await service.stop()).toBe(0);
    expect([...new Set(told())].sort()).toEqual(['10.1.0.1', '10.1.0.4']);
    expect(await report(data)).toMatchObject({
      ...{ state: 'on', told: 2, shadowed: 2 },
      trial: { promoted: '2026-01-05T01:01:00.000Z' },
    });
    const { stdout } = await run('detectors', 'report', '--detector', 'bad-ip');
    expect(stdout).toContain('promoted 2026-01-05 01:01');
    expect(stdout).toContain('most: 10.1.0.1 (1), 10.1.0.2 (1)');
    const trialLines = service.logged().filter(({ message }) => String(message).startsWith('trial '));
    expect(trialLines.map(({ message }) => message)).toEqual([
      'trial begins',
      'trial over budget',
      'trial promoted',
    ]);
  });
});

describe('a replay of a detector on trial', () => {
  /** All that is published of alerts. */
  async function replayed(name: string, files: readonly (readonly string[])[], batchRows: number) {
    const root = join(folder, name);
    mkdirSync(root, { recursive: true });
    const config = join(root, 'flowsentry.yaml');
    writeFileSync(config, `${listed(root)}${TRIAL}ingest: {checkpoint: 0, batchRows: ${batchRows}}\n`);
    const data = join(root, 'data');
    for (const [i, run] of files.entries()) {
      const paths = run.map((text, j) => {
        const path = join(root, `${i}-${j}.log`);
        writeFileSync(path, text);
        return path;
      });
      const { code, stderr } = await flowsentry(['replay', ...paths, '--config', config, '--data', data]);
      if (code !== 0) throw new Error(stderr);
    }
    const { alerts, witness, coverage } = (await readManifest(data)) as Manifest;
    const detectors = coverage!.detectors.filter(({ detector }) => detector === 'bad-ip');
    return { data, shown: { alerts, shadowed: witness!.shadowed, opened: witness!.resolvesAt, detectors } };
  }
  const reversed = (text: string) => `${text.trim().split('\n').reverse().join('\n')}\n`;

  it('ends it at the same moment in any order of records and across restarts', async () => {
    const { data, shown } = await replayed('whole', [[FIRST + LATER]], 16_384);

    expect(shown.alerts.map(({ subject }) => subject)).toEqual(['10.1.0.1', '10.1.0.4']);
    expect(shown.shadowed.map(({ alert }) => alert.subject).sort()).toEqual(['10.1.0.2', '10.1.0.3']);
    expect((await replayed('small', [[FIRST + LATER]], 64)).shown).toEqual(shown);
    expect((await replayed('restarted', [[FIRST], [LATER]], 64)).shown).toEqual(shown);
    expect((await replayed('reversed', [[reversed(FIRST) + LATER]], 64)).shown).toEqual(shown);

    expect(await report(data, '--from', '2026-01-05T01:00')).toMatchObject({ told: 1, shadowed: 0 });
    expect(await report(data, '--to', '2026-01-05T01:00')).toMatchObject({ told: 1, shadowed: 2 });
  });

  it('is told without a report where nothing was stored', async () => {
    const { code, stderr } = await flowsentry(['detectors', 'report', '--data', join(folder, 'none')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('nothing was ever stored there')]);
  });
});
