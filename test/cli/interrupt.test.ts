import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
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
      expect(await ended).toMatchObject({
        code: 130,
        stderr: expect.stringContaining('the same command goes on'),
      });
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

describe('flowsentry query at work', () => {
  it.each([
    ['interrupted with its terminal', 'SIGINT', true, 130, '\ninterrupted\n'],
    ['told to end', 'SIGTERM', false, 130, '\ninterrupted\n'],
    ['killed', 'SIGKILL', false, null, ''],
  ] as const)('%s leaves no process and no file', async (name, signal, isGroup, code, said) => {
    const at = mkdtempSync(join(folder, 'query-'));
    const log = join(at, 'a.log');
    writeFileSync(log, `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`);
    const data = join(at, 'data');
    expect(await flowsentry(['replay', log, '--data', data])).toMatchObject({ code: 0 });
    const [spills, out] = [join(at, 'tmp'), join(at, 'out')];
    for (const each of [spills, out]) mkdirSync(each);
    const sql =
      'SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b WHERE a.range + b.range = 7';
    const args = ['--format', 'parquet', '--out', join(out, 'x.parquet'), '--timeout', '3600'];
    const child = spawn(process.execPath, [BIN, 'query', sql, '--data', data, ...args], {
      env: { PATH: process.env.PATH, TMPDIR: spills },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // What the process that asks the engine notes is there: it is at work.
    const hasBegun = () => readdirSync(spills).some((spill) => existsSync(join(spills, spill, 'reads')));
    while (!hasBegun() && child.exitCode === null) await sleep(10);
    const group = child.pid!;
    onTestFinished(() => {
      if (isAtWork(group)) process.kill(-group, 'SIGKILL');
    });
    process.kill(isGroup ? -group : group, signal);
    const [exit] = await ended;
    expect(exit, name).toBe(code);
    while (isAtWork(group)) await sleep(10);
    expect(stderr).toBe(said);
    expect([readdirSync(spills), readdirSync(out)]).toEqual([[], []]);
  });
});

/** Whether a process of the group is there that has not ended. */
function isAtWork(group: number): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, , of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(of) === group && state !== 'Z';
    } catch {
      return false;
    }
  });
}
