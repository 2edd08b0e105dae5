import { appendFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { logLine, temporaryFolder } from './run.ts';
import { holds, rowsOf, startRun } from './service.ts';

const folder = temporaryFolder();
const line = logLine('10.0.1.7', '10.0.2.9', 443, 'ACCEPT');

describe('flowsentry run', () => {
  it('alerts when a source lost data, from where to where, durably and mutable by its exception', async () => {
    const source = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
    const service = startRun(join(folder, 'loss'), source);
    const log = join(service.logs, 'now.log');
    appendFileSync(log, `${line}\n${line.slice(0, 40)}`);
    await holds(service.data, 1);
    // The begin of a line was seen and waits for its end.
    await sleep(500);
    truncateSync(log, 0);
    await service.saying('data is lost: it can no longer be read');
    while (service.alerts().join('') === '') await sleep(50);

    const [alert] = service.alerts().map((text) => JSON.parse(text));
    expect(alert).toMatchObject({
      detector: 'telemetry-loss',
      severity: 'high',
      state: 'firing',
      subject: 'collected',
      attack: ['T1685.002'],
      explanation: { from: line.length + 1, to: line.length + 41 },
    });
    expect(await service.stop()).toBe(0);
    const rows = await rowsOf(service.data, 'SELECT id FROM alerts');
    expect(rows).toEqual([{ id: alert.id }]);

    const muted = startRun(join(folder, 'muted'), source, alert.exception);
    appendFileSync(join(muted.logs, 'now.log'), `${line}\n${line.slice(0, 40)}`);
    await holds(muted.data, 1);
    await sleep(500);
    truncateSync(join(muted.logs, 'now.log'), 0);
    await muted.saying('data is lost: it can no longer be read');
    appendFileSync(join(muted.logs, 'now.log'), `${line}\n`);
    await holds(muted.data, 2);
    expect(await muted.stop()).toBe(0);
    expect(await rowsOf(muted.data, 'SELECT id FROM alerts')).toEqual([]);
  });
});
