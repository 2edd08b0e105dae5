import { EXIT } from '../errors.ts';

type Interrupted = (signal: NodeJS.Signals) => void;

/** Ends the process at once, with a word to whoever waits for it. */
export const endWith =
  (word: string): Interrupted =>
  () => {
    process.stderr.write(`\n${word}\n`);
    process.exit(EXIT.interrupted);
  };

let handle = endWith('interrupted');

/**
 * Listens for SIGINT and SIGTERM for as long as the process lives. One listener for all: in the moment in which one is taken away and another
 * put in its place, a signal that is already on its way is lost.
 */
export function listenForInterrupts(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => handle(signal));
}

/** From now on this is what an interrupt does; before, it ends the process at once. */
export function onInterrupt(next: Interrupted): void {
  handle = next;
}
