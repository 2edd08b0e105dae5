import { type Count, type Covered, type Message, messageKey } from '../message.ts';
import { type FailureReason, type Outcome, PERMANENT, type SinkTraits } from '../sink.ts';
import type { Units } from '../units/units.ts';
import type { Wording } from '../words/wording.ts';
import type { Save } from './ledger.ts';
import { createPace, retryDelay } from './pace.ts';

/** A message on its way, as it is remembered. */
export interface Waiting {
  readonly message: Message;
  readonly covers: readonly Covered[];
  readonly attempts: number;
  /** Unix milliseconds: made, and not to be tried before. */
  readonly made: number;
  readonly notBefore: number;
  readonly failure?: Failure | undefined;
}

export interface Failure {
  readonly reason: FailureReason;
  readonly detail: string;
  /** ISO 8601. */
  readonly at: string;
}

/** A message that will not be tried again by itself. */
export interface DeadLetter extends Waiting {
  readonly failure: Failure;
}

export interface QueueOptions {
  readonly sink: string;
  readonly traits: SinkTraits;
  /** Messages a minute. */
  readonly rate: number;
  /** Milliseconds after which a message that always fails is given up. */
  readonly retryFor: number;
  readonly units: Units;
  /** Finds the words of a message, once. */
  readonly wording: Wording;
  readonly messages: ReadonlyMap<string, Waiting>;
  readonly dead: ReadonlyMap<string, DeadLetter>;
  /** Unix milliseconds up to which the other side asked to wait. */
  readonly pausedUntil: number;
  readonly save: Save;
}

/** What came of an attempt: for logs and counters. */
export type Settled = 'delivered' | 'retried' | 'dead';

/** Messages to one sink: what is said next, and what comes of it. Times are Unix milliseconds. */
export interface Queue {
  /** A message to try now; it counts as being tried until {@link settle}. Undefined when there is none, or it is not time. */
  next(now: number): Waiting | undefined;
  settle(key: string, outcome: Outcome, now: number): Settled;
  /** When {@link next} is worth asking again; infinite when nothing waits but what is being tried. */
  wakeAt(now: number): number;
  /** Tries dead letters again, or all of them without a key; returns how many. */
  revive(key: string | undefined, now: number): number;
  /** Forgets dead letters, or all without a key; returns how many. */
  bury(key: string | undefined): number;
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly dead: ReadonlyMap<string, DeadLetter>;
  /** It fails again and again. */
  readonly isBroken: boolean;
  /** It failed some times in a row. */
  readonly isFailing: boolean;
}

/** Messages that exist at once: the others are made when their turn comes, from what is then. */
const MAX_MESSAGES = 64;
/** Dead letters that are kept; older ones give way. */
const MAX_DEAD = 1000;

export function createQueue(options: QueueOptions): Queue {
  const { sink, traits, units, save } = options;
  const waiting = new Map(options.messages);
  const dead = new Map(options.dead);
  const trying = new Set<string>();
  const pace = createPace(options.rate, traits.spacing);
  pace.pauseUntil(options.pausedUntil);
  for (const { message } of waiting.values()) units.occupy(message.unit);

  function put(kind: 'message' | 'dead', key: string, value: Waiting | undefined): void {
    const all = (kind === 'message' ? waiting : dead) as Map<string, Waiting>;
    if (value === undefined) all.delete(key);
    else all.set(key, value);
    save(kind, `${sink} ${key}`, value);
  }

  /** The oldest message whose turn has come, or a new one. */
  function pick(now: number): Waiting | undefined {
    for (const [key, one] of waiting) if (!trying.has(key) && one.notBefore <= now) return one;
    if (waiting.size >= MAX_MESSAGES) return undefined;
    const draft = units.draft(now);
    if (draft === undefined) return undefined;
    const { covers, opened, number, ...content } = draft;
    const key = messageKey(sink, draft.unit, opened, number, covers);
    // Where each alert is an incident of its own, only a digest can speak of others.
    const isDigest = traits.unit !== 'alert' || !traits.folds || draft.kind === 'digest';
    const dropped: readonly Count[] = isDigest ? units.takeDropped() : [];
    const bare: Message = { ...content, key, sink, dropped, at: new Date(now).toISOString() };
    // A line of data for each alert has no words.
    const message = traits.unit === 'batch' ? bare : { ...bare, words: options.wording(bare) };
    const made: Waiting = { message, covers, attempts: 0, made: now, notBefore: now };
    put('message', key, made);
    return made;
  }

  return {
    next(now) {
      if (trying.size >= traits.concurrency || pace.allowedAt(now, trying.size) > now) return undefined;
      const picked = pick(now);
      if (picked === undefined) return undefined;
      trying.add(picked.message.key);
      pace.began(now);
      return picked;
    },
    settle(key, outcome, now) {
      trying.delete(key);
      const one = waiting.get(key);
      if (one === undefined) return 'dead';
      if (outcome.delivered) {
        pace.succeeded();
        put('message', key, undefined);
        units.settle(one.message, one.covers, outcome.note, now);
        return 'delivered';
      }
      const { detail, retryAfter } = outcome;
      const attempts = one.attempts + 1;
      const isPermanent = PERMANENT.has(outcome.reason);
      // A side that refuses one message is there for others.
      if (isPermanent) pace.succeeded();
      else pace.failed(now);
      const isExpired = !isPermanent && now - one.made >= options.retryFor;
      const reason = isExpired ? 'expired' : outcome.reason;
      const failure = { reason, detail, at: new Date(now).toISOString() };
      if (!isPermanent && !isExpired) {
        const notBefore = now + retryDelay(attempts, retryAfter);
        if (retryAfter !== undefined) {
          pace.pauseUntil(notBefore);
          save('pause', sink, { until: notBefore });
        }
        put('message', key, { ...one, attempts, notBefore, failure });
        return 'retried';
      }
      put('message', key, undefined);
      put('dead', key, { ...one, attempts, failure });
      const [oldest] = dead.keys();
      if (dead.size > MAX_DEAD && oldest !== undefined) put('dead', oldest, undefined);
      units.settle(one.message, one.covers, undefined, now);
      return 'dead';
    },
    wakeAt(now) {
      if (trying.size >= traits.concurrency) return Number.POSITIVE_INFINITY;
      let at = waiting.size >= MAX_MESSAGES ? Number.POSITIVE_INFINITY : units.dueAt();
      for (const [key, { notBefore }] of waiting) if (!trying.has(key)) at = Math.min(at, notBefore);
      return Math.max(at, pace.allowedAt(now, trying.size));
    },
    revive(wanted, now) {
      const found = chosen(dead, wanted);
      for (const [key, { failure: _, ...one }] of found) {
        put('dead', key, undefined);
        put('message', key, { ...one, attempts: 0, made: now, notBefore: now });
      }
      return found.length;
    },
    bury(wanted) {
      const found = chosen(dead, wanted);
      for (const [key] of found) put('dead', key, undefined);
      return found.length;
    },
    waiting,
    dead,
    get isBroken() {
      return pace.isBroken;
    },
    get isFailing() {
      return pace.isFailing;
    },
  };
}

/** Letters whose key begins with what was asked for. */
function chosen(dead: ReadonlyMap<string, DeadLetter>, wanted: string | undefined): [string, DeadLetter][] {
  return [...dead].filter(([key]) => wanted === undefined || key.startsWith(wanted));
}
