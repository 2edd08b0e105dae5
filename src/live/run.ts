import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Alert } from '../contracts.ts';
import type { Engine } from '../engine.ts';
import { originOf, UserError } from '../errors.ts';
import { refuseUnverified } from '../outbound/tls.ts';
import { emptyTotals, type Totals } from '../pipeline.ts';
import { SourceFailure } from '../reader/live.ts';
import { watchDisk } from './disk-guard.ts';
import { createFeedWatch } from './feed-watch.ts';
import { CLAIMING, type Life, live, type Reading } from './life.ts';
import { createMetrics } from './metrics.ts';
import type { ServiceView, StateView } from './metrics-view.ts';
import { type Operation, type Status, startOperation } from './operation.ts';
import type { RetroCounts } from './retro-hunt.ts';
import { createSourceWatch } from './source-watch.ts';

export interface RunOptions {
  readonly data: string;
  readonly config: Config;
  /** Aborts to stop: what was read is made durable first. */
  readonly signal: AbortSignal;
  /** Reads the configuration anew. Throws a UserError when it cannot be used. */
  readConfig(): Promise<Config>;
  /** Whoever listens is told when the configuration shall be read anew. */
  onReload(listen: () => Promise<void>): void;
  /** Alerts that a checkpoint has just made durable, new ones and those that changed; never where sinks are configured. */
  onAlerts(alerts: readonly Alert[]): Promise<void>;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
  /** Lines of the log that nobody took. */
  linesDropped(): number;
}

/** Milliseconds between two looks at the free space. */
const DISK_MS = 2000;
/** Milliseconds before the next life begins after one that failed: doubled each time nothing became durable in between, up to the last. */
const BACKOFF_MS = { first: 1000, last: 30_000 };

/**
 * Reads the live sources through the whole product until it is told to stop. When the state cannot be written or a source fails, it goes on
 * from the last checkpoint by itself. Throws at the start for what a person has to mend; later it goes on trying.
 */
export async function run(options: RunOptions): Promise<void> {
  const { data, log, signal } = options;
  let { config } = options;
  check(config);
  const metrics = createMetrics();
  const reading: Reading = { bytes: 0, historyLosses: 0, sources: new Map() };
  const watch = createSourceWatch();
  const feeds = createFeedWatch();
  const retro: RetroCounts = { done: 0, failed: 0, given_up: 0, told: 0, over_budget: 0 };
  const reloads = { loaded: 0, refused: 0 };
  let life: Life | undefined;
  let durable = emptyTotals();
  let attempt: { readonly seq: number; readonly totals: Totals } | undefined;
  let isFailing = false;
  let next: Config | undefined;
  /** The last configuration that could be opened, which the server still has: returned to when the new one cannot. */
  let previous: Config | undefined;
  let reload = new AbortController();
  const refuse = (error: unknown): void => {
    reloads.refused++;
    log('error', 'the new configuration is not taken, the old one stays', { error });
  };
  options.onReload(async () => {
    try {
      const read = await options.readConfig();
      check(read);
      next = read;
      reload.abort();
    } catch (error) {
      refuse(error);
    }
  });

  using disk = await watchDisk({
    folder: data,
    reserve: () => config.history.reserve,
    interval: DISK_MS,
    onChange(isShort, free) {
      const details = { data, free, reserve: config.history.reserve };
      if (isShort) log('error', 'the disk is nearly full: reading pauses until there is room', details);
      else log('info', 'the disk has room again', details);
    },
  });
  const status = (): Status => ({
    running: life !== undefined,
    paused: [...(disk.isShort ? ['disk'] : []), ...(isFailing ? ['failure'] : [])],
    mute: life?.sender.isMute === true,
  });
  // Before the state is opened: whoever looks can tell a service that starts from one that is gone.
  const { serve } = config;
  await using operation = serve && (await startOperation({ serve, metrics, status, log }));
  metrics.provide((): ServiceView & Partial<StateView> => ({
    ...(life === undefined ? {} : shown(life)),
    sources: [...reading.sources].map(([source, counts]) => ({
      source,
      ...counts,
      ...lagOf(life?.engine, source),
    })),
    records: { ...durable, rejected: durable.rejectedBy },
    feeds: feeds.view(),
    retro: { ...retro, pending: life?.engine.feeds.hunts.length ?? 0 },
    bytes: reading.bytes,
    dataLossEvents: [...reading.sources.values()].reduce(
      (sum, { losses }) => sum + losses,
      reading.historyLosses,
    ),
    configReloads: reloads,
    diskFreeBytes: disk.free,
    logLinesDropped: options.linesDropped(),
  }));

  let hasOpened = false;
  let hasWritten = false;
  let wait = BACKOFF_MS.first;
  for (;;) {
    reload = new AbortController();
    if (next !== undefined) {
      previous ??= config;
      config = next;
      next = undefined;
      log('info', 'the configuration was read anew', {});
    }
    try {
      await live({
        ...options,
        config,
        signal: AbortSignal.any([signal, reload.signal]),
        disk,
        metrics,
        reading,
        durableAt(seq) {
          if (attempt !== undefined && seq >= attempt.seq) durable = attempt.totals;
          attempt = undefined;
          return durable;
        },
        onAttempt(seq, totals) {
          attempt = { seq, totals: copyOf(totals) };
        },
        watch,
        feeds,
        retro,
        async onOpen(opened) {
          life = opened;
          hasOpened = true;
          // Nothing may come for hours: it is well as long as it does not fail again.
          isFailing = false;
          if (previous === undefined) return;
          reloads.loaded++;
          previous = undefined;
          // Not before: what is refused must neither let in nor keep out anybody.
          await reloadServer(operation, serve, config.serve, log);
        },
        onDurable(totals) {
          durable = copyOf(totals);
          attempt = undefined;
          hasWritten = true;
          wait = BACKOFF_MS.first;
        },
      });
    } catch (thrown) {
      const error = originOf(thrown);
      if (error instanceof UserError && previous !== undefined) {
        refuse(error);
        config = previous;
        previous = undefined;
        continue;
      }
      if (error instanceof SourceFailure && (signal.aborted || next !== undefined)) {
        log('warn', 'stopped before all was durable: what came since the last checkpoint is read again', {
          error,
        });
        if (signal.aborted) return;
        continue;
      }
      const hopeless = error instanceof UserError ? !hasWritten : !hasOpened;
      if (hopeless || signal.aborted) throw error;
      isFailing = true;
      log('error', 'a failure: what came since the last checkpoint is read again', {
        error,
        seconds: wait / 1000,
      });
      await sleep(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) throw error;
      wait = Math.min(2 * wait, BACKOFF_MS.last);
      continue;
    } finally {
      life = undefined;
    }
    if (signal.aborted || next === undefined) return;
  }
}

function copyOf(totals: Totals): Totals {
  return { ...totals, rejectedBy: { ...totals.rejectedBy } };
}

/** What no configuration and no environment may have. */
function check({ sources }: Config): void {
  if (sources.length === 0)
    throw new UserError('cannot run: the configuration names no sources; add one under sources:');
  const claiming = sources.filter(({ type }) => type === CLAIMING);
  if (claiming.length > 1)
    throw new UserError(
      `cannot run: ${claiming.map(({ name }) => name).join(' and ')} are both of type ${CLAIMING}, and a checkpoint can be bound at one alone; name all topics in one`,
    );
  refuseUnverified();
}

async function reloadServer(
  operation: Operation | undefined,
  old: Config['serve'],
  serve: Config['serve'],
  log: RunOptions['log'],
): Promise<void> {
  if (operation !== undefined && serve !== undefined) await operation.reload(serve);
  else if (old !== serve) log('warn', 'a server that comes or goes needs a restart', {});
}

/** Seconds that the newest event time of a source lies behind the clock; nothing as long as there is none. */
function lagOf(engine: Engine | undefined, source: string): { readonly lagSeconds?: number } {
  const newest = engine?.rollup.nowOf(`${source}:`) ?? 0;
  return newest === 0 ? {} : { lagSeconds: Date.now() / 1000 - newest };
}

/** The state of the service at a scrape. */
function shown({ engine, sender, reader }: Life): StateView {
  const { rollup, scorer, inventory, figures } = engine;
  const { files, waiting } = engine.historySize();
  return {
    ...figures,
    watermark: rollup.now,
    queueBytes: reader.waiting + waiting,
    segments: files,
    sessionsOpen: rollup.open.sessions,
    flowsOpen: rollup.open.flows,
    detectors: [...scorer.counts].map(([detector, { ms, findings, shadowed }]) => ({
      detector,
      seconds: ms / 1000,
      findings,
      shadowed,
    })),
    alerts: [...scorer.counts].flatMap(([detector, { opened }]) =>
      [...opened].map(([severity, count]) => ({ detector, severity, count })),
    ),
    alertsFiring: scorer.book.firing,
    sinks: sender.view(),
    inventory: (inventory?.parts ?? []).map(({ source, at, entries }) => ({
      ...{ source, entries: entries.length },
      ...(at > 0 && { age: Math.max(0, Date.now() / 1000 - at) }),
    })),
  };
}
