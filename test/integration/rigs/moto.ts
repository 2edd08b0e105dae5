import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../cli/service.ts';
import { pythonEnvironment } from './deploy-tools.ts';

const VERSION = '5.2.5';

/** moto's server: AWS's APIs on loopback, in memory. */
export interface Moto {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Credentials that any client and any process started from now on uses. */
export function pretendCredentials(): void {
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
}

/** Installs it into a folder that later runs find, and starts it. */
export async function startMoto(): Promise<Moto> {
  pretendCredentials();
  const server = join(
    pythonEnvironment(`moto-${VERSION}`, [`moto[server,s3,sqs,ec2,logs]==${VERSION}`]),
    'bin/moto_server',
  );
  const port = await freePort();
  const child = spawn(server, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${endpoint}/moto-api/`).then(
      (response) => response.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`moto's server ended with ${child.exitCode}`);
    await sleep(100);
  }
  return {
    endpoint,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
