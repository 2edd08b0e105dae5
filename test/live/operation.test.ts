import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Status } from '../../src/live/operation.ts';
import { newToken } from '../../src/serve/auth.ts';

const at = (file: string) => JSON.stringify(join(import.meta.dirname, '../../src', file));

/** A process that serves its operation, and takes what it has to say of itself, or new options, from us. */
const SCRIPT = `
import { startOperation } from ${at('live/operation.ts')};
import { createMetrics } from ${at('live/metrics.ts')};
import { ServeOptions } from ${at('serve/options.ts')};
const metrics = createMetrics();
metrics.provide(() => ({ records: { received: 3, stored: 2, duplicate: 0, late: 1, filtered: 0, rejected: {} } }));
metrics.observeCheckpoint(0.2);
let status = { running: false, paused: [], mute: false };
const operation = await startOperation({
  serve: ServeOptions.parse(JSON.parse(process.env.SERVE)),
  metrics,
  status: () => status,
  log: (level, message, details) => process.send({ level, message, details }),
});
process.on('message', async ({ kind, value }) => {
  if (kind === 'status') status = value;
  if (kind === 'reload') await operation.reload(ServeOptions.parse(value));
  if (kind === 'end') {
    await operation[Symbol.asyncDispose]();
    process.disconnect();
  }
  process.connected && process.send({ done: kind });
});
process.send({ url: operation.url });
`;

const running: (() => void)[] = [];
afterEach(() => {
  for (const kill of running.splice(0)) kill();
});

async function start(serve: object = {}) {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', SCRIPT], {
    env: { PATH: process.env.PATH, SERVE: JSON.stringify({ port: 0, ...serve }) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  running.push(() => child.kill('SIGKILL'));
  const logged: { level: string; message: string; details: Record<string, unknown> }[] = [];
  const waiting = new Map<string, (value: string) => void>();
  const url = await new Promise<string>((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`ended with ${code}`)));
    child.on('message', (message: Record<string, never>) => {
      if ('url' in message) resolve(message.url);
      else if ('done' in message) waiting.get(message.done)?.('');
      else logged.push(message as never);
    });
  });
  const tell = (kind: string, value: unknown = null) =>
    new Promise<string>((resolve) => {
      waiting.set(kind, resolve);
      child.send({ kind, value });
    });
  return {
    url,
    logged,
    child,
    status: (value: Status) => tell('status', value),
    reload: (value: object) => tell('reload', { port: 0, ...serve, ...value }),
    async ask(path: string, headers: Record<string, string> = {}) {
      const response = await fetch(url + path, { headers });
      return { status: response.status, text: await response.text() };
    },
  };
}

describe('the operation of a service', () => {
  it('is alive at once, and ready while it runs and reads', async () => {
    const { ask, status } = await start();
    expect(await ask('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await ask('/readyz')).toEqual({ status: 503, text: 'not ready: not running\n' });
    await status({ running: true, paused: [], mute: false });
    expect(await ask('/readyz')).toEqual({ status: 200, text: 'ready\n' });
    await status({ running: true, paused: ['disk'], mute: false });
    expect(await ask('/readyz')).toEqual({ status: 503, text: 'not ready: disk\n' });
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('shows metrics of the service, of the server and of the process', async () => {
    const { ask, status } = await start();
    await status({ running: true, paused: ['disk'], mute: false });
    const { text } = await ask('/metrics');
    for (const line of [
      'flowsentry_records_total{outcome="stored"} 2',
      'flowsentry_loss_identity_error 0',
      'flowsentry_checkpoint_seconds_count 1',
      'flowsentry_ingest_paused{reason="disk"} 1',
      'flowsentry_http_connections 1',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
  });

  it('takes new tokens and drops old ones without a restart, and says what needs one', async () => {
    const [old, next] = [newToken(), newToken()];
    const tokens = ({ hash }: { hash: string }) => [{ name: 'prometheus', role: 'viewer', hash }];
    const { ask, reload, logged } = await start({ tokens: tokens(old) });
    const metrics = async ({ token }: { token: string }) =>
      (await ask('/metrics', { authorization: `Bearer ${token}` })).status;
    expect([await metrics(old), await metrics(next)]).toEqual([200, 401]);
    await reload({ tokens: tokens(next), maxConnections: 7 });
    expect([await metrics(old), await metrics(next)]).toEqual([401, 200]);
    expect(logged.find(({ message }) => message.endsWith('need a restart'))?.details).toEqual({
      settings: 'maxConnections',
    });
  });

  it('ends with the process it belongs to', async () => {
    const { child, url } = await start();
    child.send({ kind: 'end' });
    expect((await once(child, 'exit'))[0]).toBe(0);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});
