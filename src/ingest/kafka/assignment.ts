import kafkajs from 'kafkajs';
import { byTopic, keyOf } from './cluster.ts';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Name under which members agree on how partitions are shared out. */
export const PROTOCOL = 'flowsentry-sticky';
const VERSION = 1;

/** What a member had in its last generation, so that it keeps it. */
interface Owned {
  readonly generation: number;
  readonly partitions: readonly string[];
}

interface Applicant {
  readonly memberId: string;
  readonly owned: Owned;
}

/** What a member says of itself when it joins. */
export function encodeSubscription(topics: readonly string[], owned: Owned): Buffer {
  return MemberMetadata.encode({
    version: VERSION,
    topics: [...topics],
    userData: Buffer.from(JSON.stringify(owned)),
  });
}

function ownedOf(metadata: Buffer): Owned {
  const text = MemberMetadata.decode(metadata)?.userData.toString() ?? '';
  return text === '' ? { generation: -1, partitions: [] } : JSON.parse(text);
}

/** The leader's answer for everybody. */
export function encodeAssignments(
  members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[],
  partitions: readonly TopicPartition[],
): { memberId: string; memberAssignment: Buffer }[] {
  const applicants = members.map(({ memberId, memberMetadata }) => ({
    memberId,
    owned: ownedOf(memberMetadata),
  }));
  return [...share(applicants, partitions)].map(([memberId, mine]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({
      version: VERSION,
      assignment: Object.fromEntries(
        byTopic(mine).map(({ topic, partitions }) => [topic, partitions.map(({ partition }) => partition)]),
      ),
      userData: Buffer.alloc(0),
    }),
  }));
}

export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  const assignment = bytes.length === 0 ? undefined : MemberAssignment.decode(bytes)?.assignment;
  return Object.entries(assignment ?? {}).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

/**
 * Shares partitions out evenly, and leaves to each member as much of what it had as that allows: a partition that moves is one whose
 * connections are judged in two halves. Where two say that they have one, the later generation is right.
 */
export function share(
  applicants: readonly Applicant[],
  partitions: readonly TopicPartition[],
): Map<string, TopicPartition[]> {
  const owners = new Map<string, Applicant>();
  for (const applicant of applicants)
    for (const key of applicant.owned.partitions)
      if ((owners.get(key)?.owned.generation ?? -1) < applicant.owned.generation) owners.set(key, applicant);
  const kept = Map.groupBy(
    partitions,
    ({ topic, partition }) => owners.get(keyOf(topic, partition))?.memberId,
  );
  // Who has most keeps the odd ones.
  const order = applicants
    .map(({ memberId }) => ({ memberId, had: kept.get(memberId) ?? [] }))
    .sort((a, b) => b.had.length - a.had.length || (a.memberId < b.memberId ? -1 : 1));
  const least = Math.floor(partitions.length / order.length);
  const odd = partitions.length % order.length;
  const quota = (i: number): number => least + (i < odd ? 1 : 0);
  const shares = new Map(order.map(({ memberId, had }, i) => [memberId, had.slice(0, quota(i))]));
  const taken = new Set([...shares.values()].flat().map(({ topic, partition }) => keyOf(topic, partition)));
  const free = partitions.filter(({ topic, partition }) => !taken.has(keyOf(topic, partition)));
  for (const [i, mine] of [...shares.values()].entries())
    mine.push(...free.splice(0, quota(i) - mine.length));
  return shares;
}
