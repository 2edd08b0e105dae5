import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { logLine, temporaryFolder } from './run.ts';
import { lists, startRun } from './service.ts';

const root = temporaryFolder();
const HOUR = 3600;

/** An hour of records, one a minute. */
const hour = (src: string, hours: number): string =>
  Array.from(
    { length: 60 },
    (_, i) => `${logLine(src, '10.0.9.9', 443, 'ACCEPT', hours * HOUR + i * 60)}\n`,
  ).join('');
/** One that tries sixty ports of another in the minute before. */
const scan = (src: string, hours: number): string =>
  Array.from(
    { length: 60 },
    (_, i) => `${logLine(src, '10.0.2.9', 1000 + i, 'REJECT', hours * HOUR - 60)}\n`,
  ).join('');

/** Two sources, of which each is waited for so long. */
const start = (idle: string) =>
  startRun(
    root,
    ['busy', 'idle']
      .map((name) => `- {type: file, name: ${name}, paths: [${name}], interval: 0.05, idle: ${idle}}`)
      .join('\n  '),
  );

/** Waits until a scan by this host was found: only when event time has passed it. */
async function isFound(data: string, subject: string): Promise<void> {
  const alerts = async () => (await readManifest(data).catch(() => undefined))?.alerts ?? [];
  while (!(await alerts()).some((alert) => alert.subject === subject)) await sleep(50);
}

it('a source that was silent before a restart is waited for until it has caught up, and no longer', async () => {
  const folder = (name: string) => join(root, name);
  for (const name of ['busy', 'idle']) mkdirSync(folder(name), { recursive: true });
  writeFileSync(join(folder('busy'), '0.log'), hour('10.0.1.1', 0));
  writeFileSync(join(folder('idle'), '0.log'), hour('10.0.1.2', 0));
  let service = start('1s');
  await lists(service.data, 120);
  writeFileSync(join(folder('busy'), '1.log'), scan('10.0.1.3', 1) + hour('10.0.1.1', 1));
  await isFound(service.data, '10.0.1.3');
  expect(await service.stop()).toBe(0);

  // Waited for as long as that, the scan would not be found in time.
  service = start('1h');
  await service.saying('running');
  writeFileSync(join(folder('busy'), '2.log'), scan('10.0.1.4', 2) + hour('10.0.1.1', 2));
  await isFound(service.data, '10.0.1.4');
  expect(await service.stop()).toBe(0);

  // What came meanwhile of the silent one is read last: a compressed file has to be complete.
  writeFileSync(
    join(folder('busy'), '3.log'),
    hour('10.0.1.1', 3) + hour('10.0.1.1', 4) + hour('10.0.1.1', 5),
  );
  writeFileSync(join(folder('idle'), '3.log.gz'), gzipSync(hour('10.0.1.2', 3) + hour('10.0.1.2', 4)));
  service = start('1h');
  await lists(service.data, 120 + 2 * 120 + 5 * 60);
  expect(await service.stop()).toBe(0);
  const last = service.logged().findLast(({ message }) => message === 'checkpoint written');
  expect(last).toMatchObject({ received: 300, stored: 300, late: 0 });
});
