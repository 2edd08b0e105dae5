import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { contacts, listed } from './many-alerts.ts';
import { BIN, temporaryFolder } from './run.ts';

/** More than a pipe and who reads it hold. */
const ALERTS = 600;

describe('alerts on standard output', () => {
  it('are printed by the next process where one ended between the checkpoint and the line', async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'logs'));
    const config = join(root, 'flowsentry.yaml');
    const sources = 'sources: [{type: file, name: collected, paths: [logs], interval: 0.05}]\n';
    writeFileSync(config, `${sources}ingest: {checkpoint: 0.1s}\n${listed(root)}`);
    writeFileSync(join(root, 'logs', 'a.log'), contacts(1, ALERTS + 1, 0));
    const data = join(root, 'data');
    const start = () =>
      spawn(process.execPath, [BIN, 'run', '--config', config, '--data', data], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const printed = new Set<string>();
    const read = (child: ReturnType<typeof start>): void => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        const lines = `${text}${part}`.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) printed.add((JSON.parse(line) as { subject: string }).subject);
      });
    };

    // Nobody reads.
    const killed = start();
    while (((await readManifest(data).catch(() => undefined))?.alerts.length ?? 0) < ALERTS) await sleep(50);
    await sleep(500);
    killed.kill('SIGKILL');
    read(killed);
    await once(killed, 'close');
    expect(printed.size).toBeLessThan(ALERTS);

    const next = start();
    read(next);
    while (printed.size < ALERTS) await sleep(50);
    next.kill('SIGTERM');
    expect(await once(next, 'close')).toEqual([0, null]);

    // Printed once, they are not printed again.
    const last = start();
    let more = '';
    last.stdout.setEncoding('utf8').on('data', (part: string) => (more += part));
    await sleep(1500);
    last.kill('SIGTERM');
    await once(last, 'close');
    expect(more).toBe('');
  });
});
