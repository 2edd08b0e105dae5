import { setImmediate } from 'node:timers/promises';

/** Long work that pauses now and then, every few milliseconds: all at once, or with what else there is to do in between. */
export type Sliced<Result> = Generator<void, Result>;

/** Does it without a pause. */
export function atOnce<Result>(work: Sliced<Result>): Result {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** Does it between other work of the thread. */
export async function inBetween<Result>(work: Sliced<Result>): Promise<Result> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    await setImmediate();
  }
}

/** The list, a piece at a time. */
export function* piecesOf<Item>(list: readonly Item[], length: number): Generator<readonly Item[]> {
  for (let at = 0; at < list.length; at += length) yield list.slice(at, at + length);
}

/** The list as JSON. */
export function* jsonOf(list: readonly unknown[]): Sliced<string> {
  const pieces: string[] = [];
  for (const piece of piecesOf(list, 1000)) {
    pieces.push(JSON.stringify(piece).slice(1, -1));
    yield;
  }
  return `[${pieces.join(',')}]`;
}
