import type { Config } from './config.ts';
import type { Alert } from './contracts.ts';
import { openEngine } from './engine.ts';
import type { Figures } from './figures.ts';
import { listFiles } from './ingest/paths.ts';
import { emptyTotals, ingest } from './pipeline.ts';
import { openReader, type Reader } from './reader/reader.ts';
import { lossText } from './store/history/verify.ts';

export interface ReplayProgress {
  /** Bytes of the files as they lie on disk. */
  readonly readBytes: number;
  readonly totalBytes: number;
  readonly records: number;
  readonly seconds: number;
  readonly alerts: number;
}

export interface ReplayOptions {
  readonly paths: readonly string[];
  readonly data: string;
  readonly config: Config;
  readonly format: string | undefined;
  /** Forget what an earlier run left in the data folder. */
  readonly restart: boolean;
  /** One that was opened before, to save time. */
  readonly reader?: Reader;
  onProgress(progress: ReplayProgress): void;
  warn(message: string): void;
}

export interface ReplaySummary extends Figures {
  readonly received: number;
  readonly stored: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly late: number;
  readonly filtered: number;
  readonly sessions: number;
  readonly alerts: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly peakRssBytes: number;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly noData: number;
  readonly skipData: number;
  /** Aggregation interval in seconds, as the records show it. */
  readonly interval: number;
  /** Connections neither end of which is internal: whose networks they are, nobody has said. */
  readonly strangers: number;
  /** Detectors that failed, with their last message. */
  readonly failures: Readonly<Record<string, string>>;
  /** Seconds spent in each detector. */
  readonly detectorSeconds: Readonly<Record<string, number>>;
  /** All alerts of the data folder, by first sight. */
  readonly book: readonly Alert[];
}

/** Some 32 MB of connections: files are in order only stream by stream, and a replay has time. */
const HOLD_FLOWS = 1 << 18;

/** Reads files through the whole product into a data folder, and goes on where an earlier run of the same files was cut off. */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const began = performance.now();
  const { config, data, restart, warn } = options;
  await using reader = options.reader ?? openReader();
  const files = await listFiles(options.paths);
  await using engine = await openEngine({
    ...{ data, config, holdFlows: HOLD_FLOWS, restart, warn },
    restored: ({ names, pool, positions }) =>
      reader.begin({
        files: files.map(({ path, identity }) => ({
          path,
          identity,
          skip: positions.get(identity)?.next ?? 0,
        })),
        format: options.format,
        batchRows: config.ingest.batchRows,
        ...{ names, pool, warn },
      }),
    lost: (loss) => warn(lossText(loss)),
  });
  const { rollup, scorer } = engine;
  // Files advance together: lanes of live sources that this folder had would hold time still.
  rollup.setLanes('', ['']);

  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const totals = emptyTotals();
  await ingest(
    reader.parts(),
    {
      ...engine.stages,
      end: () => rollup.finish(),
      isDue: () => engine.sinceCheckpoint() > config.ingest.checkpoint,
      async checkpoint(now) {
        await engine.checkpoint(now);
      },
      onPart(part, now) {
        options.onProgress({
          readBytes: part.readBytes,
          totalBytes,
          records: now.received,
          seconds: (performance.now() - began) / 1000,
          alerts: scorer.book.size,
        });
      },
    },
    totals,
  );
  const carryOut = await engine.prepareMaintenance();
  await carryOut();
  const seconds = (performance.now() - began) / 1000;
  const book = engine.alerts();
  return {
    received: totals.received,
    stored: totals.stored,
    rejected: totals.rejected,
    duplicate: totals.duplicate,
    late: totals.late,
    filtered: totals.filtered,
    sessions: engine.counts.sessions,
    alerts: book.length,
    seconds,
    recordsPerSecond: Math.round(totals.received / seconds),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    rejectedBy: totals.rejectedBy,
    noData: totals.noData,
    skipData: totals.skipData,
    ...engine.figures,
    interval: rollup.interval,
    strangers: engine.counts.strangers,
    failures: scorer.failures(),
    detectorSeconds: scorer.seconds(),
    book,
  };
}
