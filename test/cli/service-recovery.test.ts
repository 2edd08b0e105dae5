import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newToken } from '../../src/serve/auth.ts';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, holds, startRun } from './service.ts';

const folder = temporaryFolder();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
const line = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`;

describe('flowsentry run', () => {
  it('takes a changed configuration at SIGHUP, and keeps the old one when the new one is wrong', async () => {
    const root = join(folder, 'reload');
    const service = startRun(root, SOURCE);
    const config = join(root, 'flowsentry.yaml');
    const old = readFileSync(config, 'utf8');
    await service.saying('running');
    appendFileSync(join(service.logs, 'a.log'), line);
    await holds(service.data, 1);

    writeFileSync(config, old.replace('type: file', 'type: none'));
    service.child.kill('SIGHUP');
    await service.saying('the new configuration is not taken, the old one stays');
    // Well written, but it cannot be opened.
    writeFileSync(join(root, 'policy.yaml'), 'zones: 5\n');
    writeFileSync(config, `${old}policy: policy.yaml\n`);
    service.child.kill('SIGHUP');
    const refused = () =>
      service
        .logged()
        .filter(({ message }) => message === 'the new configuration is not taken, the old one stays');
    while (refused().length < 2) await sleep(20);
    appendFileSync(join(service.logs, 'a.log'), line);
    await holds(service.data, 2);

    mkdirSync(join(root, 'more'));
    writeFileSync(join(root, 'more', 'b.log'), line);
    writeFileSync(config, `${old}`.replace('paths: [logs]', 'paths: [logs, more]'));
    service.child.kill('SIGHUP');
    await holds(service.data, 3);
    expect(await service.stop()).toBe(0);
    expect(service.logged().findLast(({ message }) => message === 'checkpoint written')).toMatchObject({
      received: 3,
      stored: 3,
      duplicate: 0,
    });
  });

  it('takes the tokens of a new configuration when it has opened it, and none of one that it refuses', async () => {
    const [old, next] = [newToken(), newToken()];
    const root = join(folder, 'tokens');
    const port = await freePort();
    const serve = ({ hash }: { hash: string }) =>
      `serve: {port: ${port}, tokens: [{name: prometheus, role: viewer, hash: "${hash}"}]}\n`;
    const service = startRun(root, SOURCE, serve(old));
    const statuses = () =>
      Promise.all(
        [old, next].map(async ({ token }) => {
          const headers = { authorization: `Bearer ${token}` };
          return (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).status;
        }),
      );
    await service.saying('running');
    expect(await statuses()).toEqual([200, 401]);

    const config = join(root, 'flowsentry.yaml');
    const changed = readFileSync(config, 'utf8').replace(serve(old), serve(next));
    // Well written, but it cannot be opened.
    writeFileSync(join(root, 'policy.yaml'), 'zones: 5\n');
    writeFileSync(config, `${changed}policy: policy.yaml\n`);
    service.child.kill('SIGHUP');
    await service.saying('the new configuration is not taken, the old one stays');
    expect(await statuses()).toEqual([200, 401]);

    const runs = () => service.logged().filter(({ message }) => message === 'running').length;
    while (runs() < 2) await sleep(20);
    writeFileSync(config, changed);
    service.child.kill('SIGHUP');
    while (runs() < 3) await sleep(20);
    expect(await statuses()).toEqual([401, 200]);
    expect(await service.stop()).toBe(0);
  });

  it('goes back to the last configuration that it could open, not to one that it has only read', async () => {
    const root = join(folder, 'twice');
    const service = startRun(root, SOURCE);
    const config = join(root, 'flowsentry.yaml');
    const old = readFileSync(config, 'utf8');
    const said = (message: string) => service.logged().filter((line) => line.message === message);
    appendFileSync(join(service.logs, 'a.log'), line);
    await holds(service.data, 1);

    const history = join(service.data, 'history');
    renameSync(history, join(root, 'away'));
    writeFileSync(history, 'in the way');
    const renamed = old.replace('name: collected', 'name: renamed');
    writeFileSync(config, renamed);
    service.child.kill('SIGHUP');
    await service.saying('the configuration was read anew');
    await service.saying('a failure: what came since the last checkpoint is read again');
    writeFileSync(join(root, 'policy.yaml'), 'zones: 5\n');
    writeFileSync(config, `${renamed}policy: policy.yaml\n`);
    service.child.kill('SIGHUP');
    await service.saying('the new configuration is not taken, the old one stays');
    rmSync(history);
    renameSync(join(root, 'away'), history);
    while (said('running').length < 2) await sleep(20);
    expect(said('running').map(({ sources }) => sources)).toEqual(['collected', 'collected']);
    expect(await service.stop()).toBe(0);
  });

  it('ends when it is told to, at whatever moment of its start that is', async () => {
    const codes = new Set<number | string | null>();
    for (let i = 0; i < 16; i++) {
      const service = startRun(join(folder, 'early'), SOURCE);
      await sleep(i * 40);
      service.child.kill('SIGTERM');
      codes.add((await service.ended) ?? service.child.signalCode);
    }
    // Before Node runs the program the signal ends it, before the command begins that does with 130, then the command with 0.
    for (const code of codes) expect(['SIGTERM', 130, 0]).toContain(code);
  });

  it('pauses while the disk is nearly full, says so, and goes on by itself', async () => {
    const root = join(folder, 'full');
    const port = await freePort();
    const service = startRun(root, SOURCE, `serve: {port: ${port}}\nhistory: {reserve: 1000000TB}\n`);
    const config = join(root, 'flowsentry.yaml');
    await service.saying('the disk is nearly full: reading pauses until there is room');
    writeFileSync(join(service.logs, 'a.log'), line);
    await service.saying('running');
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('disk');
    expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain(
      'flowsentry_ingest_paused{reason="disk"} 1',
    );
    expect(service.logged().some(({ message }) => message === 'checkpoint written')).toBe(false);
    writeFileSync(config, readFileSync(config, 'utf8').replace('1000000TB', '1MB'));
    service.child.kill('SIGHUP');
    await holds(service.data, 1);
    while ((await fetch(`http://127.0.0.1:${port}/readyz`)).status !== 200) await sleep(50);
    expect(await service.stop()).toBe(0);
  });

  it('goes on from the last checkpoint when the history could not be written for a while', async () => {
    const root = join(folder, 'failing');
    const port = await freePort();
    const service = startRun(root, SOURCE, `serve: {port: ${port}}\n`);
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    const history = join(service.data, 'history');
    appendFileSync(join(service.logs, 'a.log'), line);
    await holds(service.data, 1);
    renameSync(history, join(root, 'away'));
    writeFileSync(history, 'in the way');
    appendFileSync(join(service.logs, 'a.log'), `${line}not a record\n`);
    await service.saying('a failure: what came since the last checkpoint is read again');
    expect(await ready()).toBe(503);
    rmSync(history);
    renameSync(join(root, 'away'), history);
    await holds(service.data, 2);
    while ((await ready()) !== 200) await sleep(50);
    expect(await service.stop()).toBe(0);
    expect(service.logged().findLast(({ message }) => message === 'checkpoint written')).toMatchObject({
      received: 3,
      stored: 2,
      rejected: 1,
      duplicate: 0,
    });
  });
});
