/** Lanes that have caught up, and for how long nothing came of them. */
export interface IdleLanes {
  /** Nothing more can be read of the lane at this moment. */
  caughtUp(lane: string): void;
  /** Records of the lane came. */
  came(lane: string): void;
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
  return {
    caughtUp(lane) {
      if (!since.has(lane) && !idle.has(lane)) since.set(lane, now());
    },
    came(lane) {
      since.delete(lane);
      idle.delete(lane);
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
