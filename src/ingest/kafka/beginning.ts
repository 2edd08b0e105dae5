import { type Claims, type Committed, parseClaims, SINCE } from './claims.ts';
import { partitionOf } from './cluster.ts';
import type { Fetcher, Wanted } from './fetch.ts';
import type { Member } from './member.ts';
import type { KafkaOptions } from './options.ts';
import type { Assigned } from './partition.ts';

/**
 * Where a partition goes on, and whether another member stored it since it was ours; `start` is undefined where nobody has a position. Our own
 * position decides, unless another member stored more of it. What that one stored may end before ours: when the log was cut off.
 */
export function goOnAt(
  { next, bound, claims }: Pick<Assigned, 'next' | 'bound' | 'claims'>,
  own: number | undefined,
  theirs: number | undefined,
  instance: string,
): { readonly start: number | undefined; readonly isTheirs: boolean } {
  const [by] = claims.keys();
  const mine = next === undefined ? own : bound;
  const isOthers = theirs !== undefined && by !== instance;
  // A claim that names us came after ours. Any other offset before ours was set by hand, and our position counts.
  const isTheirs =
    isOthers && (mine === undefined || theirs > mine || (theirs < mine && claims.has(instance)));
  return { start: isTheirs ? theirs : (next ?? own ?? theirs), isTheirs };
}

/**
 * Where a partition begins that nobody has a position of, and what is claimed with it. From the latest on means from when the group began with the
 * topic: a partition that was added later has nothing from before that, and of one whose begin did not become durable nothing is passed over.
 */
export async function beginningOf(
  of: Pick<Assigned, 'topic' | 'partition'>,
  from: {
    readonly fetcher: Pick<Fetcher, 'range' | 'firstSince'>;
    readonly member: Pick<Member, 'committed' | 'partitions'>;
    /** Our own positions. */
    readonly durable: ReadonlyMap<string, number>;
    readonly startFrom: KafkaOptions['startFrom'];
  },
): Promise<{ readonly start: number; readonly claims: Claims }> {
  const { durable, fetcher, member } = from;
  const now = Date.now();
  const { low, high } = await fetcher.range(of);
  if (from.startFrom === 'earliest') return { start: low, claims: new Map() };
  const all = (await member.committed(await member.partitions())).filter(({ topic }) => topic === of.topic);
  const since = readSince(all);
  if (since !== undefined)
    return { start: (await fetcher.firstSince(of, since)) ?? high, claims: new Map([[SINCE, since]]) };
  const isKnown =
    all.some(({ offset }) => offset !== undefined) ||
    [...durable.keys()].some((key) => partitionOf(key).topic === of.topic);
  // A group of before does not say since when: rather too much of it than what came while nobody read.
  return isKnown ? { start: low, claims: new Map() } : { start: high, claims: new Map([[SINCE, now]]) };
}

/** Since when a group reads a topic, Unix milliseconds; undefined when it does not say. */
function readSince(committed: readonly Committed[]): number | undefined {
  const times = committed.flatMap(({ metadata }) => parseClaims(metadata).get(SINCE) ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

/**
 * Where a partition goes on whose broker does not have the offset that is wanted, and why; undefined when it has it by now. `newest` is the time
 * of the youngest message that was read of it, Unix milliseconds, where we know it.
 *
 * A log that was cut off at its end (an unclean election, a restored disk) ends before the offset, and so does a topic that was made anew. The
 * client knows neither epochs nor ids of topics, but what was read is no younger than `newest`: what is, was not, so nothing comes twice. Without
 * that time a log from 0 on is taken for a new one, which repeats one that never dropped anything; any other for one that was cut off.
 */
export async function afterGap(
  fetcher: Pick<Fetcher, 'range' | 'firstSince'>,
  { offset, ...of }: Wanted,
  newest: number | undefined,
): Promise<{ readonly start: number; readonly reason: string } | undefined> {
  const { low, high } = await fetcher.range(of);
  if (low > offset) return { start: low, reason: 'the broker keeps these messages no longer' };
  if (high >= offset) return undefined;
  const guess = low === 0 ? 0 : high;
  const start = newest === undefined ? guess : ((await fetcher.firstSince(of, newest)) ?? high);
  const isAnew = high === 0 || (start === low && low < high);
  return {
    start,
    reason: isAnew
      ? 'the topic begins anew: it was deleted and made again'
      : 'the broker lost its newest messages: the log was cut off',
  };
}
