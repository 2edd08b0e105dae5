import type { Kafka } from 'kafkajs';
import type { TopicPartition } from './assignment.ts';

/** What of the client's inside is used: connections, and the protocol's requests, which its own consumer keeps to itself. */
export interface KafkaCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findGroupCoordinator(of: { groupId: string }): Promise<KafkaBroker>;
  findBroker(of: { nodeId: number }): Promise<KafkaBroker>;
  findTopicPartitionMetadata(
    topic: string,
  ): readonly { readonly partitionId: number; readonly leader: number }[];
  fetchTopicsOffset(
    of: readonly {
      topic: string;
      fromBeginning?: boolean;
      /** Unix milliseconds: the first message that is at least so young is asked for, -1 when there is none. */
      fromTimestamp?: number;
      partitions: readonly { partition: number }[];
    }[],
  ): Promise<TopicsWith<{ partition: number; offset: string }>>;
}

type TopicsWith<T> = readonly { readonly topic: string; readonly partitions: readonly T[] }[];

/** One broker; a request that it refuses rejects with a {@link KafkaError}. */
export interface KafkaBroker {
  joinGroup(as: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    memberId: string;
    groupProtocols: readonly { name: string; metadata: Buffer }[];
  }): Promise<{
    generationId: number;
    leaderId: string;
    memberId: string;
    members: readonly { memberId: string; memberMetadata: Buffer }[];
  }>;
  syncGroup(as: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(as: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(as: { groupId: string; memberId: string }): Promise<unknown>;
  describeGroups(of: { groupIds: readonly string[] }): Promise<{
    groups: readonly { members: readonly { memberId: string; clientId: string }[] }[];
  }>;
  offsetCommit(as: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: TopicsWith<{ partition: number; offset: string; metadata: string }>;
  }): Promise<unknown>;
  offsetFetch(of: { groupId: string; topics: TopicsWith<{ partition: number }> }): Promise<{
    responses: TopicsWith<{ partition: number; offset: string; metadata: string | null }>;
  }>;
  /** Finds the newest version of a request that both sides know, and makes it. */
  lookupRequest(
    apiKey: number,
    definition: unknown,
  ): (fields: object) => {
    readonly request: { readonly apiVersion: number };
    readonly requestTimeout?: number;
  };
  readonly connectionPool: {
    send<T>(message: {
      request: unknown;
      requestTimeout?: number | undefined;
      response: { decode(bytes: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
    }): Promise<T>;
  };
}

/** An error of the client: `type` is the protocol's name of it, when a broker answered with one. */
export type KafkaError = Error & { readonly type?: string };

/** A partition as the product writes it. */
export const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** What {@link keyOf} was made of. */
export function partitionOf(key: string): TopicPartition {
  const slash = key.lastIndexOf('/');
  return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) };
}

/** By topic, as requests want it. */
export function byTopic<T extends { readonly topic: string }>(
  items: readonly T[],
): { topic: string; partitions: T[] }[] {
  return [...Map.groupBy(items, ({ topic }) => topic)].map(([topic, partitions]) => ({ topic, partitions }));
}

/** Seconds for which a client believes what it knows of topics and their leaders. */
const METADATA_SECONDS = 60;

/**
 * Connections of its own, none of them made yet; whoever opens it disconnects it. The client makes them behind a symbol; nothing else of it is
 * asked by a name that is not public.
 */
export function createCluster(kafka: Kafka): KafkaCluster {
  const key = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  const create =
    key && (kafka as unknown as Record<symbol, (options: object) => KafkaCluster>)[key]?.bind(kafka);
  if (create === undefined) throw new Error('the Kafka client is not the version that this was made for');
  return create({
    metadataMaxAge: METADATA_SECONDS * 1000,
    allowAutoTopicCreation: false,
    isolationLevel: 1,
  });
}
