import { setTimeout as sleep } from 'node:timers/promises';
import { openKafka } from '../../outbound/kafka.ts';
import type { Covered, Resume, Source, SourceEvents } from '../source.ts';
import { afterGap, beginningOf, goOnAt } from './beginning.ts';
import { type Committed, formatClaims, isBound, parseClaims } from './claims.ts';
import { createCluster, keyOf } from './cluster.ts';
import { createFetcher, type Fetched, type Wanted } from './fetch.ts';
import { createMember } from './member.ts';
import type { KafkaOptions } from './options.ts';
import { type Assigned, UNKNOWN, type Waiting } from './partition.ts';
import { endOf, unpack } from './records.ts';

/** Milliseconds between two requests for a checkpoint while the group waits. */
const FLUSH_MS = 300;
/** Milliseconds that a claim gets after everything was told to stop: then what it covers is read again, or found bound by the next start. */
const LAST_CLAIM_MS = 3000;
/** Milliseconds before a failed request is made again. */
const RETRY_MS = 500;

/**
 * A member of a consumer group. Our own positions decide where a partition is read from, unless another member has stored more of it since; the
 * group's offsets are written behind them. Before the group changes, what was read is bound; what could not be by then is void.
 */
export async function createKafkaSource(
  options: KafkaOptions,
  resume: Resume,
  events: SourceEvents,
): Promise<Source> {
  const { groupId, name: source, topics } = options;
  const { instance } = resume;
  // The data folder's own: nobody else alive has it.
  const clientId = `flowsentry-${instance}-${source}`;
  const client = await openKafka(options, clientId, events.log);
  const openCluster = () => createCluster(client.kafka);
  /** Offsets up to which we made partitions durable, whether they are ours at the moment or not. */
  const durable = new Map([...resume.positions].map(([key, { next }]) => [key, next]));
  /** The newest time of what was read of partitions, Unix milliseconds, where we know it: the note of their positions. */
  const newest = new Map(
    [...resume.positions].flatMap(([key, { note }]) => (note === undefined ? [] : [[key, Number(note)]])),
  );
  let assigned = new Map<string, Assigned>();
  /** Resolves when it is known where each of them begins. */
  let placed: Promise<void> = Promise.resolve();
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let failure: Error | undefined;
  /** The group waits for us to let go: nothing new is handed over. */
  let isReleasing = false;
  const stopped = new AbortController();
  let changed = Promise.withResolvers<void>();
  /** Wakes whoever waits for a change. */
  const change = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const fail = (error: Error): void => {
    failure ??= error;
    change();
  };
  const pendingOnes = (): Assigned[] => [...assigned.values()].filter(({ pending }) => pending !== undefined);

  const member = createMember({
    ...{ groupId, clientId, topics, sessionTimeout: options.sessionTimeout * 1000 },
    openCluster,
    owned: () => [...assigned.keys()],
    async release(signal) {
      isReleasing = true;
      while (pendingOnes().length > 0 && failure === undefined && !signal.aborted) {
        events.flush();
        await Promise.race([changed.promise, sleep(FLUSH_MS, undefined, { ref: false })]);
      }
    },
    assign(partitions) {
      const next = new Map<string, Assigned>();
      for (const { topic, partition } of partitions) {
        const key = keyOf(topic, partition);
        next.set(key, { ...(assigned.get(key) ?? UNKNOWN), key, topic, partition, isPlaced: false });
      }
      const lost = pendingOnes().find(({ key }) => !next.has(key));
      if (lost !== undefined)
        fail(
          new Error(`the group gave ${lost.key} to another member before what was read of it was durable`),
        );
      assigned = next;
      waiting = [];
      waitingBytes = 0;
      isReleasing = false;
      events.lanes([...next.keys()]);
      placed = place(next);
    },
    complain: ({ message: error }, seconds) =>
      events.log('warn', 'cannot reach the consumer group; it is tried again', { source, error, seconds }),
  });

  const fetcher = createFetcher({
    ...{ topics, maxBytes: options.maxBytes, openCluster },
    wanted: () =>
      waitingBytes >= options.maxBytes || isReleasing || stopped.signal.aborted
        ? []
        : [...assigned.values()]
            .filter(({ isPlaced }) => isPlaced)
            .map(({ topic, partition, fetch }) => ({ topic, partition, offset: fetch })),
    took(wanted, fetched) {
      const state = assigned.get(keyOf(wanted.topic, wanted.partition));
      if (state?.isPlaced && state.fetch === wanted.offset) take(state, fetched);
    },
    outOfRange: (wanted) => jump(wanted),
    complain: ({ message: error }) =>
      events.log('warn', 'cannot fetch from Kafka; it is tried again', { source, error }),
  });

  const take = (state: Assigned, fetched: Fetched): void => {
    const end = endOf(fetched);
    if (end !== undefined && end.next > state.fetch) {
      const bytes = fetched.bytes.length;
      waiting.push({
        ...{ state, from: state.fetch, to: end.next, bytes, availableAt: end.time },
        messages: unpack(fetched),
      });
      waitingBytes += bytes;
      state.fetch = end.next;
      change();
    }
    // What waits here for the reader comes before it hears that there is no more.
    if (state.fetch < fetched.end || state.taken !== state.fetch || state.told === state.fetch) return;
    state.told = state.fetch;
    events.caughtUp(state.key);
  };

  /** The offset that we want is not there any more. */
  const jump = async ({ topic, partition, offset }: Wanted): Promise<boolean> => {
    const key = keyOf(topic, partition);
    const found = await afterGap(fetcher, { topic, partition, offset }, newest.get(key));
    const state = assigned.get(key);
    // What waits comes first.
    if (found === undefined || !state?.isPlaced || state.fetch !== offset || state.next !== offset)
      return false;
    const { start, reason } = found;
    events.lost({ partition: key, from: offset, ...(start > offset ? { to: start } : {}), reason });
    beginAt(state, start);
    return true;
  };

  const goTo = (state: Assigned, offset: number): void => {
    state.next = offset;
    state.fetch = offset;
    state.taken = offset;
  };

  /**
   * Without messages, so that it becomes durable that we are here: else the next start, or the next member, begins after what comes until then,
   * or takes an offset that we left for one that is there.
   */
  const beginAt = (state: Assigned, offset: number): void => {
    goTo(state, offset);
    // The reader has to take it before it hears that there is no more.
    state.taken = -1;
    state.told = -1;
    const messages = Promise.resolve([]);
    waiting.push({ state, from: offset, to: offset, bytes: 0, availableAt: -1, messages });
    change();
  };

  /** Finds where each partition begins. */
  const place = async (states: Map<string, Assigned>): Promise<void> => {
    while (assigned === states && !stopped.signal.aborted && failure === undefined) {
      try {
        const committed = states.size === 0 ? [] : await member.committed([...states.values()]);
        for (const one of committed) {
          const state = states.get(keyOf(one.topic, one.partition));
          if (state?.isPlaced === false) await begin(state, one);
        }
        break;
      } catch (cause) {
        const error = (cause as Error).message;
        events.log('warn', 'cannot learn where to begin; it is tried again', { source, error });
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
    fetcher.pump();
  };

  const begin = async (state: Assigned, { offset: theirs, metadata }: Committed): Promise<void> => {
    const { key } = state;
    if (theirs !== undefined) state.claims = parseClaims(metadata);
    const own = durable.get(key);
    const known = goOnAt(state, own, theirs, instance);
    if (known.isTheirs) {
      if (state.pending !== undefined) fail(new Error(`another member stored ${key} meanwhile`));
      newest.delete(key);
    }
    let { start } = known;
    if (start === undefined) {
      const begun = await beginningOf(state, { fetcher, member, durable, startFrom: options.startFrom });
      ({ start, claims: state.claims } = begun);
    }
    if (state.pending === undefined) state.bound = start;
    if (state.pending === undefined && start !== own && start !== theirs) beginAt(state, start);
    else goTo(state, start);
    state.isPlaced = true;
  };

  /** Rejects a while after everything was told to stop. */
  const expired = Promise.withResolvers<never>();
  expired.promise.catch(() => {});
  stopped.signal.addEventListener('abort', () => {
    const late = new Error('the group was not there to bind it before the end');
    setTimeout(() => expired.reject(late), LAST_CLAIM_MS).unref();
  });

  const bind = async (seq: number, covered: readonly Covered[]): Promise<'done' | 'again'> => {
    await member.settled();
    await placed;
    if (failure !== undefined) throw failure;
    const offsets = covered.map(({ partition: key, next }) => {
      const state = assigned.get(key);
      if (state === undefined) throw new Error(`the group gave ${key} to another member`);
      const { topic, partition, claims } = state;
      return { topic, partition, offset: String(next), metadata: formatClaims(instance, seq, claims) };
    });
    try {
      if ((await member.commit(offsets)) === 'stale') return 'again';
    } catch (cause) {
      const error = (cause as Error).message;
      // The same again changes nothing when it was carried out, and the group knows whether we still may.
      events.log('warn', 'cannot bind what was read; it is tried again', { source, error });
      await sleep(RETRY_MS, undefined, { ref: false });
      return 'again';
    }
    for (const [i, { partition: key, next }] of covered.entries()) {
      durable.set(key, next);
      const state = assigned.get(key);
      if (state === undefined) continue;
      state.bound = next;
      state.claims = parseClaims(offsets[i]?.metadata ?? null);
      if (state.pending === next) state.pending = undefined;
    }
    change();
    return 'done';
  };

  const away = new AbortController();
  return {
    async *deliveries(signal) {
      signal.addEventListener('abort', change, { once: true });
      void member.run(away.signal);
      try {
        for (;;) {
          if (failure !== undefined) throw failure;
          if (signal.aborted) return;
          const next = isReleasing ? undefined : waiting.shift();
          if (next === undefined) {
            await changed.promise;
            continue;
          }
          waitingBytes -= next.bytes;
          fetcher.pump();
          const { state, from, to, availableAt } = next;
          const messages = await next.messages;
          // The group changes: it is fetched again where it is ours.
          if (assigned.get(state.key) !== state || isReleasing) continue;
          state.next = to;
          state.pending = to;
          const time = Math.max(newest.get(state.key) ?? -1, availableAt);
          if (time >= 0) newest.set(state.key, time);
          yield {
            ...{ partition: state.key, lane: state.key, from, to, last: false, format: options.format },
            content: { kind: 'messages', messages },
            ...(time < 0 ? {} : { note: String(time) }),
            ...(availableAt < 0 ? {} : { availableAt }),
          };
          (assigned.get(state.key) ?? state).taken = to;
        }
      } finally {
        stopped.abort();
      }
    },
    async claim(seq, covered) {
      while ((await Promise.race([bind(seq, covered), expired.promise])) !== 'done');
    },
    wasClaimed: (seq, covered, signal) => {
      const complain = ({ message: error }: Error, seconds: number): void =>
        events.log('warn', 'cannot learn what was bound; it is tried again', { source, error, seconds });
      return isBound({ instance, seq, covered, committed: member.committed, complain, signal });
    },
    async close() {
      stopped.abort();
      away.abort();
      fetcher.close();
      await member.leave();
      client.close();
    },
  };
}
