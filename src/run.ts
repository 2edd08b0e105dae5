import type { Config } from './config.ts';
import type { Alert } from './contracts.ts';
import { openEngine } from './engine.ts';
import { UserError } from './errors.ts';
import { emptyTotals, ingest, type Totals } from './pipeline.ts';
import { readLive } from './reader/live.ts';

export interface RunOptions {
  readonly data: string;
  readonly config: Config;
  /** Aborts to stop: what was read is made durable first. */
  readonly signal: AbortSignal;
  /** Alerts that a checkpoint has just made durable: new ones and those that changed. */
  onAlerts(alerts: readonly Alert[]): void;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Seconds that an alert waits for a checkpoint of its own, at most. */
const ALERT_SECONDS = 1;
/** Seconds between two looks at segments that can be merged or are past the retention. */
const MAINTENANCE_SECONDS = 600;

/** Reads the live sources through the whole product until it is told to stop. Throws a UserError for what a person has to mend. */
export async function run(options: RunOptions): Promise<Totals> {
  const { config, data, log, signal } = options;
  if (config.sources.length === 0)
    throw new UserError('cannot run: the configuration names no sources; add one under sources:');
  await using engine = await openEngine({
    data,
    config,
    holdFlows: 0,
    restart: false,
    warn: (message) => log('warn', message, {}),
  });
  const { names, pool, rollup, scorer } = engine;
  await using reader = readLive({
    sources: config.sources,
    instance: engine.instance,
    positions: engine.positions,
    batchRows: config.ingest.batchRows,
    names,
    pool,
    log,
  });
  const stop = (): void => reader.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();

  const totals = emptyTotals();
  let saved = 0;
  let maintained = performance.now();
  log('info', 'running', { data, sources: config.sources.map(({ name }) => name).join(', ') });
  await ingest(
    reader.parts(),
    {
      ...engine.stages,
      // Time goes on with the next records, in this process or another: nothing is closed before its time.
      end: () => {},
      isDue(now) {
        if (now.received === saved) return false;
        const waited = engine.sinceCheckpoint();
        return waited > config.ingest.checkpoint || (scorer.book.changes > 0 && waited > ALERT_SECONDS);
      },
      async checkpoint(now) {
        saved = now.received;
        const alerts = await engine.checkpoint(now);
        if (alerts.length > 0) options.onAlerts(alerts);
        const { received, stored, rejected, duplicate, late, filtered } = now;
        log('info', 'checkpoint written', {
          received,
          stored,
          rejected,
          duplicate,
          late,
          filtered,
          eventTime: rollup.now,
        });
        if (performance.now() - maintained < MAINTENANCE_SECONDS * 1000) return;
        await engine.maintain();
        maintained = performance.now();
      },
      onPart() {},
    },
    totals,
  );
  return totals;
}
