import { formatAddress, isIpv4, parseAddress } from '../columns/address.ts';

/** How often a caller may fail to say who he is within a minute before he is told to wait. */
const FAILURES_PER_MINUTE = 10;
const WINDOW_MS = 60_000;
const MAX_CALLERS = 10_000;

/** What counts as one caller: an IPv4 address, or the /64 of an IPv6 one, which one machine has to itself. */
export function callerOf(address: string): string {
  const words = parseAddress(address.replace(/%.*$/, ''));
  if (words === undefined) return address;
  if (isIpv4(words, 0)) return formatAddress(words);
  words[2] = 0;
  words[3] = 0;
  return `${formatAddress(words)}/64`;
}

export interface FailureLimiter {
  /**
   * Counts a refused request. Who is recognised is never held up: tokens cannot be guessed, and others may share the address. `first` is
   * true for the first one that is too many.
   */
  fail(address: string): { readonly limited: boolean; readonly first: boolean; readonly retryAfter: number };
}

/** Slows down callers who fail to say who they are, so that neither the log nor we are busy with them. The oldest of too many is forgotten. */
export function createFailureLimiter(now: () => number = Date.now): FailureLimiter {
  const windows = new Map<string, { start: number; count: number }>();
  return {
    fail(address) {
      const caller = callerOf(address);
      const time = now();
      let window = windows.get(caller);
      // A clock that was set back begins anew.
      if (window === undefined || time - window.start >= WINDOW_MS || time < window.start) {
        window = { start: time, count: 0 };
        windows.delete(caller);
        windows.set(caller, window);
        if (windows.size > MAX_CALLERS) windows.delete(windows.keys().next().value ?? '');
      }
      window.count++;
      return {
        limited: window.count > FAILURES_PER_MINUTE,
        first: window.count === FAILURES_PER_MINUTE + 1,
        retryAfter: Math.max(1, Math.ceil((window.start + WINDOW_MS - time) / 1000)),
      };
    },
  };
}
