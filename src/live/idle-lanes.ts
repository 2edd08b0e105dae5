/** Lanes that have caught up, and for how long nothing came of them. */
export interface IdleLanes {
  /** Nothing more can be read of the lane at this moment. */
  caughtUp(lane: string): void;
  /** Records of the lane came. */
  came(lane: string): void;
  /** Of those whose names begin with `owner`, these are ours from now on; one that comes back later is as a new one. */
  keep(owner: string, lanes: readonly string[]): void;
  /** Lanes that have been silent for long enough, each once until records of it come. */
  take(): string[];
}

/** `secondsOf`: silence after which a lane that has caught up is idle; `now` gives seconds of any steady clock. */
export function createIdleLanes(
  secondsOf: (lane: string) => number,
  now = () => performance.now() / 1000,
): IdleLanes {
  const since = new Map<string, number>();
  const idle = new Set<string>();
  const forget = (lane: string): void => {
    since.delete(lane);
    idle.delete(lane);
  };
  return {
    caughtUp(lane) {
      if (!since.has(lane) && !idle.has(lane)) since.set(lane, now());
    },
    came: forget,
    keep(owner, lanes) {
      for (const lane of [...since.keys(), ...idle])
        if (lane.startsWith(owner) && !lanes.includes(lane)) forget(lane);
    },
    take() {
      const time = now();
      const taken = [...since]
        .filter(([lane, began]) => time - began >= secondsOf(lane))
        .map(([lane]) => lane);
      for (const lane of taken) {
        since.delete(lane);
        idle.add(lane);
      }
      return taken;
    },
  };
}
