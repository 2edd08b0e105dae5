import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { temporaryFolder } from '../cli/run.ts';
import { rowsOf, startRun } from '../cli/service.ts';
import { simulated } from './kills.ts';
import { createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

/** Can be raised for a release. */
const CHANGES = Number(process.env.FLOWSENTRY_CHANGES ?? 8);
const RECORDS = Number(process.env.FLOWSENTRY_CHANGE_RECORDS ?? 24_000);
const MEMBERS = 3;
/** Changes of members for one of the brokers. */
const CHANGES_A_BROKER = Number(process.env.FLOWSENTRY_CHANGES_A_BROKER ?? 4);
/** Milliseconds without a new row after which nothing is expected any more: far above a session that has to end. */
const STUCK_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-group-'));
let broker: Broker;

beforeAll(async () => {
  broker = await startKafka(folder, createAuthority(folder), 2);
});
afterAll(async () => {
  await broker?.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A worker through all its lives. */
interface Member {
  readonly name: string;
  service: ReturnType<typeof startRun>;
  /** What it logged in lives that are over. */
  before: string[];
}

type Rows = { n: number; sum: string };

/** Rows that are durable, without a question to the history: that takes a process. */
async function countOf(data: string): Promise<number> {
  const { segments } = (await readManifest(data)) ?? { segments: [] };
  return segments.filter(({ table }) => table === 'flows').reduce((sum, { rows }) => sum + rows, 0);
}

/** Waits until the members have stored that many rows together; tells what each has and last said when none came for long. */
async function allStore(members: readonly Member[], rows: number): Promise<void> {
  let most = 0;
  let since = performance.now();
  for (;;) {
    const counts = await Promise.all(members.map(({ service }) => countOf(service.data)));
    const sum = counts.reduce((a, b) => a + b, 0);
    if (sum >= rows) return;
    if (sum > most) since = performance.now();
    most = Math.max(most, sum);
    if (performance.now() - since > STUCK_MS) {
      const told = members.map(
        (member, i) => `${member.name}: ${counts[i]} rows\n${lastLines(member).join('\n')}`,
      );
      throw new Error(`${sum} of ${rows} rows, and none came for ${STUCK_MS / 1000} s\n${told.join('\n')}`);
    }
    await sleep(200);
  }
}

function lastLines({ before, service }: Pick<Member, 'before' | 'service'>): string[] {
  return [...before, ...service.logged().map((line) => JSON.stringify(line))].slice(-40);
}

/** Rows that members stored, and the sum of their hashes: it does not depend on who stored which. */
async function total(folders: readonly string[]): Promise<Rows> {
  const columns =
    'interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start, "end", action';
  let n = 0;
  let sum = 0n;
  for (const data of folders) {
    const [row] = (await rowsOf(
      data,
      `SELECT count(*)::INT AS n, coalesce(sum(hash(${columns})), 0)::VARCHAR AS sum FROM flows`,
    )) as [Rows];
    n += row.n;
    sum += BigInt(row.sum);
  }
  return { n, sum: String(sum) };
}

/** What happens to the brokers, one after the other. */
function troubles({ second }: Broker): readonly (readonly [what: string, trouble: () => Promise<void>])[] {
  const away = async (node: Pick<Broker, 'stop' | 'start'>, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    await node.stop(signal);
    await node.start();
  };
  if (second === undefined) throw new Error('it takes two brokers');
  return [
    ['coordinator moved', () => broker.moveCoordinator('workers')],
    ['broker stopped and started', () => away(second, 'SIGTERM')],
    ['broker killed and started', () => away(second, 'SIGKILL')],
    [
      'all brokers stopped and started',
      async () => {
        await broker.stop('SIGTERM');
        // Neither has all leaders without the other.
        await Promise.all([broker.start(), second.start()]);
      },
    ],
  ];
}

describe('workers that share a consumer group', () => {
  it(
    'store every record once, however often members come, leave and are killed and brokers go',
    async () => {
      const root = temporaryFolder();
      const lines = await simulated(root, RECORDS, 9);
      await broker.createTopic('shared', 6);
      const put = async (some: readonly string[]) => {
        // It repeats what a broker did not answer, and the brokers know it again.
        const producer = broker.kafka.producer({
          idempotent: true,
          retry: { retries: 50, maxRetryTime: 3000 },
        });
        await producer.connect();
        for (let i = 0; i < some.length; i += 5000)
          await producer.send({
            topic: 'shared',
            compression: kafkajs.CompressionTypes.GZIP,
            messages: some.slice(i, i + 5000).map((value) => ({ value, key: value.split(' ')[2] ?? null })),
          });
        await producer.disconnect();
      };
      const start = (name: string, groupId: string) =>
        startRun(
          join(root, name),
          `- {type: kafka, name: k, brokers: ['${broker.addresses.join("', '")}'], plaintext: true, topics: [shared], groupId: ${groupId}, sessionTimeout: 6}`,
        );

      const members = Array.from({ length: MEMBERS }, (_, i): Member => {
        const name = `member-${i}`;
        return { name, service: start(name, 'workers'), before: [] };
      });
      const random = new Random(4, 'changes');
      const ended: (number | null)[] = [];
      const happened = new Map<string, number>();
      let trouble: Promise<void> = Promise.resolve();
      for (let i = 0; i < CHANGES; i++) {
        await trouble;
        await put(
          lines.slice(Math.floor((i * RECORDS) / CHANGES), Math.floor(((i + 1) * RECORDS) / CHANGES)),
        );
        await sleep(random.int(2000));
        if (i % CHANGES_A_BROKER === CHANGES_A_BROKER - 2) {
          // Members come and go meanwhile.
          const all = troubles(broker);
          const [what, begin] = all[happened.size < all.length ? happened.size : random.int(all.length)]!;
          happened.set(what, (happened.get(what) ?? 0) + 1);
          trouble = begin();
        }
        const member = members[random.int(MEMBERS)]!;
        if (random.unit() < 0.5) {
          member.service.child.kill('SIGKILL');
          await member.service.ended;
        } else ended.push(await member.service.stop());
        member.before = lastLines(member);
        if (random.unit() < 0.5) await sleep(random.int(2000));
        member.service = start(member.name, 'workers');
      }
      await trouble;
      const fed = performance.now();
      await allStore(members, RECORDS);
      const settled = Math.round(performance.now() - fed);
      const whole: Member = { name: 'whole', service: start('whole', 'alone'), before: [] };
      await allStore([whole], RECORDS);
      for (const { service } of [...members, whole]) ended.push(await service.stop());
      const others = [...happened].map(([what, times]) => `${what} ${times}`).join(', ');
      process.stderr.write(`${CHANGES} changes, ${others}; all stored ${settled} ms after the last\n`);
      const folders = members.map(({ service }) => service.data);
      expect(await total(folders)).toEqual(await total([whole.service.data]));
      // One that is told to end while it starts has nothing to make durable.
      for (const code of ended) expect([0, 130, null]).toContain(code);
      // It ends by itself when nothing goes on; this is for a machine on which everything does, slowly.
    },
    300_000 + CHANGES * 60_000,
  );
});
