import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openKafka } from '../../src/outbound/kafka.ts';
import { type Authority, createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-kafka-password-'));
const file = join(folder, 'password');
const write = (password: string) => writeFileSync(file, `${password}\n`, { mode: 0o600 });
let authority: Authority;
let broker: Broker;

beforeAll(async () => {
  authority = createAuthority(folder);
  broker = await startKafka(folder, authority);
});
afterAll(async () => {
  await broker?.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const open = () =>
  openKafka(
    {
      name: 'k',
      brokers: [broker.saslAddress],
      plaintext: false,
      tls: { ca: authority.certFile },
      sasl: { mechanism: 'scram-sha-512', username: 'reader', password: { file } },
    },
    'flowsentry-test',
    () => {},
    0,
  );

it('says at the start that there is no password', async () => {
  await expect(open()).rejects.toThrow('cannot read the password of Kafka');
});

it('takes a changed password at its next connection', async () => {
  await broker.setPassword('reader', 'first');
  write('first');
  const client = await open();
  const connect = async (): Promise<void> => {
    const admin = client.kafka.admin();
    try {
      await admin.connect();
    } finally {
      await admin.disconnect();
    }
  };
  const isTaken = () =>
    connect().then(
      () => true,
      () => false,
    );
  // A broker knows a password some moments after it was set.
  while (!(await isTaken())) await sleep(200);
  await broker.setPassword('reader', 'second');
  while (await isTaken()) await sleep(200);
  await expect(connect()).rejects.toThrow('invalid credentials');
  write('second');
  await connect();
  client.close();
});
