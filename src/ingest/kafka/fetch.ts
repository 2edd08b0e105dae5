import { setTimeout as sleep } from 'node:timers/promises';
import fetchDefinition from 'kafkajs/src/protocol/requests/fetch/index.js';
import type { TopicPartition } from './assignment.ts';
import { byTopic, type KafkaCluster } from './cluster.ts';
import type { Aborted, RecordSet } from './records.ts';

export interface Wanted extends TopicPartition {
  readonly offset: number;
}

export interface Fetched extends RecordSet {
  /** Offset behind the last message that may be read now. */
  readonly end: number;
}

export interface FetchOptions {
  readonly topics: readonly string[];
  /** Bytes fetched at once from a broker. */
  readonly maxBytes: number;
  openCluster(): KafkaCluster;
  /** What to fetch next: nothing as long as there is enough. */
  wanted(): readonly Wanted[];
  took(wanted: Wanted, fetched: Fetched): void;
  /** The broker has no such offset. Resolves to whether something else is wanted by now. */
  outOfRange(wanted: Wanted): Promise<boolean>;
  complain(error: Error): void;
}

/** Fetches from the leaders of partitions, from each one request at a time. */
export interface Fetcher {
  /** What is wanted has changed. */
  pump(): void;
  /** The first offset that is there, and the one that comes next. */
  range(of: TopicPartition): Promise<{ readonly low: number; readonly high: number }>;
  /** The first message that is younger than `time`, Unix milliseconds; undefined when none is. */
  firstSince(of: TopicPartition, time: number): Promise<number | undefined>;
  close(): void;
}

const API_KEY = 1;
const READ_COMMITTED = 1;
/** Milliseconds for which a broker may wait for something to come. */
const WAIT_MS = 250;
/** Of one partition at once; a single larger batch comes nevertheless. */
const PARTITION_BYTES = 1 << 20;
/** Milliseconds before the next attempt: doubled each time, up to the last. */
const PAUSE_MS = { first: 200, last: 5000 };

const ERROR = { none: 0, outOfRange: 1 } as const;
/** The leader is another by now, or not ready: those that a broker may answer a fetch with. */
const MOVED = new Set([3, 5, 6, 9, 56, 74, 75, 76, 78]);

export function createFetcher(options: FetchOptions): Fetcher {
  const { topics } = options;
  const busy = new Set<number>();
  let opened: Promise<KafkaCluster> | undefined;
  let cluster: KafkaCluster | undefined;
  let isClosed = false;
  let pause = PAUSE_MS.first;

  const open = async (): Promise<KafkaCluster> => {
    const fresh = options.openCluster();
    try {
      await fresh.connect();
      await fresh.addMultipleTargetTopics(topics);
    } catch (error) {
      void fresh.disconnect().catch(() => {});
      throw error;
    }
    cluster = fresh;
    return fresh;
  };
  const ready = (): Promise<KafkaCluster> => {
    opened ??= open().catch((error) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const drop = (failed: KafkaCluster | undefined): void => {
    if (failed === undefined || failed !== cluster) return;
    void failed.disconnect().catch(() => {});
    cluster = undefined;
    opened = undefined;
  };

  const fetchFrom = async (from: KafkaCluster, leader: number, wanted: readonly Wanted[]): Promise<void> => {
    const broker = await from.findBroker({ nodeId: leader });
    const { request, requestTimeout } = broker.lookupRequest(
      API_KEY,
      fetchDefinition,
    )({
      ...{ maxWaitTime: WAIT_MS, minBytes: 1, maxBytes: options.maxBytes, isolationLevel: READ_COMMITTED },
      topics: byTopic(
        wanted.map(({ topic, partition, offset }) => ({
          ...{ topic, partition, fetchOffset: String(offset) },
          maxBytes: Math.min(options.maxBytes, PARTITION_BYTES),
        })),
      ),
    });
    const { parts } = await broker.connectionPool.send({
      request,
      requestTimeout,
      response: {
        decode: async (bytes) => readResponse(bytes, request.apiVersion),
        parse: async (decoded) => decoded,
      },
    });
    if (isClosed) return;
    /** At once again would get the same answer. */
    let isFutile = false;
    for (const part of parts) {
      const asked = wanted.find(
        ({ topic, partition }) => topic === part.topic && partition === part.partition,
      );
      if (asked === undefined) continue;
      if (part.error === ERROR.none) options.took(asked, { ...part, from: asked.offset });
      else if (part.error === ERROR.outOfRange) isFutile = !(await options.outOfRange(asked)) || isFutile;
      else if (MOVED.has(part.error)) isFutile = true;
      else throw new Error(`the broker answers ${part.topic}/${part.partition} with error ${part.error}`);
    }
    if (!isFutile) {
      pause = PAUSE_MS.first;
      return;
    }
    await rest();
    await from.refreshMetadata();
  };

  const rest = async (): Promise<void> => {
    const ms = pause;
    pause = Math.min(2 * pause, PAUSE_MS.last);
    await sleep(ms, undefined, { ref: false });
  };

  /** Does one thing at a time for a leader, and then looks again. */
  const work = (leader: number, task: () => Promise<void>): void => {
    busy.add(leader);
    const from = cluster;
    task()
      .catch(async (error: Error) => {
        if (isClosed) return;
        options.complain(error);
        drop(from);
        await rest();
      })
      .finally(() => {
        busy.delete(leader);
        pump();
      });
  };

  const OPENING = -2;
  let turn = 0;
  const pump = (): void => {
    if (isClosed) return;
    const all = options.wanted();
    if (all.length === 0) return;
    const from = cluster;
    if (from === undefined) {
      if (!busy.has(OPENING)) work(OPENING, async () => void (await ready()));
      return;
    }
    // Who was last comes first: a broker fills its answer in the order that it was asked.
    turn++;
    const turned = [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)];
    for (const [leader, wanted] of Map.groupBy(turned, (one) => leaderOf(from, one))) {
      if (busy.has(leader)) continue;
      if (leader >= 0) work(leader, () => fetchFrom(from, leader, wanted));
      else
        work(leader, async () => {
          await rest();
          await from.refreshMetadata();
        });
    }
  };

  const offsetAt = async (
    { topic, partition }: TopicPartition,
    where: { fromBeginning: boolean } | { fromTimestamp: number },
  ): Promise<number> => {
    const from = await ready();
    try {
      const found = await from.fetchTopicsOffset([{ topic, ...where, partitions: [{ partition }] }]);
      const offset = found[0]?.partitions[0]?.offset;
      if (offset === undefined) throw new Error(`no broker leads ${topic}/${partition}`);
      return Number(offset);
    } catch (error) {
      drop(from);
      throw error;
    }
  };

  return {
    pump,
    range: async (of) => ({
      low: await offsetAt(of, { fromBeginning: true }),
      high: await offsetAt(of, { fromBeginning: false }),
    }),
    async firstSince(of, time) {
      const offset = await offsetAt(of, { fromTimestamp: time + 1 });
      return offset < 0 ? undefined : offset;
    },
    close() {
      isClosed = true;
      drop(cluster);
    },
  };
}

/** The node that leads a partition; -1 when nobody does, or nobody knows. */
function leaderOf(cluster: KafkaCluster, { topic, partition }: TopicPartition): number {
  const found = cluster.findTopicPartitionMetadata(topic).find((one) => one.partitionId === partition);
  return found?.leader ?? -1;
}

interface FetchResponse {
  readonly clientSideThrottleTime: number;
  readonly parts: readonly PartResponse[];
}

interface PartResponse extends Omit<Fetched, 'from'>, TopicPartition {
  readonly error: number;
}

/**
 * Reads the answer to a fetch of versions 4 to 11 and leaves the records as they are: the client would make several objects for each.
 * Layout: https://kafka.apache.org/protocol#The_Messages_Fetch
 */
function readResponse(bytes: Buffer, version: number): FetchResponse {
  let at = 0;
  const skip = (length: number): number => {
    at += length;
    return at - length;
  };
  const int16 = (): number => bytes.readInt16BE(skip(2));
  const int32 = (): number => bytes.readInt32BE(skip(4));
  const int64 = (): bigint => bytes.readBigInt64BE(skip(8));
  const slice = (length: number): Buffer => bytes.subarray(skip(length), at);
  const clientSideThrottleTime = int32();
  // An error of the whole answer, and its session: we ask for none.
  if (version >= 7) skip(2 + 4);
  const parts: PartResponse[] = [];
  for (let topics = int32(); topics > 0; topics--) {
    const topic = slice(int16()).toString();
    for (let count = int32(); count > 0; count--) {
      const partition = int32();
      const error = int16();
      const highWatermark = Number(int64());
      const stable = Number(int64());
      if (version >= 5) skip(8); // Where the log begins.
      const aborted: Aborted[] = [];
      for (let left = int32(); left > 0; left--)
        aborted.push({ producer: int64(), firstOffset: Number(int64()) });
      aborted.sort((a, b) => a.firstOffset - b.firstOffset);
      if (version >= 11) skip(4); // A replica that is nearer.
      const set = slice(Math.max(0, int32()));
      const end = stable < 0 ? highWatermark : stable;
      parts.push({ topic, partition, error, end, aborted, bytes: set });
    }
  }
  return { clientSideThrottleTime, parts };
}
