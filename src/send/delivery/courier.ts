import type { Outcome, Sink } from '../sink.ts';
import { ATTEMPT_MS } from '../sinks/http.ts';
import type { Queue, Settled, Waiting } from './queue.ts';

export interface CourierOptions {
  readonly queue: Queue;
  readonly sink: Sink;
  /** Makes everything that was noted down until now durable. */
  write(): Promise<void>;
  /** The clock, Unix milliseconds. */
  now(): number;
  onSettled(one: Waiting, outcome: Outcome, settled: Settled): void;
  /** What was noted cannot be made durable: nothing goes on. */
  onFailure(error: unknown): void;
}

/** Brings the messages of one queue to its sink, and waits for nobody else. */
export interface Courier {
  /** Something may be due. */
  wake(): void;
  /** Lets attempts end, for so many milliseconds; what did not is tried again by the next process. */
  close(milliseconds: number): Promise<void>;
}

/** Milliseconds after which it looks again, at the latest: the clock may have been put forward. */
const LOOK_MS = 5000;
const SOON_MS = 20;
/**
 * Milliseconds after which a message no longer waits for the answer to the one before it. Until then one is on its way: a kill leaves one in
 * doubt, which comes twice, and not as many as a sink takes at once. Price: a sink that answers in 200 ms gets five a second.
 */
const SLOW_MS = 1000;

export function startCourier(options: CourierOptions): Courier {
  const { queue, sink, now } = options;
  /** Attempts and when they began, by a clock that nobody sets. */
  const attempts = new Map<Promise<void>, number>();
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function attempt(one: Waiting): Promise<void> {
    try {
      // Nothing leaves that would be another message after a crash.
      await options.write();
      if (ended.signal.aborted) return;
      const outcome = await within(ATTEMPT_MS, (signal) => sink.deliver(one.message, signal), ended.signal);
      if (outcome === undefined) return;
      const settled = queue.settle(one.message.key, outcome, now());
      options.onSettled(one, outcome, settled);
      await options.write();
    } catch (error) {
      options.onFailure(error);
      isClosed = true;
    }
  }

  /** When the newest attempt counts as slow. */
  function slowAt(): number {
    return Math.max(0, ...[...attempts.values()].map((began) => began + SLOW_MS));
  }

  function pump(): void {
    clearTimeout(timer);
    if (isClosed) return;
    while (slowAt() <= performance.now()) {
      const one = queue.next(now());
      if (one === undefined) break;
      const done = attempt(one).finally(() => {
        attempts.delete(done);
        pump();
      });
      attempts.set(done, performance.now());
    }
    const due = Math.max(queue.wakeAt(now()) - now(), slowAt() - performance.now());
    // An answer that is there already is read before anybody calls it slow.
    timer = setTimeout(() => setImmediate(pump), Math.min(LOOK_MS, Math.max(SOON_MS, due)));
    timer.unref();
  }

  pump();
  return {
    wake: pump,
    async close(milliseconds) {
      isClosed = true;
      clearTimeout(timer);
      const patience = setTimeout(() => ended.abort(), milliseconds);
      await Promise.all(attempts.keys());
      clearTimeout(patience);
      await sink.close();
    },
  };
}

/** What an attempt gives within its time, whether or not the sink heeds the signal; undefined when `ended` aborts first. */
async function within(
  milliseconds: number,
  deliver: (signal: AbortSignal) => Promise<Outcome>,
  ended: AbortSignal,
): Promise<Outcome | undefined> {
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let onEnd = (): void => {};
  const late = new Promise<Outcome | undefined>((resolve) => {
    timer = setTimeout(() => {
      limit.abort();
      resolve({ delivered: false, reason: 'timeout', detail: `no answer within ${milliseconds / 1000} s` });
    }, milliseconds);
    onEnd = () => {
      limit.abort();
      resolve(undefined);
    };
    ended.addEventListener('abort', onEnd);
  });
  const attempt = deliver(limit.signal).catch(
    (error: Error): Outcome => ({ delivered: false, reason: 'unreachable', detail: error.message }),
  );
  try {
    return await Promise.race([attempt, late]);
  } finally {
    clearTimeout(timer);
    // It lives as long as the process: what listens to it stays.
    ended.removeEventListener('abort', onEnd);
  }
}
