import { retry } from '../retry.ts';
import type { Covered } from '../source.ts';
import type { TopicPartition } from './assignment.ts';
import { partitionOf } from './cluster.ts';

/** Others whose last claims are kept; a data folder that was not seen among so many is believed to be gone. */
const MAX_OTHERS = 20;
const MARK = 'flowsentry/';
/** Among the claims, in place of a data folder: when the group began with the topic at its end, Unix milliseconds. */
export const SINCE = 'since';

/** Who bound a partition, and in which checkpoint: the newest first, and for each data folder its last. {@link SINCE} is never the first. */
export type Claims = ReadonlyMap<string, number>;

/**
 * Reads what a commit carries beside the offset. Empty when somebody else wrote it. The claims of others are carried on so that whoever died
 * between binding a checkpoint and carrying it out still finds its own, when another member has gone on with the partition meanwhile.
 */
export function parseClaims(metadata: string | null): Claims {
  const claims = new Map<string, number>();
  if (!metadata?.startsWith(MARK)) return claims;
  for (const entry of metadata.slice(MARK.length).split(' ')) {
    const [instance = '', seq] = entry.split('/');
    claims.set(instance, Number(seq));
  }
  return claims;
}

/** What a commit of the checkpoint `seq` carries, after those that were there. */
export function formatClaims(instance: string, seq: number, before: Claims): string {
  const since = [...before].filter(([who]) => who === SINCE);
  const others = [...before].filter(([who]) => who !== instance && who !== SINCE).slice(0, MAX_OTHERS);
  return MARK + [[instance, seq], ...since, ...others].map(([who, which]) => `${who}/${which}`).join(' ');
}

/** What was committed to a group, where it was. */
export interface Committed extends TopicPartition {
  /** Undefined where nobody committed one. */
  readonly offset: number | undefined;
  readonly metadata: string | null;
}

/** Whether a data folder bound a checkpoint. Asks until it knows; rejects when `signal` aborts. */
export async function isBound(question: {
  readonly instance: string;
  readonly seq: number;
  readonly covered: readonly Covered[];
  committed(partitions: readonly TopicPartition[]): Promise<readonly Committed[]>;
  complain(error: Error, seconds: number): void;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { instance, seq, complain, signal } = question;
  const partitions = question.covered.map(({ partition }) => partitionOf(partition));
  let found: readonly Committed[] = [];
  await retry(
    async () => {
      found = await question.committed(partitions);
    },
    complain,
    signal,
  );
  signal.throwIfAborted();
  // One request wrote all of them: one is enough.
  return found.some(({ metadata }) => parseClaims(metadata).get(instance) === seq);
}
