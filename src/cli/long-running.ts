import { EXIT } from '../errors.ts';
import { onInterrupt } from './interrupt.ts';

/** Milliseconds that a process has to end by itself. */
const LINGER_MS = 1000;

/** What a command begins with that runs until it is told to stop: its configuration, its log, and what aborts then. A second time ends it at once. */
export async function startService(file: string) {
  const { loadConfig } = await import('../config.ts');
  const readConfig = () => loadConfig(file);
  const config = await readConfig();
  const { createLog } = await import('../log.ts');
  const log = createLog();
  const stop = new AbortController();
  onInterrupt((signal) => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    log.info('stopping', { signal });
    stop.abort();
  });
  return {
    config,
    readConfig,
    signal: stop.signal,
    log: (
      level: 'info' | 'warn' | 'error',
      message: string,
      details: Readonly<Record<string, unknown>>,
    ): void => log[level](message, details),
    linesDropped: (): number => log.dropped,
    stopped(): void {
      log.info('stopped');
      // All that was to be waited for was; a library that still waits for an answer would keep the process.
      setTimeout(() => process.exit(), LINGER_MS).unref();
    },
  };
}
