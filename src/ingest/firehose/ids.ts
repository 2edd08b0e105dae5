/** Most requests that are known again: about 100 MB, and ten times what a busy stream sends in the time. */
const MAX_IDS = 1_000_000;
const DIGITS = 15;

/** Which requests are durable, as the ids of deliveries keep it. */
export interface RequestIds {
  has(request: string): boolean;
  /** The id to deliver a request with at this moment. */
  idOf(request: string): string;
  /** A delivered id has become durable. */
  add(id: string): void;
  /** Forgets what is too old, and says from where on ids are remembered: `Delivery.idsFrom`. */
  forget(): string;
}

/**
 * Remembers requests for `remember` seconds in which a process ran: the time in an id is counted by a clock that nobody can set, on from the
 * newest one that is known. So a clock that leaps forgets nothing, and time in which nothing ran only makes ids stay longer.
 */
export function rememberRequests(
  durable: ReadonlySet<string>,
  remember: number,
  elapsed: () => number = () => performance.now(),
): RequestIds {
  const times = new Map<string, number>();
  const add = (id: string): void => {
    times.set(id.slice(DIGITS + 1), Number(id.slice(0, DIGITS)));
  };
  const known = [...durable].sort();
  known.forEach(add);
  const offset = Number(known.at(-1)?.slice(0, DIGITS) ?? 0) - elapsed();
  const now = (): number => Math.floor(offset + elapsed());
  return {
    has: (request) => times.has(request),
    idOf: (request) => `${textOf(now())}-${request}`,
    add,
    forget() {
      let from = now() - remember * 1000;
      for (const [request, time] of times) {
        if (time >= from && times.size <= MAX_IDS) break;
        // More than there is place for: the oldest goes, with those of its moment.
        if (time >= from) from = time + 1;
        times.delete(request);
      }
      return textOf(Math.max(0, from));
    },
  };
}

function textOf(time: number): string {
  return String(time).padStart(DIGITS, '0');
}
