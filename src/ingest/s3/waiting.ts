/** An object that is to be read. */
export interface Wanted {
  readonly partition: string;
  readonly key: string;
  readonly etag: string;
  /** When it was written, or told of, Unix milliseconds; 0 when it is not known. */
  readonly modified: number;
  /** When it was first refused, Unix milliseconds; absent as long as it was not, or nobody knows. */
  readonly refusedAt?: number | undefined;
  /** How often it was refused in this life, or as often as counts. */
  readonly refusals?: number;
}

/** Seconds until a refused object may be asked for again, after the first refusal, the second, and so on; the last for all that follow. */
const PAUSES = [5, 10, 20, 40, 80, 160, 300] as const;
/**
 * Least time between a refusal of an object that was refused before and the next such question, of all together. A bucket may hold hundreds of
 * thousands that are not for us; what is given costs no pause, so that they come fast when a person has mended it.
 */
const PACE_MS = 1000;

/** The objects that are to be asked for: those that are new, in their order, and apart from them those that were refused. */
export interface Waiting {
  add(wanted: Wanted): void;
  /** How many are new. */
  readonly added: number;
  /** The next new one. */
  next(): Wanted | undefined;
  /** It was refused: it waits longer each time. */
  refuse(wanted: Wanted): void;
  /** It was refused in an earlier life, who knows how often. */
  addRefused(wanted: Wanted): void;
  /** How many wait that were refused. */
  readonly refused: number;
  /** The next one that was refused and may be asked for now. */
  nextRefused(): Wanted | undefined;
  /** Milliseconds until {@link nextRefused} has one; undefined when none waits. */
  pause(): number | undefined;
}

/** `now` gives milliseconds of a steady clock. */
export function createWaiting(now: () => number): Waiting {
  const fresh: Wanted[] = [];
  /** By the number of refusals. Each is in the order in which they are due, since all in it wait equally long. */
  const levels: { readonly wanted: Wanted; readonly dueAt: number }[][] = PAUSES.map(() => []);
  const last = levels.length - 1;
  let openAt = Number.NEGATIVE_INFINITY;
  let isFewestTurn = false;

  const dueAt = (level: (typeof levels)[number]): number => level[0]?.dueAt ?? Number.POSITIVE_INFINITY;
  const earliest = (): (typeof levels)[number] => levels.reduce((a, b) => (dueAt(b) < dueAt(a) ? b : a));

  return {
    add(wanted) {
      fresh.push(wanted);
    },
    get added() {
      return fresh.length;
    },
    next: () => fresh.shift(),
    refuse(wanted) {
      const { refusals = 0 } = wanted;
      const level = Math.min(refusals, last);
      levels[level]!.push({
        wanted: { ...wanted, refusals: refusals + 1 },
        dueAt: now() + PAUSES[level]! * 1000,
      });
      if (refusals > 0) openAt = now() + PACE_MS;
    },
    addRefused(wanted) {
      levels[last]!.push({ wanted: { ...wanted, refusals: last }, dueAt: now() });
    },
    get refused() {
      return levels.reduce((sum, level) => sum + level.length, 0);
    },
    nextRefused() {
      const at = now();
      if (at < openAt) return undefined;
      // In turns, so that one of a short outage is not behind thousands that are never given, and none waits for ever.
      isFewestTurn = !isFewestTurn;
      const level = (isFewestTurn ? levels.find((one) => dueAt(one) <= at) : undefined) ?? earliest();
      return dueAt(level) <= at ? level.shift()!.wanted : undefined;
    },
    pause() {
      const at = Math.max(openAt, dueAt(earliest()));
      return at === Number.POSITIVE_INFINITY ? undefined : Math.max(at - now(), 0);
    },
  };
}
