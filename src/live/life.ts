import type { Config } from '../config.ts';
import type { Alert, Part } from '../contracts.ts';
import { type Engine, openEngine } from '../engine.ts';
import { ingest, type Totals } from '../pipeline.ts';
import { type LiveReader, openLiveReader } from '../reader/live.ts';
import type { Sender } from '../send/sender.ts';
import { createUncovered } from '../uncovered.ts';
import { createMaintenance } from '../upkeep.ts';
import { createAlertDelay } from './alert-delay.ts';
import { openDelivery } from './delivery.ts';
import type { DiskGuard } from './disk-guard.ts';
import { paused } from './disk-pause.ts';
import type { FeedWatch } from './feed-watch.ts';
import { createIdleLanes, type IdleLanes } from './idle-lanes.ts';
import { watchInventory } from './inventory-watch.ts';
import { openLiveFeeds } from './live-feeds.ts';
import { logCoverage } from './log-coverage.ts';
import type { Metrics } from './metrics.ts';
import { openPrinting } from './printing.ts';
import { openRetroHunts, type RetroCounts } from './retro-hunt.ts';
import { timesOf } from './source-times.ts';
import type { SourceWatch } from './source-watch.ts';
import { type CoveredEntries, wasClaimed } from './was-claimed.ts';

export interface LifeOptions {
  readonly data: string;
  readonly config: Config;
  /** Aborts to end it: what was read is made durable first. */
  readonly signal: AbortSignal;
  readonly disk: DiskGuard;
  readonly metrics: Metrics;
  /** Counts that are durable, when the last checkpoint is number `seq`. */
  durableAt(seq: number): Totals;
  /** Counted on. */
  readonly reading: Reading;
  readonly watch: SourceWatch;
  readonly feeds: FeedWatch;
  /** Counted on. */
  readonly retro: RetroCounts;
  /** The state is open, the sources are being read and the sinks served. */
  onOpen(life: Life): Promise<void>;
  /** A checkpoint with these counts begins; when it fails, only the next life can tell whether it is durable. */
  onAttempt(seq: number, totals: Totals): void;
  /** A checkpoint is durable, and so is everything in these counts. */
  onDurable(totals: Totals): void;
  /** Alerts that it made durable, new ones and those that changed, where no sink is told of them. */
  onAlerts(alerts: readonly Alert[]): Promise<void>;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** What is at work while the state is open. */
export interface Life {
  readonly engine: Engine;
  readonly sender: Sender;
  readonly reader: Pick<LiveReader, 'waiting'>;
}

/** What was read since the start of the process, whether it became durable or was read again. */
export interface Reading {
  bytes: number;
  /** Times that damaged files of the history were found. */
  historyLosses: number;
  readonly sources: Map<string, SourceReading>;
}

interface SourceReading {
  records: number;
  /** Stretches of data that could no longer be read. */
  losses: number;
}

/** Seconds that an alert, or a source that waits for its acknowledgement, waits for a checkpoint of its own, at most. */
const SOON_SECONDS = 1;
/** Seconds between checkpoints while the disk is nearly full, also without anything new: what makes room goes with them. */
const SHORT_SECONDS = 60;
/** Seconds between two lines of the log that say what the records cover. */
const COVERAGE_SECONDS = 3600;
/** Types of source whose other side waits for the acknowledgement. */
const WAITING = new Set(['firehose']);
/** The type of source that shares partitions with others, so that a checkpoint has to be bound there. */
export const CLAIMING = 'kafka';

/**
 * One life of the service: from opening the state to closing it. It begins at the last checkpoint, and ends when it is told to, or with an
 * error; then what came since its last checkpoint is void, and the next life reads it again. Throws a UserError for what only a person can
 * mend.
 */
export async function live(options: LifeOptions): Promise<void> {
  const { config, data, disk, log, metrics, reading, signal, watch } = options;
  await using thread = openLiveReader(config.sources);
  await using engine = await openEngine({
    data,
    config,
    holdFlows: 0,
    restart: false,
    keepsFeeds: true,
    keepAlerts: config.history.alerts,
    retro: options.retro,
    warn: (message) => log('warn', message, {}),
    lost(loss) {
      reading.historyLosses++;
      log('error', 'data is lost: files of the history are damaged and were put aside', { ...loss });
      const { files, from, to, reason } = loss;
      const partition = `${files} ${files === 1 ? 'file' : 'files'} of the history`;
      watch.lost('history', { partition, from, to, times: true, reason });
    },
    wasClaimed: (seq, covered, folder) => wasClaimed(options, folder, seq, covered as CoveredEntries),
    restored: (from) =>
      thread.begin({
        ...from,
        batchRows: config.ingest.batchRows,
        onLanes(source, lanes) {
          idle.keep(`${source}:`, lanes);
          rollup.setLanes(`${source}:`, lanes, times.get(source)?.lateness);
        },
        onCaughtUp: (lane) => idle.caughtUp(lane),
        onFlush() {
          isAsked = true;
        },
        onForget: (partitions) => uncovered.forget(partitions),
        onLost(gap) {
          readingOf(reading, gap.source).losses++;
          watch.lost(gap.source, gap);
          log('error', 'data is lost: it can no longer be read', gap);
        },
        log,
      }),
  });
  await using delivery = await openDelivery({ data, config, engine, log });
  await using _inventory = await watchInventory({ config, inventory: engine.inventory, signal, log });
  const { sender } = delivery;
  const isPrinted = config.sinks.length === 0;
  const printing = await openPrinting({ engine, isOn: isPrinted, print: options.onAlerts });
  await using feeds = await openLiveFeeds({ data, config, engine, watch: options.feeds, log });
  await using retro = openRetroHunts({
    ...{ data, config, log, counts: options.retro },
    hunts: () => engine.feeds.hunts,
  });
  const durable = options.durableAt(engine.seq);
  const totals: Totals = { ...durable, rejectedBy: { ...durable.rejectedBy }, positions: new Map() };
  const uncovered = createUncovered((partition) => engine.positions.get(partition)?.next ?? 0);
  const { rollup, scorer } = engine;
  const names = config.sources.map(({ name }) => name);
  const times = new Map(config.sources.map((source) => [source.name, timesOf(source, config.ingest)]));
  const idle = createIdleLanes(
    (lane) => times.get(lane.slice(0, lane.indexOf(':')))?.idle ?? 0,
    rollup.resumeLanes(names.map((name) => `${name}:`)),
  );
  const readBefore = reading.bytes;
  let isAsked = false;
  /** The first checkpoint of a life waits for nothing: what ends again and again gets on nevertheless. */
  let hasWritten = false;
  // Closed before the state is: whoever opens that next must not find our sources at work.
  await using reader = thread;
  if (signal.aborted) reader.stop();
  else signal.addEventListener('abort', () => reader.stop(), { once: true });

  const claiming = new Set(config.sources.filter(({ type }) => type === CLAIMING).map(({ name }) => name));
  const impatient = config.sources.some(({ type }) => WAITING.has(type));
  const delay = createAlertDelay(() => scorer.book.changes > 0);
  watch.begin(names);
  // A series that begins with its first loss shows Prometheus no increase, and a silent source needs its lag shown.
  for (const name of names) readingOf(reading, name);
  const tend = (): void => {
    for (const lane of idle.take()) rollup.setIdle(lane);
    for (const report of watch.take()) {
      const now = rollup.now || Math.floor(Date.now() / 1000);
      scorer.source({ ...report, now, newest: rollup.nowOf(`${report.source}:`) || now });
    }
    for (const report of options.feeds.take())
      scorer.feed({ ...report, now: rollup.now || Math.floor(Date.now() / 1000) });
  };
  const held = (seconds: number): void => {
    watch.held(seconds);
    idle.held(seconds);
  };
  const maintain = createMaintenance(engine.prepareMaintenance, () => disk.isShort);
  let coverageToldAt = performance.now();
  await options.onOpen({ engine, sender, reader });
  log('info', 'running', { data, sources: names.join(', ') });
  await ingest(
    watched(paused(reader.parts(), disk, held, signal), idle, tend),
    {
      ...engine.stages,
      // Time goes on with the next records, in this life or another: nothing is closed before its time.
      end: () => {},
      isDue() {
        if (sender.failure !== undefined) throw sender.failure;
        const found = scorer.book.changes > 0;
        const waited = engine.sinceCheckpoint();
        if (disk.isShort && waited > SHORT_SECONDS) return true;
        if (uncovered.isEmpty && !found && !feeds.isReady && !retro.isReady) return false;
        if (isAsked && !uncovered.isEmpty) return true;
        const soon = impatient || found || feeds.isReady || retro.isReady || disk.isShort;
        return !hasWritten || waited > config.ingest.checkpoint || (soon && waited > SOON_SECONDS);
      },
      async checkpoint(now) {
        const began = performance.now();
        isAsked = false;
        const { memory, covered } = uncovered.take();
        const bound = new Map([...covered].filter(([source]) => claiming.has(source)));
        const claim = { covered: [...bound], bind: (seq: number) => reader.claim(seq, bound) };
        options.onAttempt(engine.seq + 1, now);
        const update = feeds.take();
        const hunted = retro.take();
        const alerts = await engine.checkpoint(now, {
          memory,
          claim: bound.size > 0 ? claim : undefined,
          send: (changed) => [...sender.take(changed), ...printing.take(changed)],
          update,
          hunted,
        });
        if (update !== undefined) await feeds.adopted(update);
        options.onDurable(now);
        hasWritten = true;
        reader.acknowledge(covered);
        metrics.observeCheckpoint((performance.now() - began) / 1000);
        const waited = delay.take();
        if (waited !== undefined) metrics.observeAlertDelay(waited);
        await printing.print(alerts);
        const { received, stored, rejected, duplicate, late, filtered } = now;
        const eventTime = rollup.now;
        const counts = { received, stored, rejected, duplicate, late, filtered, eventTime };
        log('info', 'checkpoint written', counts);
        for (const { what, ...trial } of scorer.promotions.takeNews()) log('info', `trial ${what}`, trial);
        if (performance.now() - coverageToldAt > COVERAGE_SECONDS * 1000) {
          logCoverage(engine.figures.coverage, log);
          coverageToldAt = performance.now();
        }
        await maintain();
      },
      onPart(part) {
        reading.bytes = readBefore + part.readBytes;
        uncovered.add(part);
        if (!part.known) readingOf(reading, sourceOf(part)).records += part.received;
        watch.came(sourceOf(part), part);
        if (part.availableAt === undefined) return;
        delay.came(part.availableAt);
        metrics.observeDelivery(sourceOf(part), (Date.now() - part.availableAt) / 1000);
      },
    },
    totals,
  );
  logCoverage(engine.figures.coverage, log);
}

/** The parts, with an eye on what does not come. */
async function* watched(
  parts: AsyncIterable<Part | undefined>,
  idle: IdleLanes,
  tend: () => void,
): AsyncGenerator<Part | undefined> {
  for await (const part of parts) {
    if (part !== undefined && part.received > 0) idle.came(part.lane);
    tend();
    yield part;
  }
}

function readingOf({ sources }: Reading, name: string): SourceReading {
  const reading = sources.get(name) ?? { records: 0, losses: 0 };
  sources.set(name, reading);
  return reading;
}

function sourceOf({ partition }: Part): string {
  return partition.slice(0, partition.indexOf(':'));
}
