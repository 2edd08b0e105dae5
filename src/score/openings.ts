import type { Opened } from '../contracts.ts';

/** Times at which an alert began to fire that are kept with it, the newest. */
const MAX_OPENED = 100;

/** An alert that began to fire, for the first time or again after it had resolved: what somebody would be told of. */
export interface Opening {
  readonly id: string;
  /** Unix seconds of event time. */
  readonly at: number;
}

/** The times with a new one, `at`, if it `opens`; else the last one is of an alert that is told by now or is not. */
export function openedOf(
  known: readonly Opened[] = [],
  at: number,
  opens: boolean,
  shadow: boolean,
): readonly Opened[] {
  const last = known.at(-1);
  if (!opens && last !== undefined && shadow === (last.shadow === true)) return known;
  const before = opens ? known.slice(1 - MAX_OPENED) : known.slice(0, -1);
  const time = opens ? at : (last?.at ?? at);
  return [...before, { at: time, ...(shadow ? { shadow } : {}) }];
}
