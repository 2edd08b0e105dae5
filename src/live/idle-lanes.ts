/** Lanes that have caught up, or that were not heard of yet, and for how long nothing came of them. */
export interface IdleLanes {
  /** Nothing more can be read of the lane at this moment. */
  caughtUp(lane: string): void;
  /** Records of the lane came. */
  came(lane: string): void;
  /** Of those whose names begin with `owner`, these are ours from now on; one that comes back later is as a new one. */
  keep(owner: string, lanes: readonly string[]): void;
  /** Lanes that have been silent for long enough, each once until records of it come. */
  take(): string[];
  /** For so long nothing was taken of any lane: nobody's silence. */
  held(seconds: number): void;
}

/**
 * `secondsOf`: silence after which a lane that has caught up is idle, and one of which nothing came since it is ours: its source may be out of
 * reach for days. `now` gives seconds of any steady clock. `returning` were idle in an earlier life: each is idle again at once when it has
 * caught up before anything came of it.
 */
export function createIdleLanes(
  secondsOf: (lane: string) => number,
  returning: readonly string[] = [],
  now = () => performance.now() / 1000,
): IdleLanes {
  const began = now();
  const since = new Map(returning.map((lane) => [lane, began]));
  const unheard = new Set(returning);
  const idle = new Set<string>();
  const ours = new Set(returning);
  const forget = (lane: string): void => {
    since.delete(lane);
    unheard.delete(lane);
    idle.delete(lane);
  };
  return {
    caughtUp(lane) {
      if (unheard.delete(lane)) since.set(lane, Number.NEGATIVE_INFINITY);
      else if (!since.has(lane) && !idle.has(lane)) since.set(lane, now());
    },
    came: forget,
    keep(owner, lanes) {
      const kept = new Set(lanes);
      for (const lane of ours) {
        if (!lane.startsWith(owner) || kept.has(lane)) continue;
        forget(lane);
        ours.delete(lane);
      }
      for (const lane of lanes) {
        if (!ours.has(lane)) since.set(lane, now());
        ours.add(lane);
      }
    },
    take() {
      const time = now();
      const taken = [...since]
        .filter(([lane, began]) => time - began >= secondsOf(lane))
        .map(([lane]) => lane);
      for (const lane of taken) {
        forget(lane);
        idle.add(lane);
      }
      return taken;
    },
    held(seconds) {
      for (const [lane, from] of since) since.set(lane, from + seconds);
    },
  };
}
