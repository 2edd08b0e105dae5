import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { BIN, flowsentry } from './run.ts';

/** `flowsentry run` on a folder of its own with one source (a line of YAML) and `more` settings, followed through its log. */
export function startRun(
  root: string,
  source: string,
  more = '',
  env: NodeJS.ProcessEnv = {},
  checkpoint = '0.1s',
  /** What the process is started through. */
  prefix: readonly string[] = [],
) {
  mkdirSync(join(root, 'logs'), { recursive: true });
  const config = join(root, 'flowsentry.yaml');
  writeFileSync(config, `sources:\n  ${source}\ningest: {checkpoint: ${checkpoint}}\n${more}`);
  const data = join(root, 'data');
  const [command = '', ...args] = [
    ...prefix,
    process.execPath,
    BIN,
    'run',
    '--config',
    config,
    '--data',
    data,
  ];
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  const began = Date.now();
  let stderr = '';
  let stdout = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const logged = (): Record<string, unknown>[] =>
    stderr
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line));
  return {
    data,
    logs: join(root, 'logs'),
    child,
    ended,
    logged,
    stderr: () => stderr,
    /** Milliseconds from the start to the first checkpoint; empty when there was none. */
    recovery: (): number[] =>
      logged()
        .filter(({ message }) => message === 'checkpoint written')
        .slice(0, 1)
        .map(({ time }) => Date.parse(String(time)) - began),
    alerts: () => stdout.trim().split('\n'),
    /** Waits for a log line. */
    async saying(message: string): Promise<void> {
      while (!logged().some((line) => line.message === message)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`ended with ${child.exitCode ?? child.signalCode}: ${stderr}`);
        await sleep(20);
      }
    },
    async stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** What a query on the history gives. */
export async function rowsOf(data: string, sql: string): Promise<unknown[]> {
  const { code, stdout, stderr } = await flowsentry(['query', '--data', data, '--json', sql]);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Waits until the history holds that many rows. */
export async function holds(data: string, rows: number): Promise<void> {
  for (;;) {
    const found = await rowsOf(data, 'SELECT count(*)::INT AS n FROM flows').catch(() => []);
    if ((found[0] as { n?: number } | undefined)?.n === rows) return;
    await sleep(200);
  }
}

/** Waits until the manifest lists files with that many rows of flows: cheaper than to ask for them. */
export async function lists(data: string, rows: number): Promise<void> {
  for (;;) {
    const manifest = await readManifest(data).catch(() => undefined);
    const flows = manifest?.segments.filter(({ table }) => table === 'flows') ?? [];
    if (flows.reduce((sum, segment) => sum + segment.rows, 0) === rows) return;
    await sleep(50);
  }
}

/** A port on loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
