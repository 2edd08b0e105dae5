import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, EachBatchPayload } from 'kafkajs';
import { openKafka } from './kafka-client.ts';
import { expelPredecessors } from './kafka-member.ts';
import type { KafkaOptions } from './kafka-options.ts';
import { retry } from './retry.ts';
import type { Delivery, Resume, Source, SourceEvents } from './source.ts';

/** Milliseconds between two signs of life to the group, and two looks at how much there is still to read. */
const HEARTBEAT_MS = 3000;
const LOOK_MS = 2000;
/** Partitions whose messages are unpacked at the same time. */
const CONCURRENT = 4;

/** A partition that the group gave us. */
interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** Offset of what comes next; undefined until that is known. */
  expected: number | undefined;
  /** Everything before it is durable, here or elsewhere. */
  bound: number | undefined;
  /** Resolves when it is known where to begin. */
  readonly placed: Promise<void>;
}

interface Waiting {
  readonly state: Assigned;
  readonly delivery: Delivery;
  taken(): void;
}

/**
 * A member of a consumer group. Our own positions decide where a partition is read from, unless another member has stored more of it since; the
 * group's offsets are written behind them. What was read of a partition that the group takes away before it is durable is void.
 */
export async function createKafkaSource(
  options: KafkaOptions,
  resume: Resume,
  events: SourceEvents,
): Promise<Source> {
  const { groupId, name: source, topics } = options;
  // The data folder's own: nobody else alive has it.
  const clientId = `flowsentry-${resume.instance}-${source}`;
  const { kafka, close } = await openKafka(options, clientId, events);
  const admin = kafka.admin();
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: options.sessionTimeout * 1000,
    heartbeatInterval: Math.min(HEARTBEAT_MS, (options.sessionTimeout * 1000) / 3),
    maxBytes: options.maxBytes,
    maxBytesPerPartition: Math.min(options.maxBytes, 1 << 20),
    maxWaitTimeInMs: 250,
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: async () => true },
  });
  const metadata = `flowsentry/${resume.instance}/`;
  /** Offsets up to which we made partitions durable, whether they are ours at the moment or not. */
  const durable = new Map([...resume.positions].map(([key, { next }]) => [key, next]));
  let assigned = new Map<string, Assigned>();
  let waiting: Waiting[] = [];
  let failure: Error | undefined;
  let isStopping = false;
  let wake = (): void => {};
  const fail = (error: Error): void => {
    failure ??= error;
    wake();
  };

  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    if (!restart && !isStopping) fail(error);
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => assign(memberAssignment));

  const assign = (assignment: Readonly<Record<string, readonly number[]>>): void => {
    const next = new Map<string, Assigned>();
    const placed = Promise.withResolvers<void>();
    for (const [topic, partitions] of Object.entries(assignment))
      for (const partition of partitions) {
        const key = `${topic}/${partition}`;
        const { expected, bound } = assigned.get(key) ?? { expected: undefined, bound: undefined };
        next.set(key, { topic, partition, expected, bound, placed: placed.promise });
      }
    for (const [key, { expected, bound }] of assigned)
      if (!next.has(key) && expected !== bound)
        fail(new Error(`the group gave ${key} to another member before what was read of it was durable`));
    assigned = next;
    waiting = [];
    events.lanes([...next.keys()]);
    place(next).then(placed.resolve, fail);
  };

  /** Finds where each partition begins, and goes there. */
  const place = async (states: Map<string, Assigned>): Promise<void> => {
    const known = [...new Set([...states.values()].map(({ topic }) => topic))];
    const committed = known.length === 0 ? [] : await admin.fetchOffsets({ groupId, topics: known });
    for (const { topic, partitions } of committed)
      for (const { partition, offset, metadata: by } of partitions) {
        const state = states.get(`${topic}/${partition}`);
        if (state === undefined) continue;
        const ours = state.expected ?? durable.get(`${topic}/${partition}`);
        const theirs = Number(offset) < 0 ? undefined : Number(offset);
        const isOthers = theirs !== undefined && !by?.startsWith(metadata);
        let start = ours ?? theirs;
        if (ours !== undefined && isOthers && theirs > ours) start = theirs;
        start ??= options.startFrom === 'latest' ? await endOf(topic, partition) : undefined;
        if (state.expected === undefined) state.bound = start;
        else if (start !== state.expected)
          fail(new Error(`another member stored ${topic}/${partition} meanwhile`));
        state.expected = start;
        if (start !== undefined) consumer.seek({ topic, partition, offset: String(start) });
      }
  };

  const endOf = async (topic: string, partition: number): Promise<number | undefined> => {
    const offsets = await admin.fetchTopicOffsets(topic);
    const found = offsets.find((one) => one.partition === partition);
    return found === undefined ? undefined : Number(found.high);
  };

  const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
    const { batch, resolveOffset, heartbeat, isRunning, isStale } = payload;
    const key = `${batch.topic}/${batch.partition}`;
    const state = assigned.get(key);
    if (state === undefined) return;
    await state.placed;
    if (isStopping || !isRunning() || isStale() || assigned.get(key) !== state) return;
    // Its types leave it out: the offset that was asked for, and after a reset the one that it was reset to.
    const { fetchedOffset } = batch as Batch & { readonly fetchedOffset: string };
    const from = begin(key, state, Number(fetchedOffset));
    const to = Number(batch.lastOffset()) + 1;
    const last = batch.messages.at(-1);
    const taken = Promise.withResolvers<'taken'>();
    const mine: Waiting = {
      state,
      taken: () => taken.resolve('taken'),
      delivery: {
        partition: key,
        lane: key,
        content: { kind: 'messages', messages: batch.messages.flatMap(({ value }) => value ?? []) },
        from,
        to,
        last: false,
        format: options.format,
        ...(last === undefined ? {} : { availableAt: Number(last.timestamp) }),
      },
    };
    waiting.push(mine);
    wake();
    while (
      (await Promise.race([taken.promise, sleep(HEARTBEAT_MS, undefined, { ref: false })])) !== 'taken'
    ) {
      if (!isRunning() || isStopping) return;
      await heartbeat();
      if (assigned.get(key) !== state) return;
    }
    if (last !== undefined) resolveOffset(last.offset);
    if (to >= Number(batch.highWatermark)) events.caughtUp(key);
  };

  /** Where the messages begin for us. The broker begins elsewhere when what we asked for is not there any more. */
  const begin = (key: string, state: Assigned, fetched: number): number => {
    const { expected } = state;
    if (expected === undefined || fetched === expected) return fetched;
    events.lost({
      partition: key,
      from: expected,
      ...(fetched > expected ? { to: fetched } : {}),
      reason:
        fetched > expected
          ? 'the broker keeps these messages no longer'
          : 'the topic begins anew: it was deleted and made again',
    });
    state.expected = fetched;
    return fetched;
  };

  /** Partitions where nothing comes would hold event time for ever. */
  const look = async (): Promise<void> => {
    for (const topic of topics)
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        const key = `${topic}/${partition}`;
        const state = assigned.get(key);
        if (state !== undefined && (state.expected ?? Number(low)) >= Number(high)) events.caughtUp(key);
      }
  };

  const join = async (): Promise<void> => {
    await admin.connect();
    await expelPredecessors(kafka, admin, groupId, clientId);
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: CONCURRENT,
      eachBatch,
    });
  };

  return {
    async *deliveries(signal) {
      signal.addEventListener('abort', () => wake(), { once: true });
      const complain = ({ message: error }: Error, seconds: number): void =>
        events.log('warn', 'cannot join the consumer group; it is tried again', { source, error, seconds });
      await retry(join, complain, signal);
      const timer = setInterval(() => void look().catch(() => {}), LOOK_MS);
      try {
        for (;;) {
          if (failure !== undefined) throw failure;
          if (signal.aborted) return;
          const next = waiting.shift();
          if (next === undefined) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
            continue;
          }
          next.state.expected = next.delivery.to;
          yield next.delivery;
          next.taken();
        }
      } finally {
        clearInterval(timer);
        isStopping = true;
      }
    },
    async claim(seq, covered) {
      if (failure !== undefined) throw failure;
      const offsets = covered.map(({ partition: key, next }) => {
        const state = assigned.get(key);
        if (state === undefined) throw new Error(`the group gave ${key} to another member`);
        return { topic: state.topic, partition: state.partition, offset: String(next) };
      });
      const states = covered.map(({ partition }) => assigned.get(partition));
      // The group refuses a member of an earlier generation.
      await consumer.commitOffsets(offsets.map((one) => ({ ...one, metadata: `${metadata}${seq}` })));
      for (const [i, { partition: key, next }] of covered.entries()) {
        const state = assigned.get(key);
        if (state === undefined || state !== states[i])
          throw new Error(`the group changed while ${key} was bound`);
        state.bound = next;
        durable.set(key, next);
      }
    },
    async wasClaimed(seq, covered) {
      await admin.connect();
      const known = [
        ...new Set(covered.map(({ partition }) => partition.slice(0, partition.lastIndexOf('/')))),
      ];
      const committed = new Map<string, string>();
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: known }))
        for (const { partition, metadata: by } of partitions)
          committed.set(`${topic}/${partition}`, by ?? '');
      // One request wrote all of them: one is enough, where another member has gone on with the others.
      return covered.some(({ partition }) => committed.get(partition) === `${metadata}${seq}`);
    },
    async close() {
      isStopping = true;
      for (const { taken } of waiting) taken();
      await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
      close();
    },
  };
}
