import { appendFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, holds, startRun } from './service.ts';

const folder = temporaryFolder();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
/** A leap in time is believed when so many records stand behind it. */
const BELIEVED = 40;
const LINE = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`;
const services: ReturnType<typeof startRun>[] = [];
// What a failed test left behind.
afterAll(() => {
  for (const { child } of services) child.kill('SIGKILL');
});

async function start(name: string, more = '') {
  const port = await freePort();
  const service = startRun(join(folder, name), SOURCE, `serve: {port: ${port}}\n${more}`);
  services.push(service);
  await service.saying('running');
  return { port, service };
}

const scrape = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

describe('metrics of flowsentry run', () => {
  it('show each source from the start, also one that has been silent since', async () => {
    const first = await start('silent');
    writeFileSync(join(first.service.logs, 'a.log'), LINE.repeat(BELIEVED));
    await holds(first.service.data, BELIEVED);
    expect(await first.service.stop()).toBe(0);

    const second = await start('silent');
    const page = await scrape(second.port);
    expect(await second.service.stop()).toBe(0);
    expect(page).toContain('flowsentry_source_records_total{source="collected"} 0\n');
    expect(page).toContain('flowsentry_source_losses_total{source="collected"} 0\n');
    expect(page).toMatch(/^flowsentry_source_lag_seconds\{source="collected"\} \d+/m);
  });

  // The alert FlowsentryCheckpointMissing relies on it.
  it('show that records are read, but that no checkpoint succeeds any more', async () => {
    const { port, service } = await start('failing');
    expect(await scrape(port)).toContain('flowsentry_checkpoint_seconds_count 0\n');
    const log = join(service.logs, 'a.log');
    writeFileSync(log, LINE);
    await holds(service.data, 1);
    const inTheWay = join(service.data, 'history/flows/date=2026-01-05/hour=05');
    // A file would be taken for an orphan and go with the next life.
    symlinkSync('nowhere', inTheWay);
    appendFileSync(log, `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT', 5 * 3600)}\n`);
    const counts = async (failures: number) => {
      const failed = () => service.logged().filter(({ message }) => String(message).startsWith('a failure:'));
      while (failed().length < failures) await sleep(50);
      const page = await scrape(port);
      const of = (name: string) =>
        Number(
          page
            .split('\n')
            .find((line) => line.startsWith(name))
            ?.split(' ')[1],
        );
      return {
        checkpoints: of('flowsentry_checkpoint_seconds_count'),
        received: of('flowsentry_records_received_total'),
        read: of('flowsentry_source_records_total{source="collected"}'),
      };
    };
    const once = await counts(1);
    const often = await counts(3);
    expect(once.received).toBe(1);
    expect(often).toEqual({ ...once, read: often.read });
    expect(often.read).toBeGreaterThanOrEqual(once.read + 2);
    rmSync(inTheWay);
    await holds(service.data, 2);
    expect(await service.stop()).toBe(0);
  });
});
