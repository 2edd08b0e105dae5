import { setTimeout as sleep } from 'node:timers/promises';

/** Seconds between two attempts, at most. */
const MAX_SECONDS = 60;

/** Tries until it succeeds or the signal aborts, for ever, with growing pauses. `fail` hears of each failure and the pause after it. */
export async function retry(
  task: () => Promise<void>,
  fail: (error: Error, seconds: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let seconds = 1; !signal.aborted; seconds = Math.min(2 * seconds, MAX_SECONDS)) {
    try {
      await task();
      return;
    } catch (error) {
      if (signal.aborted) return;
      fail(error as Error, seconds);
      await sleep(seconds * 1000, undefined, { signal }).catch(() => {});
    }
  }
}
