import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCluster } from '../../src/ingest/kafka/cluster.ts';
import { createFetcher } from '../../src/ingest/kafka/fetch.ts';
import { KafkaOptions } from '../../src/ingest/kafka/options.ts';
import { createKafkaSource } from '../../src/ingest/kafka/source.ts';
import type { Covered, Delivery, Resume, SourceEvents } from '../../src/ingest/source.ts';
import { logLine, temporaryFolder } from '../cli/run.ts';
import { killed, report } from './kills.ts';
import { type Authority, createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

/** Both can be raised for a release. */
const KILLS = Number(process.env.FLOWSENTRY_KILLS ?? 8);
const RECORDS = Number(process.env.FLOWSENTRY_KILL_RECORDS ?? 40_000);

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-kafka-'));
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

/** Lines with the interface of each as its key. */
async function put(topic: string, lines: readonly string[], compression = kafkajs.CompressionTypes.GZIP) {
  // It repeats what the broker was slow to answer, and the broker knows it again.
  const producer = broker.kafka.producer({ idempotent: true });
  await producer.connect();
  for (let i = 0; i < lines.length; i += 5000)
    await producer.send({
      topic,
      compression,
      messages: lines.slice(i, i + 5000).map((value) => ({ value, key: value.split(' ')[2] ?? null })),
    });
  await producer.disconnect();
}

/** Lines with their times, Unix milliseconds, to one partition. */
async function putAt(
  topic: string,
  partition: number,
  lines: readonly (readonly [text: string, time: number])[],
) {
  const producer = broker.kafka.producer({ idempotent: true });
  await producer.connect();
  const messages = lines.map(([value, time]) => ({ value, partition, timestamp: String(time) }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

async function asAdmin(task: (admin: kafkajs.Admin) => Promise<unknown>): Promise<void> {
  const admin = broker.kafka.admin();
  await admin.connect();
  await task(admin);
  await admin.disconnect();
}

/**
 * A topic that ends before what was read of it: six messages were, four are left, and the first of these two are dropped when `low` is 2. For a client
 * it is the picture of a log that was cut off: deleted, and written again as it was.
 */
async function cutOff(topic: string, low: number, instance = 'x') {
  const time = Date.now() - 600_000;
  const old = [1, 2, 3, 4, 5, 6].map((i) => [line(i), time + i] as const);
  await broker.createTopic(topic, 1);
  await putAt(topic, 0, old);
  const before = await read(topic, new Map(), (lines) => lines.length === 6, {}, false, instance);
  await makeAnew(topic);
  await putAt(topic, 0, old.slice(0, 4));
  if (low > 0) await drop(topic, low);
  return before.durable;
}

/** Sets the offset of the group that has the topic's name, as somebody else does it. */
const commitByHand = (topic: string, offset: number): Promise<void> => {
  const one = { partition: 0, offset: String(offset) };
  return asAdmin((admin) => admin.setOffsets({ groupId: topic, topic, partitions: [one] }));
};

/** Sets it as a member of ours does. */
async function claimAs(instance: string, topic: string, offset: number): Promise<void> {
  const partition = `${topic}/0`;
  const positions = new Map([[partition, { next: 0, done: false }]]);
  const resume = { instance, scratch: '', positions, ids: new Map() };
  const source = await createKafkaSource(optionsOf(topic), resume, SILENT);
  const stop = new AbortController();
  const reading = source.deliveries(stop.signal)[Symbol.asyncIterator]().next();
  await source.claim?.(1, [{ partition, from: 0, next: offset, done: false, floor: offset }]);
  stop.abort();
  await reading;
  await source.close();
}

/** Drops the messages before an offset. */
const drop = (topic: string, offset: number): Promise<void> =>
  asAdmin(async (admin) => {
    // It knows no topic that it was not asked for.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });

async function makeAnew(topic: string): Promise<void> {
  await asAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    while ((await admin.listTopics()).includes(topic)) await sleep(100);
  });
  await broker.createTopic(topic, 1);
}

const CUT_OFF = '6 to undefined: the broker lost its newest messages: the log was cut off';
const ANEW = '6 to undefined: the topic begins anew: it was deleted and made again';

const line = (i: number) => logLine('10.0.1.5', '10.0.2.9', 1000 + i, 'ACCEPT');
const textOf = ({ content }: Delivery): string[] =>
  content.kind === 'object'
    ? []
    : content.messages.flatMap((message) => Buffer.from(message).toString().trimEnd().split('\n'));

const optionsOf = (topic: string, more: object = {}): KafkaOptions =>
  KafkaOptions.parse({
    type: 'kafka',
    name: 'k',
    brokers: [broker.address],
    plaintext: true,
    topics: [topic],
    groupId: topic,
    sessionTimeout: 6,
    ...more,
  });

const SILENT: SourceEvents = { lanes() {}, caughtUp() {}, flush() {}, forget() {}, lost() {}, log() {} };

/** Reads, each delivery durable at once, until `isEnough`. */
async function read(
  topic: string,
  positions: Resume['positions'],
  isEnough: (lines: readonly string[], told: readonly string[], durable: Resume['positions']) => boolean,
  more: object = {},
  mayJump = false,
  instance = 'x',
) {
  const lines: string[] = [];
  const told: string[] = [];
  const durable = new Map(positions);
  const stop = new AbortController();
  const tell = (text: string): void => {
    told.push(text);
    if (isEnough(lines, told, durable)) stop.abort();
  };
  const source = await createKafkaSource(
    optionsOf(topic, more),
    { instance, scratch: '', positions, ids: new Map() },
    {
      lanes: (names) => tell(`lanes ${[...names].sort()}`),
      caughtUp: (lane) => tell(`caught up ${lane}`),
      flush: SILENT.flush,
      forget: SILENT.forget,
      lost: ({ from, to, reason }) => tell(`${from} to ${to}: ${reason}`),
      log: (_, message) => tell(message),
    },
  );
  let seq = 0;
  for await (const delivery of source.deliveries(stop.signal)) {
    lines.push(...textOf(delivery));
    const { partition, from, to = 0, note } = delivery;
    const before = durable.get(partition)?.next;
    if (before !== undefined && !mayJump) expect(from).toBe(before);
    durable.set(partition, { next: to, done: false, note });
    const covered: Covered = { partition, from, next: to, done: false, floor: to };
    await source.claim?.(++seq, [covered]);
    if (isEnough(lines, told, durable)) stop.abort();
  }
  await source.close();
  return { lines, told, durable };
}

describe('the kafka source', () => {
  it('reads every compression, and goes on where it was', async () => {
    await broker.createTopic('codecs', 3);
    await put('codecs', [line(1)], kafkajs.CompressionTypes.None);
    const first = await read('codecs', new Map(), (lines) => lines.length === 1);
    const all = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
    const many = (base: number) => Array.from({ length: 500 }, (_, i) => line(base + i));
    for (const [i, compression] of all.entries())
      await broker.produce('codecs', compression, many(1000 * (i + 1)));
    const second = await read('codecs', first.durable, (lines) => lines.length === 2500);
    expect(second.lines.sort()).toEqual(all.flatMap((_, i) => many(1000 * (i + 1))).sort());
    expect(first.lines).toEqual([line(1)]);
  });

  it('says when it has caught up, also of partitions without messages', async () => {
    await broker.createTopic('idle', 2);
    await put('idle', [line(1)]);
    const both = (told: readonly string[]) =>
      ['idle/0', 'idle/1'].every((lane) => told.includes(`caught up ${lane}`));
    const { told, lines } = await read('idle', new Map(), (found, said) => found.length === 1 && both(said));
    expect(told).toContain('lanes idle/0,idle/1');
    expect(lines).toEqual([line(1)]);
  });

  it('takes its own position for what counts, not the offsets of the group', async () => {
    await broker.createTopic('own', 1);
    await put('own', [line(1), line(2), line(3)]);
    await read('own', new Map(), (lines) => lines.length === 3);
    const restored = new Map([['own/0', { next: 1, done: false }]]);
    const { lines } = await read('own', restored, (found) => found.length === 2);
    expect(lines).toEqual([line(2), line(3)]);
  });

  it('begins where another member of the group ended', async () => {
    await broker.createTopic('others', 1);
    await put('others', [line(1), line(2)]);
    await commitByHand('others', 1);
    const mine = new Map([['others/0', { next: 0, done: false }]]);
    const { lines } = await read('others', mine, (found) => found.length === 1, {}, true);
    expect(lines).toEqual([line(2)]);
  });

  it('tells what the broker no longer keeps, from and to', async () => {
    await broker.createTopic('short', 1);
    await put('short', [line(1), line(2), line(3), line(4)]);
    const first = await read(
      'short',
      new Map([['short/0', { next: 1, done: false }]]),
      (lines) => lines.length === 3,
    );
    await put('short', [line(5), line(6)]);
    await drop('short', 5);
    const { lines, told } = await read('short', first.durable, (found) => found.length === 1, {}, true);
    expect(lines).toEqual([line(6)]);
    expect(told).toContain('4 to 5: the broker keeps these messages no longer');
  });

  it.each([0, 2])('goes on with what is new in a log that was cut off, low %i', async (low) => {
    const topic = `cut-${low}`;
    const durable = await cutOff(topic, low);
    await putAt(topic, 0, [[line(7), Date.now()]]);
    const { lines, told } = await read(topic, durable, (found) => found.includes(line(7)), {}, true);
    expect(lines).toEqual([line(7)]);
    expect(told).toContain(CUT_OFF);
  });

  it('reads a topic that was made anew from its beginning', async () => {
    const durable = await cutOff('anew', 0);
    await makeAnew('anew');
    await putAt('anew', 0, [
      [line(7), Date.now()],
      [line(8), Date.now()],
    ]);
    const { lines, told } = await read('anew', durable, (found) => found.length >= 2, {}, true);
    expect(lines).toEqual([line(7), line(8)]);
    expect(told).toContain(ANEW);
  });

  it('goes on behind a log that was cut off, and from 0 on in one that may be new, when it knows no times', async () => {
    const unknown = (topic: string) => new Map([[`${topic}/0`, { next: 6, done: false }]]);
    await cutOff('timeless-cut', 2);
    const isThere = (_: unknown, told: readonly string[]) => told.includes('caught up timeless-cut/0');
    const cut = await read('timeless-cut', unknown('timeless-cut'), isThere, {}, true);
    expect(cut.lines).toEqual([]);
    expect(cut.told).toContain(CUT_OFF);
    expect(cut.durable.get('timeless-cut/0')?.next).toBe(4);
    await cutOff('timeless-new', 0);
    const again = await read(
      'timeless-new',
      unknown('timeless-new'),
      (found) => found.length === 4,
      {},
      true,
    );
    expect(again.told).toContain(ANEW);
  });

  it('makes it durable that it went back, also for a member that was further', async () => {
    const far = await cutOff('back', 2, 'y');
    // The broker forgot it with the topic.
    await claimAs('y', 'back', 6);
    const isThere = (_: unknown, told: readonly string[]) => told.includes('caught up back/0');
    const { durable, lines } = await read('back', new Map(), isThere, {}, true);
    expect(lines).toEqual([]);
    expect(durable.get('back/0')?.next).toBe(4);
    await putAt(
      'back',
      0,
      [7, 8, 9].map((i) => [line(i), Date.now()] as const),
    );
    const other = await read('back', far, (found) => found.includes(line(9)), {}, true, 'y');
    expect(other.lines).toEqual([line(7), line(8), line(9)]);
  });

  it('begins where it was in a partition that had nothing yet, here and elsewhere', async () => {
    await broker.createTopic('quiet', 2);
    await putAt('quiet', 0, [[line(1), Date.now()]]);
    const latest = { startFrom: 'latest' };
    const both = (_: unknown, told: readonly string[]) =>
      ['quiet/0', 'quiet/1'].every((lane) => told.includes(`caught up ${lane}`));
    const first = await read('quiet', new Map(), both, latest);
    expect(first.lines).toEqual([]);
    await putAt('quiet', 1, [[line(2), Date.now()]]);
    const other = await read('quiet', new Map(), (lines) => lines.length === 1, latest, true, 'y');
    expect(other.lines).toEqual([line(2)]);
    await putAt('quiet', 0, [[line(3), Date.now()]]);
    const again = await read('quiet', first.durable, (lines) => lines.length === 1, latest, true);
    expect(again.lines).toEqual([line(3)]);
  });

  it('begins with what came since the group began, where that did not become durable', async () => {
    await broker.createTopic('halves', 2);
    for (const i of [0, 1]) await putAt('halves', i, [[line(i), Date.now() - 60_000]]);
    const latest = { startFrom: 'latest' };
    const half = await read('halves', new Map(), (_, __, { size }) => size === 1, latest);
    for (const i of [0, 1]) await putAt('halves', i, [[line(2 + i), Date.now()]]);
    const { lines } = await read('halves', half.durable, (found) => found.length === 2, latest);
    expect(lines.sort()).toEqual([line(2), line(3)]);
  });

  it.each(['ours', 'a group of before'])(
    'begins at the first message of a partition that was added, %s',
    async (whose) => {
      const topic = whose.replaceAll(' ', '-');
      const latest = { startFrom: 'latest' };
      await broker.createTopic(topic, 1);
      await putAt(topic, 0, [[line(1), Date.now() - 60_000]]);
      if (whose === 'ours')
        await read(topic, new Map(), (_, told) => told.includes(`caught up ${topic}/0`), latest);
      else
        await asAdmin((admin) =>
          admin.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: '1' }] }),
        );
      await asAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }));
      await putAt(topic, 1, [[line(2), Date.now()]]);
      const { lines } = await read(topic, new Map(), (found) => found.length === 1, latest, true);
      expect(lines).toEqual([line(2)]);
    },
  );

  it('asks no more often for what is out of range than for what is to come', async () => {
    await broker.createTopic('range', 1);
    const asked = { wrong: 0, right: 0 };
    const enough = Promise.withResolvers<void>();
    const fetcherAt = (offset: number) =>
      createFetcher({
        topics: ['range'],
        maxBytes: 65_536,
        openCluster: () => createCluster(broker.kafka),
        wanted: () => [{ topic: 'range', partition: 0, offset }],
        took: () => {
          if (++asked.right === 8) enough.resolve();
        },
        outOfRange: async () => {
          asked.wrong++;
          return false;
        },
        complain: SILENT.flush,
      });
    const fetchers = [fetcherAt(9), fetcherAt(0)];
    for (const one of fetchers) one.pump();
    await enough.promise;
    for (const one of fetchers) one.close();
    expect(asked.wrong).toBeGreaterThan(0);
    expect(asked.wrong).toBeLessThanOrEqual(asked.right);
  });

  it('goes on when the broker was away', async () => {
    await broker.createTopic('away', 1);
    await put('away', [line(1)]);
    const reading = read('away', new Map(), (lines) => lines.length === 2);
    await broker.stop('SIGKILL');
    await broker.start();
    await put('away', [line(2)]);
    expect((await reading).lines).toEqual([line(1), line(2)]);
  });

  it('leaves out what a transaction gave up', async () => {
    await broker.createTopic('transactions', 1);
    const producer = broker.kafka.producer({
      transactionalId: 'writer',
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    for (const [i, isKept] of [true, false, true].entries()) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'transactions', messages: [{ value: line(i) }] });
      await (isKept ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const { lines } = await read('transactions', new Map(), (found) => found.length === 2);
    expect(lines).toEqual([line(0), line(2)]);
  });

  it('finds what it bound before it was killed, although another member went on meanwhile', async () => {
    await broker.createTopic('bound', 1);
    await put('bound', [line(1)]);
    // Nothing of it is durable here: it ended between the two.
    await read('bound', new Map(), (lines) => lines.length === 1);
    await put('bound', [line(2)]);
    const other = await read('bound', new Map(), (lines) => lines.length === 1, {}, true, 'y');
    expect(other.lines).toEqual([line(2)]);
    const source = await createKafkaSource(
      optionsOf('bound'),
      { instance: 'x', scratch: '', positions: new Map(), ids: new Map() },
      SILENT,
    );
    const covered: Covered[] = [{ partition: 'bound/0', from: 0, next: 1, done: false, floor: 1 }];
    const { signal } = new AbortController();
    // The first one bound where it began.
    expect(await source.wasClaimed?.(2, covered, signal)).toBe(true);
    expect(await source.wasClaimed?.(3, covered, signal)).toBe(false);
    await source.close();
  });

  it('shows its certificate, and takes no server without a good one', async () => {
    await broker.createTopic('tls', 1);
    await put('tls', [line(1)]);
    const client = authority.issue('worker', { usage: 'clientAuth' });
    const tls = { ca: authority.certFile, certificate: client.certFile, key: client.keyFile };
    const secure = { brokers: [broker.tlsAddress], plaintext: false, tls };
    const { lines } = await read('tls', new Map(), (found) => found.length === 1, secure);
    expect(lines).toEqual([line(1)]);
    const publicOnly = { ...secure, tls: undefined };
    const refused = await read(
      'tls',
      new Map(),
      (_, told) => told.includes('cannot reach the consumer group; it is tried again'),
      publicOnly,
    );
    expect(refused.lines).toEqual([]);
  });

  it('has every record once, however often the service is killed', async () => {
    const result = await killed({
      root: temporaryFolder(),
      records: RECORDS,
      kills: KILLS,
      seed: 5,
      within: 4000,
      async feed(name) {
        const topic = `kill-${name}`;
        await broker.createTopic(topic, 4);
        return {
          source: `- {type: kafka, name: k, brokers: ['${broker.address}'], plaintext: true, topics: [${topic}], groupId: ${topic}, sessionTimeout: 6}`,
          put: (lines) => put(topic, lines),
        };
      },
    });
    report(result);
    expect(result.checkpoints).toBeGreaterThan(0);
    expect(result.killed).toEqual(result.whole);
  });
});
