import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BIN, flowsentry, logLine, temporaryFolder } from './run.ts';

const folder = temporaryFolder();

/** Starts a replay that takes a while and waits until it holds its data folder. */
async function startReplay(name: string) {
  const log = join(folder, `${name}.log`);
  const line = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`;
  writeFileSync(log, line.repeat(2_000_000));
  const data = join(folder, name);
  const child = spawn(process.execPath, [BIN, 'replay', log, '--data', data, '--json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, stderr })),
  );
  while (!existsSync(join(data, 'flowsentry.lock')) && child.exitCode === null) await sleep(10);
  return { child, ended, data, log };
}

describe('flowsentry replay at work', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends with 130 at %s and goes on when it is run again',
    async (signal) => {
      const { child, ended, data, log } = await startReplay(signal);
      child.kill(signal);
      expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('interrupted') });
      const { code, stdout } = await flowsentry(['replay', log, '--data', data, '--json']);
      expect(code).toBe(0);
      const { received, stored, rejected, duplicate, late, filtered } = JSON.parse(stdout);
      expect(received).toBe(2_000_000);
      expect(stored + rejected + duplicate + late + filtered).toBe(received);
    },
  );

  it('holds its data folder against another one', async () => {
    const { child, ended, data, log } = await startReplay('held');
    const second = await flowsentry(['replay', log, '--data', data]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`process ${child.pid} holds it`);
    child.kill('SIGINT');
    await ended;
  });
});
