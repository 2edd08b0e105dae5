import type { Admin, Kafka } from 'kafkajs';

/** What of the client's inside is used here. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  findGroupCoordinator(of: { groupId: string }): Promise<{
    leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
  }>;
}

/**
 * Takes out of the group what a killed process left in it under the same client id. The group would wait for it until its session ends, six
 * seconds at least, before anybody gets its partitions; the client has no static members, which is what Kafka has for this. It keeps the request
 * to itself, so that its inside is asked; where that is not as it was, the group waits.
 */
export async function expelPredecessors(
  kafka: Kafka,
  admin: Admin,
  groupId: string,
  clientId: string,
): Promise<number> {
  const { groups } = await admin.describeGroups([groupId]);
  const left = groups.flatMap(({ members }) => members).filter((member) => member.clientId === clientId);
  const key = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (left.length === 0 || key === undefined) return 0;
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[key];
  const cluster = create?.call(kafka, { metadataMaxAge: 60_000, allowAutoTopicCreation: false });
  if (cluster === undefined) return 0;
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    for (const { memberId } of left) await coordinator.leaveGroup({ groupId, memberId });
  } finally {
    await cluster.disconnect();
  }
  return left.length;
}
