import { SCOPE, type SessionBatch } from './columns/session-batch.ts';
import type { Config } from './config.ts';
import type { RollupOptions } from './rollup/options.ts';
import type { Judge } from './score/scorer.ts';

/** How a configuration has connections rebuilt, and the windows its detectors ask for. `holdFlows` is what {@link RollupOptions} says. */
export function connectionOptions(
  { ingest }: Config,
  { names, scopeOf }: Pick<RollupOptions, 'names' | 'scopeOf'>,
  judges: readonly Judge[],
  holdFlows: number,
): RollupOptions {
  const { lateness, maxFlows, maxSessions, maxWindowKeys } = ingest;
  return {
    names,
    scopeOf,
    lateness,
    maxFlows,
    holdFlows,
    maxSessions,
    maxWindowKeys,
    windows: judges.flatMap((judge) => judge.windows),
  };
}

/** Connections neither end of which is internal. */
export function countStrangers(sessions: SessionBatch): number {
  let count = 0;
  for (let row = 0; row < sessions.length; row++)
    if (sessions.srcScope[row] === SCOPE.public && sessions.dstScope[row] === SCOPE.public) count++;
  return count;
}
