/** Milliseconds that the first retry waits at most, doubled for each one after it, up to the last. */
const RETRY_MS = { first: 1000, last: 300_000 };
/** Longest wait that another side can ask for: reliability.md R9. */
const MAX_ASKED_MS = 600_000;
/** Failures one after the other after which a sink is only probed. */
const BREAK_AFTER = 5;
/** Failures one after the other after which whoever runs this should know: half a minute of a side that hangs. */
const FAILING_AFTER = 3;
const PROBE_MS = { first: 1000, last: 60_000 };
const MINUTE_MS = 60_000;

/** Full jitter: a random part of a time that doubles, so that many who failed together do not come back together. */
function jittered({ first, last }: typeof RETRY_MS, failures: number, random: () => number): number {
  return random() * Math.min(last, first * 2 ** Math.max(0, failures - 1));
}

/** Milliseconds until a message that failed so often is tried again; never before the other side asked for it. */
export function retryDelay(failures: number, askedSeconds: number | undefined, random = Math.random): number {
  const asked = Math.min((askedSeconds ?? 0) * 1000, MAX_ASKED_MS);
  return Math.max(asked, jittered(RETRY_MS, failures, random));
}

/** Seconds of a `Retry-After` header: a number, or a date (RFC 9110 §10.2.3); undefined where it says neither. */
export function retryAfterSeconds(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000);
}

/** When a sink may be called: so many times a minute, with a pause in between, not while it asked for a pause, and one at a time while it fails. */
export interface Pace {
  /** The moment (Unix milliseconds) from which a call is allowed. */
  allowedAt(now: number, inFlight: number): number;
  /** A call begins. */
  began(now: number): void;
  succeeded(): void;
  /** It failed in a way that may pass. */
  failed(now: number): void;
  pauseUntil(moment: number): void;
  /** It fails again and again, and is only probed. */
  readonly isBroken: boolean;
  /** It failed some times in a row. */
  readonly isFailing: boolean;
}

export function createPace(rate: number, spacing = 0, random = Math.random): Pace {
  /** When the last calls began, as many as a minute may have. */
  const began: number[] = [];
  let last = 0;
  let failures = 0;
  let probeAt = 0;
  let pausedUntil = 0;
  return {
    allowedAt(now, inFlight) {
      let at = pausedUntil > now + MAX_ASKED_MS ? now : pausedUntil;
      if (failures >= BREAK_AFTER) at = inFlight > 0 ? Number.POSITIVE_INFINITY : Math.max(at, probeAt);
      if (last <= now) at = Math.max(at, last + spacing);
      // Forgets what a clock that was put back would make last for ever.
      while (began.length > 0 && (began[0]! <= now - MINUTE_MS || began[0]! > now)) began.shift();
      return began.length >= rate ? Math.max(at, began[0]! + MINUTE_MS) : at;
    },
    began(now) {
      last = now;
      if (Number.isFinite(rate)) began.push(now);
    },
    succeeded() {
      failures = 0;
    },
    failed(now) {
      failures++;
      if (failures >= BREAK_AFTER) probeAt = now + jittered(PROBE_MS, failures - BREAK_AFTER + 1, random);
    },
    pauseUntil(moment) {
      pausedUntil = Math.max(pausedUntil, moment);
    },
    get isBroken() {
      return failures >= BREAK_AFTER;
    },
    get isFailing() {
      return failures >= FAILING_AFTER;
    },
  };
}
