import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { temporaryFolder } from '../cli/run.ts';
import { rowsOf, startRun } from '../cli/service.ts';
import { simulated } from './kills.ts';
import { createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

/** Both can be raised for a release. */
const CHANGES = Number(process.env.FLOWSENTRY_CHANGES ?? 10);
const RECORDS = Number(process.env.FLOWSENTRY_CHANGE_RECORDS ?? 30_000);
const MEMBERS = 3;

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-group-'));
let broker: Broker;

beforeAll(async () => {
  broker = await startKafka(folder, createAuthority(folder));
});
afterAll(async () => {
  await broker?.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

type Rows = { n: number; sum: string };

/** Rows that a member stored, and the sum of their hashes: it does not depend on who stored which. */
async function rowsIn(data: string): Promise<Rows> {
  const columns =
    'interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start, "end", action';
  const [row] = (await rowsOf(
    data,
    `SELECT count(*)::INT AS n, coalesce(sum(hash(${columns})), 0)::VARCHAR AS sum FROM flows`,
  ).catch(() => [])) as Rows[];
  return row ?? { n: 0, sum: '0' };
}

async function total(folders: readonly string[]): Promise<Rows> {
  let n = 0;
  let sum = 0n;
  for (const data of folders) {
    const rows = await rowsIn(data);
    n += rows.n;
    sum += BigInt(rows.sum);
  }
  return { n, sum: String(sum) };
}

describe('workers that share a consumer group', () => {
  it('store every record once, however often members come, leave and are killed', async () => {
    const root = temporaryFolder();
    const lines = await simulated(root, RECORDS, 9);
    const admin = broker.kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 6 }], waitForLeaders: true });
    const producer = broker.kafka.producer();
    await producer.connect();
    const put = async (some: readonly string[]) => {
      for (let i = 0; i < some.length; i += 5000)
        await producer.send({
          topic: 'shared',
          compression: kafkajs.CompressionTypes.GZIP,
          messages: some.slice(i, i + 5000).map((value) => ({ value, key: value.split(' ')[2] ?? null })),
        });
    };
    const start = (name: string, groupId: string) =>
      startRun(
        join(root, name),
        `- {type: kafka, name: k, brokers: ['${broker.address}'], plaintext: true, topics: [shared], groupId: ${groupId}, sessionTimeout: 6}`,
      );

    const names = Array.from({ length: MEMBERS }, (_, i) => `member-${i}`);
    const members = names.map((name) => start(name, 'workers'));
    const random = new Random(4, 'changes');
    const ended: (number | null)[] = [];
    for (let i = 0; i < CHANGES; i++) {
      await put(lines.slice(Math.floor((i * RECORDS) / CHANGES), Math.floor(((i + 1) * RECORDS) / CHANGES)));
      await sleep(random.int(4000));
      const at = random.int(MEMBERS);
      if (random.unit() < 0.5) {
        members[at]!.child.kill('SIGKILL');
        await members[at]!.ended;
      } else ended.push(await members[at]!.stop());
      if (random.unit() < 0.5) await sleep(random.int(3000));
      members[at] = start(names[at]!, 'workers');
    }
    const folders = names.map((name) => join(root, name, 'data'));
    while ((await total(folders)).n < RECORDS) await sleep(500);
    const whole = start('whole', 'alone');
    while ((await rowsIn(whole.data)).n < RECORDS) await sleep(300);
    for (const service of [...members, whole]) ended.push(await service.stop());
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    expect(await total(folders)).toEqual(await total([whole.data]));
    // One that is told to end while it starts has nothing to make durable.
    for (const code of ended) expect([0, 130, null]).toContain(code);
  });
});
