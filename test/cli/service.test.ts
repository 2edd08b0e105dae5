import { appendFileSync, copyFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { flowsentry, logLine, temporaryFolder } from './run.ts';
import { freePort, holds, rowsOf, startRun } from './service.ts';

const RECORDS = 40_000;
const folder = temporaryFolder();
const all = join(folder, 'all.log');
let lines: string[] = [];

const startService = (name: string) =>
  startRun(join(folder, name), '- {type: file, name: collected, paths: [logs], interval: 0.05}');

const SUMS =
  'SELECT count(*)::INT AS n, sum(bytes)::BIGINT AS bytes, sum(hash(flows))::VARCHAR AS rows FROM flows';
const SESSIONS = 'SELECT count(*)::INT AS n, sum(hash(sessions))::VARCHAR AS rows FROM sessions';
const alertsOf = async (data: string) => (await readManifest(data))?.alerts ?? [];

beforeAll(async () => {
  await flowsentry([
    ...['simulate', '--records', String(RECORDS), '--seed', '5', '--no-header', '--out', all],
    ...['--scenario', 'port-scan@3m'],
  ]);
  lines = readFileSync(all, 'utf8').trimEnd().split('\n');
});

describe('flowsentry run', () => {
  it('writes a first checkpoint soon, so that one that is killed again and again gets on', async () => {
    const source = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
    const service = startRun(join(folder, 'soon'), source, '', {}, '24h');
    copyFileSync(all, join(service.logs, 'all.log'));
    await service.saying('checkpoint written');
    expect(await service.stop()).toBe(0);
  });

  it('gives after kills and rotations what one run gives, and prints its alerts', async () => {
    const whole = startService('whole');
    copyFileSync(all, join(whole.logs, 'all.log'));
    await holds(whole.data, RECORDS);
    expect(await whole.stop()).toBe(0);
    expect(whole.alerts().map((line) => JSON.parse(line).detector)).toContain('port-scan');

    let service = startService('killed');
    let checkpoints = 0;
    const chunk = RECORDS / 20;
    for (let i = 0; i < 20; i++) {
      appendFileSync(
        join(service.logs, 'now.log'),
        `${lines.slice(i * chunk, (i + 1) * chunk).join('\n')}\n`,
      );
      if (i % 7 === 3) renameSync(join(service.logs, 'now.log'), join(service.logs, `before-${i}.log`));
      if (i % 3 !== 2) continue;
      await service.saying('running');
      // Some kills come after a checkpoint, however slow the machine is; the others whenever they come.
      if (i % 6 === 2) await service.saying('checkpoint written');
      await sleep((i * 137) % 900);
      service.child.kill('SIGKILL');
      await service.ended;
      checkpoints += service.logged().filter(({ message }) => message === 'checkpoint written').length;
      service = startService('killed');
    }
    expect(checkpoints).toBeGreaterThan(1);
    await holds(service.data, RECORDS);
    expect(await service.stop()).toBe(0);
    expect(await rowsOf(service.data, SUMS)).toEqual(await rowsOf(whole.data, SUMS));
    expect(await rowsOf(service.data, SESSIONS)).toEqual(await rowsOf(whole.data, SESSIONS));
    const alerts = await alertsOf(whole.data);
    expect(alerts.length).toBeGreaterThan(0);
    expect(await alertsOf(service.data)).toEqual(alerts);
  });

  it('reads compressed files whole, waits for the rest of a line, and begins anew after a truncation', async () => {
    const service = startService('odd');
    await service.saying('running');
    const line = logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT');
    writeFileSync(join(service.logs, 'a.log.gz'), gzipSync(`${line}\n${line}\n`));
    writeFileSync(join(service.logs, 'b.log'), `${line}\n${line.slice(0, 20)}`);
    await holds(service.data, 3);
    appendFileSync(join(service.logs, 'b.log'), `${line.slice(20)}\n`);
    await holds(service.data, 4);
    truncateSync(join(service.logs, 'b.log'), 0);
    appendFileSync(join(service.logs, 'b.log'), `${line}\n`);
    await holds(service.data, 5);
    expect(await service.stop()).toBe(0);
    const last = service.logged().findLast(({ message }) => message === 'checkpoint written');
    expect(last).toMatchObject({ received: 5, stored: 5, rejected: 0, duplicate: 0, late: 0, filtered: 0 });
  });

  it('does nothing twice when it is started again with nothing new', async () => {
    const first = startService('again');
    writeFileSync(join(first.logs, 'a.log'), `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`);
    await holds(first.data, 1);
    expect(await first.stop()).toBe(0);
    const second = startService('again');
    await second.saying('running');
    await sleep(500);
    expect(await second.stop()).toBe(0);
    expect(second.logged().findLast(({ message }) => message === 'checkpoint written')).toMatchObject({
      received: 0,
    });
    expect(await rowsOf(second.data, 'SELECT count(*)::INT AS n FROM flows')).toEqual([{ n: 1 }]);
  });

  it('serves health and metrics, and the loss identity holds in them', async () => {
    const port = await freePort();
    const service = startRun(
      join(folder, 'served'),
      '- {type: file, name: collected, paths: [logs], interval: 0.05}',
      `serve: {port: ${port}}\n`,
    );
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    await service.saying('running');
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    writeFileSync(
      join(service.logs, 'a.log'),
      `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\nnot a record\n`,
    );
    await holds(service.data, 1);
    const page = await get('/metrics');
    const value = (name: string): number =>
      page
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    expect(value('flowsentry_records_received_total')).toBe(2);
    expect(value('flowsentry_records_total')).toBe(2);
    expect(value('flowsentry_records_rejected_total')).toBe(1);
    expect(page).toContain('flowsentry_checkpoint_seconds_count');
    expect(page).toContain('flowsentry_source_records_total{source="collected"} 2');
    expect(page).toContain('flowsentry_source_losses_total{source="collected"} 0');
    expect(page).toContain('flowsentry_coverage_flawed_records_total{reason="rejected"} 1');
    expect(page).toContain('flowsentry_detector_state{detector="segmentation",state="off"} 1');
    expect(await service.stop()).toBe(0);
    expect(service.logged()).toContainEqual(
      expect.objectContaining({ message: 'what the records cover', records: 2, rejected: 1 }),
    );
  });

  it('does not start where certificates would not be checked', async () => {
    const config = join(folder, 'insecure.yaml');
    writeFileSync(config, 'sources:\n  - {type: file, name: collected, paths: [logs]}\n');
    const { code, stderr } = await flowsentry(['run', '--config', config, '--data', join(folder, 'none')], {
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED=0');
  });

  it('says what is missing when no source is configured', async () => {
    const config = join(folder, 'empty.yaml');
    writeFileSync(config, 'ingest: {checkpoint: 1s}\n');
    const { code, stderr } = await flowsentry(['run', '--config', config, '--data', join(folder, 'none')]);
    expect(code).toBe(1);
    expect(stderr).toContain('names no sources');
  });
});
