import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../cli/service.ts';
import { pythonEnvironment } from './deploy-tools.ts';

const VERSION = '3.0.0';
const COLLECTION = '91a7b528-80eb-42ed-a74d-c6fbd5a26116';
const MEDIA = 'application/taxii+json;version=2.1';

/** OASIS's own TAXII 2.1 server on loopback, in memory, with one collection. It speaks HTTP only. */
export interface Medallion {
  readonly origin: string;
  /** Path of the collection. */
  readonly collection: string;
  readonly user: string;
  readonly password: string;
  /** Adds STIX objects, as a publisher does. */
  add(objects: readonly object[]): Promise<void>;
  stop(): Promise<void>;
}

/** Installs it into a folder that later runs find, and starts it with pages of at most `pageSize` objects. */
export async function startMedallion(pageSize: number): Promise<Medallion> {
  const server = join(pythonEnvironment(`medallion-${VERSION}`, [`medallion==${VERSION}`]), 'bin/medallion');
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'flowsentry-medallion-'));
  const user = 'reader';
  const password = 'hunter2';
  const media = { media_types: ['application/stix+json;version=2.1'] };
  const collection = { id: COLLECTION, title: 'bad', can_read: true, can_write: true, ...media };
  const information = { title: 'api', versions: [MEDIA], max_content_length: 9_765_625 };
  const data = {
    '/discovery': { title: 'test', api_roots: [`http://127.0.0.1:${port}/api1/`] },
    api1: { information, status: [], collections: [{ ...collection, manifest: [], objects: [] }] },
  };
  await writeFile(join(folder, 'data.json'), JSON.stringify(data));
  const backend = {
    module: 'medallion.backends.memory_backend',
    module_class: 'MemoryBackend',
    filename: join(folder, 'data.json'),
  };
  const config = { backend, users: { [user]: password }, taxii: { max_page_size: pageSize } };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const args = ['--host', '127.0.0.1', '--port', String(port), join(folder, 'config.json')];
  const child = spawn(server, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const origin = `http://127.0.0.1:${port}`;
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const headers = { authorization, accept: MEDIA, 'content-type': MEDIA };
  while (
    !(await fetch(`${origin}/taxii2/`, { headers }).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`medallion ended with ${child.exitCode}`);
    await sleep(100);
  }
  return {
    ...{ origin, collection: `/api1/collections/${COLLECTION}/`, user, password },
    async add(objects) {
      const url = `${origin}/api1/collections/${COLLECTION}/objects/`;
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ objects }) });
      if (answer.status !== 202) throw new Error(`medallion: ${answer.status}: ${await answer.text()}`);
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
