import { EXIT } from '../errors.ts';

type Interrupted = (signal: NodeJS.Signals) => void;

// Nothing is lost: what is not in a checkpoint is read again by the next run.
let handle: Interrupted = () => {
  process.stderr.write('\ninterrupted: the same command goes on where this one stopped\n');
  process.exit(EXIT.interrupted);
};

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
