import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeAssignment,
  encodeAssignments,
  encodeSubscription,
  PROTOCOL,
  type TopicPartition,
} from './assignment.ts';
import type { Committed } from './claims.ts';
import { byTopic, type KafkaBroker, type KafkaCluster, type KafkaError } from './cluster.ts';

export interface MemberOptions {
  readonly groupId: string;
  /** Nobody else alive has it: what a killed process left in the group under it is ours. */
  readonly clientId: string;
  readonly topics: readonly string[];
  /** Milliseconds. */
  readonly sessionTimeout: number;
  openCluster(): KafkaCluster;
  /** Partitions at hand. */
  owned(): readonly string[];
  /** The group is about to change: resolves when all that was read is bound, or soon after `signal` aborts. */
  release(signal: AbortSignal): Promise<void>;
  /** These are ours from now on. */
  assign(partitions: readonly TopicPartition[]): void;
  /** The group cannot be reached; it is tried again after so many seconds. */
  complain(error: Error, seconds: number): void;
}

/** A member of a consumer group. */
export interface Member {
  /** Joins, and stays until `signal` aborts: whatever the group and its coordinator do. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes offsets under our generation. `stale`: the group has another one by now, and nothing was written. Rejects when nobody knows. */
  commit(
    offsets: readonly (TopicPartition & { offset: string; metadata: string })[],
  ): Promise<'done' | 'stale'>;
  committed(partitions: readonly TopicPartition[]): Promise<Committed[]>;
  /** All of the topics, whoever has them. */
  partitions(): Promise<TopicPartition[]>;
  /** Resolves when we are not between two generations. */
  settled(): Promise<void>;
  /** Leaves the group, so that nobody waits for us, and closes its connections. */
  leave(): Promise<void>;
}

/** Milliseconds between two signs of life, at most; a third of the session when that is shorter. */
const HEARTBEAT_MS = 3000;
/** Milliseconds for which the group waits for members that have something to finish. */
const REBALANCE_MS = 60_000;
/** Milliseconds between two looks at how many partitions there are. */
const TOPICS_MS = 30_000;
/** Milliseconds between two looks whether the group has heard that we join, and how many there are. */
const LOOK_MS = 20;
const LOOKS = 50;
/** Milliseconds before the next attempt: doubled each time, up to the last. */
const PAUSE_MS = { first: 200, last: 10_000 };

/** The coordinator is another broker, or not ready. */
const ELSEWHERE = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);
/** Our generation is over. */
const OVER = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);

/** Signs of life go on by themselves, however long a batch takes; before the group changes hands what was read can still be bound. */
export function createMember(options: MemberOptions): Member {
  const { clientId, groupId, sessionTimeout, topics } = options;
  const rebalanceTimeout = Math.max(REBALANCE_MS, sessionTimeout);
  const interval = Math.min(HEARTBEAT_MS, sessionTimeout / 3);
  let cluster: KafkaCluster | undefined;
  let coordinator: KafkaBroker | undefined;
  let memberId = '';
  /** The last one that we belonged to, for the leader to know what we had. */
  let generation = -1;
  let isMember = false;
  /** What an earlier process left in the group is still there. */
  let isFirst = true;
  let hasAsked = false;
  /** Partitions there were when we shared them out as the leader; undefined for others. */
  let shared: number | undefined;
  let looked = 0;
  let settled = Promise.withResolvers<void>();
  let wake = new AbortController();

  const drop = (): void => {
    void cluster?.disconnect().catch(() => {});
    cluster = undefined;
    coordinator = undefined;
  };

  const reach = async (): Promise<KafkaBroker> => {
    if (coordinator !== undefined) return coordinator;
    cluster ??= options.openCluster();
    await cluster.connect();
    await cluster.addMultipleTargetTopics(topics);
    await cluster.refreshMetadataIfNecessary();
    coordinator = await cluster.findGroupCoordinator({ groupId });
    return coordinator;
  };

  const partitions = (): TopicPartition[] =>
    topics.flatMap((topic) =>
      (cluster?.findTopicPartitionMetadata(topic) ?? []).map(({ partitionId: partition }) => ({
        topic,
        partition,
      })),
    );

  /** Members of the group under our client id. */
  const membersOf = async (broker: KafkaBroker): Promise<string[]> => {
    const { groups } = await broker.describeGroups({ groupIds: [groupId] });
    const members = groups.flatMap((group) => group.members);
    return members.filter((member) => member.clientId === clientId).map((member) => member.memberId);
  };

  const expel = async (broker: KafkaBroker, ids: readonly string[]): Promise<void> => {
    for (const id of ids) await broker.leaveGroup({ groupId, memberId: id }).catch(() => {});
  };

  /** A broker answers one request of a connection after the other: what is asked while we join needs another one. */
  const beside = async (task: (broker: KafkaBroker) => Promise<void>): Promise<void> => {
    const other = options.openCluster();
    try {
      await other.connect();
      await other.addMultipleTargetTopics(topics);
      await task(await other.findGroupCoordinator({ groupId }));
    } finally {
      await other.disconnect();
    }
  };

  /**
   * Takes out of the group what a process left in it, for which the group would wait until its session ends, six seconds at least. Not before
   * we are in it: a group that became empty makes the next member wait for others (`group.initial.rebalance.delay.ms`, 3 s by default).
   */
  const replace = (left: readonly string[]): Promise<void> =>
    beside(async (broker) => {
      for (let look = 0; look < LOOKS && (await membersOf(broker)).every((id) => left.includes(id)); look++)
        await sleep(LOOK_MS);
      await expel(broker, left);
    });

  const join = async (broker: KafkaBroker): Promise<void> => {
    const left = isFirst ? await membersOf(broker) : [];
    const metadata = encodeSubscription(topics, { generation, partitions: options.owned() });
    hasAsked = true;
    const joining = broker.joinGroup({
      ...{ groupId, sessionTimeout, rebalanceTimeout, memberId },
      groupProtocols: [{ name: PROTOCOL, metadata }],
    });
    const [joined] = await Promise.all([joining, left.length > 0 && replace(left)]);
    isFirst = false;
    ({ memberId, generationId: generation } = joined);
    shared = undefined;
    let groupAssignment: ReturnType<typeof encodeAssignments> = [];
    if (joined.leaderId === memberId) {
      await cluster?.refreshMetadata();
      looked = performance.now();
      const all = partitions();
      shared = all.length;
      groupAssignment = encodeAssignments(joined.members, all);
    }
    const { memberAssignment } = await broker.syncGroup({
      ...{ groupId, generationId: generation, memberId, groupAssignment },
    });
    isMember = true;
    options.assign(decodeAssignment(memberAssignment));
    settled.resolve();
  };

  /** From here on nothing is bound until we have joined again. */
  const unsettle = (): void => {
    if (!isMember) return;
    isMember = false;
    settled = Promise.withResolvers();
  };

  /** Lets the reader finish, with signs of life meanwhile, which the group answers with its impatience. */
  const release = async (): Promise<void> => {
    const limit = AbortSignal.timeout(rebalanceTimeout / 2);
    const lost = new AbortController();
    let isDone = false;
    const released = options.release(AbortSignal.any([limit, lost.signal])).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await Promise.race([released, sleep(interval, undefined, { ref: false })]);
      if (isDone) break;
      try {
        await (await reach()).heartbeat({ groupId, groupGenerationId: generation, memberId });
      } catch (error) {
        const { type } = error as KafkaError;
        if (type === 'UNKNOWN_MEMBER_ID' || type === 'ILLEGAL_GENERATION') lost.abort();
        else if (type !== 'REBALANCE_IN_PROGRESS') drop();
      }
    }
    await released;
  };

  /** Whether the topics have as many partitions as we shared out. */
  const isShared = async (): Promise<boolean> => {
    if (shared === undefined || performance.now() - looked < TOPICS_MS) return true;
    looked = performance.now();
    await cluster?.refreshMetadata();
    return partitions().length === shared;
  };

  return {
    async run(signal) {
      signal.addEventListener('abort', () => wake.abort(), { once: true });
      let pause = PAUSE_MS.first;
      while (!signal.aborted) {
        try {
          const broker = await reach();
          if (!isMember) await join(broker);
          else {
            await broker.heartbeat({ groupId, groupGenerationId: generation, memberId });
            if (!(await isShared())) {
              await release();
              unsettle();
              continue;
            }
          }
          pause = PAUSE_MS.first;
          await sleep(interval, undefined, { signal: wake.signal }).catch(() => {});
          if (!signal.aborted) wake = new AbortController();
        } catch (error) {
          if (signal.aborted) return;
          const { type } = error as KafkaError;
          if (type !== undefined && OVER.has(type)) {
            if (isMember && type === 'REBALANCE_IN_PROGRESS') await release();
            if (type === 'UNKNOWN_MEMBER_ID') memberId = '';
            unsettle();
            continue;
          }
          if (type !== undefined && ELSEWHERE.has(type)) coordinator = undefined;
          else {
            drop();
            options.complain(error as Error, pause / 1000);
          }
          await sleep(pause, undefined, { signal }).catch(() => {});
          pause = Math.min(2 * pause, PAUSE_MS.last);
        }
      }
    },
    async commit(offsets) {
      try {
        await (await reach()).offsetCommit({
          ...{ groupId, groupGenerationId: generation, memberId },
          topics: byTopic(offsets),
        });
        return 'done';
      } catch (error) {
        const { type } = error as KafkaError;
        if (type === undefined || !OVER.has(type)) throw error;
        // Nobody waits for the next sign of life to hear of it.
        if (isMember) {
          unsettle();
          wake.abort();
        }
        return 'stale';
      }
    },
    async committed(asked) {
      const { responses } = await (await reach()).offsetFetch({ groupId, topics: byTopic(asked) });
      return responses.flatMap(({ topic, partitions: found }) =>
        found.map(({ partition, offset, metadata }) => ({
          ...{ topic, partition, metadata },
          offset: Number(offset) < 0 ? undefined : Number(offset),
        })),
      );
    },
    async partitions() {
      await reach();
      return partitions();
    },
    settled: () => settled.promise,
    async leave() {
      try {
        if (isMember && coordinator !== undefined) await coordinator.leaveGroup({ groupId, memberId });
        else if (hasAsked) await beside(async (broker) => expel(broker, await membersOf(broker)));
      } catch {
        // The group misses us after our session.
      }
      drop();
    },
  };
}
