import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { silentEndpoint } from '../reference/silent-endpoint.ts';
import { temporaryFolder } from './run.ts';
import { startRun } from './service.ts';

const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
/** Less than the 20 s that a first start waits for EC2, and than one attempt of the SDK, 30 s. */
const SOON_MS = 15_000;

it('a service reads its configuration anew, and ends, while EC2 does not answer', async () => {
  const ec2 = await silentEndpoint();
  const service = startRun(
    join(temporaryFolder(), 'service'),
    SOURCE,
    `inventory: {ec2: [{regions: [eu-central-1], endpoint: "${ec2.url}"}]}\n`,
    { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
  );
  onTestFinished(() => void service.child.kill('SIGKILL'));
  await ec2.connected();
  const again = ec2.connected();
  service.child.kill('SIGHUP');
  await service.saying('the configuration was read anew');
  await again;
  service.child.kill('SIGTERM');
  expect(await Promise.race([service.ended, sleep(SOON_MS, 'still there', { ref: false })])).toBe(0);
  // One of each life: what it was at is not tried again.
  expect(ec2.connections()).toBe(2);
});
