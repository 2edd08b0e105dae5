import type { Config } from './config.ts';
import type { Alert, Part } from './contracts.ts';
import { type Engine, openEngine } from './engine.ts';
import { UserError } from './errors.ts';
import { createIdleLanes, type IdleLanes } from './idle-lanes.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { startOperation } from './operation.ts';
import { emptyTotals, ingest, type Totals } from './pipeline.ts';
import { readLive } from './reader/live.ts';
import { timesOf } from './source-times.ts';
import { createUncovered } from './uncovered.ts';

export interface RunOptions {
  readonly data: string;
  readonly config: Config;
  /** Aborts to stop: what was read is made durable first. */
  readonly signal: AbortSignal;
  /** Alerts that a checkpoint has just made durable: new ones and those that changed. */
  onAlerts(alerts: readonly Alert[]): void;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Seconds that an alert, or a source that waits for its acknowledgement, waits for a checkpoint of its own, at most. */
const SOON_SECONDS = 1;
/** Seconds between two looks at segments that can be merged or are past the retention. */
const MAINTENANCE_SECONDS = 600;
/** Types of source whose other side waits for the acknowledgement. */
const WAITING = new Set(['firehose']);

/** Reads the live sources through the whole product until it is told to stop. Throws a UserError for what a person has to mend. */
export async function run(options: RunOptions): Promise<Totals> {
  const { config, data, log, signal } = options;
  if (config.sources.length === 0)
    throw new UserError('cannot run: the configuration names no sources; add one under sources:');
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    throw new UserError(
      'cannot run: NODE_TLS_REJECT_UNAUTHORIZED=0 would let anybody pose as anybody; unset it, and name a private CA in the configuration',
    );
  const metrics = createMetrics();
  let running = false;
  // Before the state is opened: whoever looks can tell a service that starts from one that is gone.
  await using _operation =
    config.serve &&
    (await startOperation({ serve: config.serve, metrics, status: () => ({ running, paused: [] }), log }));
  await using engine = await openEngine({
    data,
    config,
    holdFlows: 0,
    restart: false,
    warn: (message) => log('warn', message, {}),
  });
  const totals = emptyTotals();
  const uncovered = createUncovered((partition) => engine.positions.get(partition)?.next ?? 0);
  const { rollup, scorer } = engine;
  rollup.keepLanes(config.sources.map(({ name }) => `${name}:`));
  const times = new Map(config.sources.map((source) => [source.name, timesOf(source, config.ingest)]));
  const idle = createIdleLanes((lane) => times.get(lane.slice(0, lane.indexOf(':')))?.idle ?? 0);
  let losses = 0;
  await using reader = readLive({
    sources: config.sources,
    instance: engine.instance,
    positions: engine.positions,
    ids: engine.ids,
    batchRows: config.ingest.batchRows,
    names: engine.names,
    pool: engine.pool,
    onLanes: (source, lanes) => rollup.setLanes(`${source}:`, lanes, times.get(source)?.lateness),
    onCaughtUp: idle.caughtUp,
    onForget: (partitions) => uncovered.forget(partitions),
    onLost(gap) {
      losses++;
      log('error', 'data is lost: it can no longer be read', gap);
    },
    log,
  });
  let readBytes = 0;
  provide(metrics, engine, totals, () => ({ bytes: readBytes, dataLossEvents: losses }));
  const stop = (): void => {
    running = false;
    reader.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  running = true;
  if (signal.aborted) stop();

  const impatient = config.sources.some(({ type }) => WAITING.has(type));
  let maintained = performance.now();
  log('info', 'running', { data, sources: config.sources.map(({ name }) => name).join(', ') });
  await ingest(
    watched(reader.parts(), idle, (lane) => rollup.setIdle(lane)),
    {
      ...engine.stages,
      // Time goes on with the next records, in this process or another: nothing is closed before its time.
      end: () => {},
      isDue() {
        const found = scorer.book.changes > 0;
        if (uncovered.isEmpty && !found) return false;
        const waited = engine.sinceCheckpoint();
        const soon = impatient || found;
        return waited > config.ingest.checkpoint || (soon && waited > SOON_SECONDS);
      },
      async checkpoint(now) {
        const began = performance.now();
        const { memory, covered } = uncovered.take();
        const alerts = await engine.checkpoint(now, memory);
        for (const partition of memory.forget) now.positions.delete(partition);
        reader.acknowledge(covered);
        metrics.observeCheckpoint((performance.now() - began) / 1000);
        if (alerts.length > 0) options.onAlerts(alerts);
        const { received, stored, rejected, duplicate, late, filtered } = now;
        const eventTime = rollup.now;
        const counts = { received, stored, rejected, duplicate, late, filtered, eventTime };
        log('info', 'checkpoint written', counts);
        if (performance.now() - maintained < MAINTENANCE_SECONDS * 1000) return;
        await engine.maintain();
        maintained = performance.now();
      },
      onPart(part) {
        readBytes = part.readBytes;
        uncovered.add(part);
      },
    },
    totals,
  );
  return totals;
}

/** The parts, with an eye on lanes that fall silent. */
async function* watched(
  parts: AsyncIterable<Part | undefined>,
  idle: IdleLanes,
  onIdle: (lane: string) => void,
): AsyncGenerator<Part | undefined> {
  for await (const part of parts) {
    if (part !== undefined) idle.came(part.lane);
    for (const lane of idle.take()) onIdle(lane);
    yield part;
  }
}

/** Shows the state of the service at each scrape. */
function provide(
  metrics: Metrics,
  { rollup, scorer }: Engine,
  totals: Totals,
  reading: () => { readonly bytes: number; readonly dataLossEvents: number },
): void {
  metrics.provide(() => ({
    ...reading(),
    records: { ...totals, rejected: totals.rejectedBy },
    watermark: rollup.now,
    sessionsOpen: rollup.size,
    overflow: { ...rollup.overflow, ...scorer.overflow() },
    detectors: [...scorer.counts].map(([detector, { ms, findings }]) => ({
      detector,
      seconds: ms / 1000,
      findings,
    })),
  }));
}
