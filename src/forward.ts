import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import { UserError } from './errors.ts';
import { type Counts, forwardOnce, refuseForward } from './forward/forward.ts';
import { refuseUnverified } from './outbound/tls.ts';

export interface ForwardRunOptions {
  readonly data: string;
  readonly config: Pick<Config, 'sources' | 'forward'>;
  /** Aborts to stop: what was read is forwarded first. */
  readonly signal: AbortSignal;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Milliseconds before the next life begins after one that failed: doubled each time nothing was forwarded in between, up to the last. */
const BACKOFF_MS = { first: 1000, last: 30_000 };
/** Milliseconds to finish in after it was told to stop; what is not forwarded by then is read again by the next start. */
const STOP_MS = 8000;

/**
 * Reads the live sources and writes what they bring to a topic, until it is told to stop. When something fails it goes on from the last
 * checkpoint by itself. Throws for what only a person can mend.
 */
export async function forward({ config, ...options }: ForwardRunOptions): Promise<void> {
  const { log, signal } = options;
  const { sources, forward: to } = config;
  refuseForward(sources, to);
  refuseUnverified();
  if (to === undefined) return;
  const counts: Counts = { records: 0, messages: 0, bytes: 0 };
  const late = Promise.withResolvers<'late'>();
  signal.addEventListener('abort', () => setTimeout(() => late.resolve('late'), STOP_MS).unref());
  for (let wait = BACKOFF_MS.first; ; wait = Math.min(2 * wait, BACKOFF_MS.last)) {
    try {
      const life = forwardOnce(
        {
          ...options,
          sources,
          forward: to,
          onDurable(now) {
            wait = BACKOFF_MS.first;
            log('info', 'checkpoint written', { ...now });
          },
        },
        counts,
      );
      if ((await Promise.race([life, late.promise])) === 'late')
        log('warn', 'stopped before all was forwarded: the rest is read again by the next start', {});
      return;
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (signal.aborted) {
        log('warn', 'stopped before all was forwarded: the rest is read again by the next start', { error });
        return;
      }
      log('error', 'a failure: what came since the last checkpoint is read again', {
        error,
        seconds: wait / 1000,
      });
      await sleep(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  }
}
