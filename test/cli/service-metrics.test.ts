import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, holds, startRun } from './service.ts';

const folder = temporaryFolder();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
/** A leap in time is believed when so many records stand behind it. */
const BELIEVED = 40;
const scrape = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

describe('metrics of flowsentry run', () => {
  it('show each source from the start, also one that has been silent since', async () => {
    const start = async () => {
      const port = await freePort();
      return { port, service: startRun(join(folder, 'silent'), SOURCE, `serve: {port: ${port}}\n`) };
    };
    const first = await start();
    await first.service.saying('running');
    const line = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`;
    writeFileSync(join(first.service.logs, 'a.log'), line.repeat(BELIEVED));
    await holds(first.service.data, BELIEVED);
    expect(await first.service.stop()).toBe(0);

    const second = await start();
    await second.service.saying('running');
    const page = await scrape(second.port);
    expect(await second.service.stop()).toBe(0);
    expect(page).toContain('flowsentry_source_records_total{source="collected"} 0\n');
    expect(page).toContain('flowsentry_source_losses_total{source="collected"} 0\n');
    expect(page).toMatch(/^flowsentry_source_lag_seconds\{source="collected"\} \d+/m);
  });
});
