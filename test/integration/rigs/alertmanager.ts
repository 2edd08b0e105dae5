import { execFileSync, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../cli/service.ts';

const PROGRAM = '/usr/bin/prometheus-alertmanager';

/** An alert as its API shows it. */
export interface Shown {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
}

/** Debian's Alertmanager on loopback. */
export interface Alertmanager {
  readonly url: string;
  /** Alerts that fire there. */
  alerts(): Promise<Shown[]>;
  stop(): Promise<void>;
}

/** Installs it where it is missing, and starts it with an empty state in `folder`. */
export async function startAlertmanager(folder: string): Promise<Alertmanager> {
  if (!existsSync(PROGRAM))
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'prometheus-alertmanager'], {
      stdio: 'ignore',
    });
  const config = join(folder, 'alertmanager.yml');
  writeFileSync(config, 'route: {receiver: nobody}\nreceivers: [{name: nobody}]\n');
  const port = await freePort();
  const child = spawn(
    PROGRAM,
    [
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'alertmanager')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`Alertmanager ended with ${child.exitCode}`);
    await sleep(100);
  }
  return {
    url,
    alerts: async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as Shown[],
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
