import type { TopicPartition } from './assignment.ts';
import type { Claims } from './claims.ts';

/** A partition that the group gave us. */
export interface Assigned extends TopicPartition {
  readonly key: string;
  /** Whether it is known where to go on in this generation of the group. */
  isPlaced: boolean;
  /** Offset of what is handed over next; undefined until that is known. */
  next: number | undefined;
  /** Offset of what is fetched next. */
  fetch: number;
  /** End of what the reader has taken, and the end up to which it was told that there is no more. */
  taken: number;
  told: number;
  /** Everything before it is durable, here or elsewhere. */
  bound: number;
  /** End of what was handed over and is not bound yet; undefined when all is. */
  pending: number | undefined;
  claims: Claims;
}

/** Of one that was not ours in the generation before. */
export const UNKNOWN = {
  next: undefined,
  fetch: 0,
  taken: 0,
  told: -1,
  bound: 0,
  pending: undefined,
  claims: new Map(),
};

/** Messages of a partition on their way to the reader. */
export interface Waiting {
  readonly state: Assigned;
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly availableAt: number;
  readonly messages: Promise<Uint8Array[]>;
}
