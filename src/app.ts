import { BufferPool } from './columns/buffer-pool.ts';
import { Dictionary } from './columns/dictionary.ts';
import { SCOPE, type SessionBatch } from './columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from './columns/snapshot.ts';
import type { Config } from './config.ts';
import type { Alert } from './contracts.ts';
import { Coverage } from './coverage.ts';
import { listFiles } from './ingest/paths.ts';
import { createJudges } from './judges.ts';
import { FIELDS } from './parse/fields.ts';
import { emptyTotals, ingest, type Part, type Totals } from './pipeline.ts';
import { readFiles } from './reader/reader.ts';
import { createScopes } from './reference/scopes.ts';
import { Rollup } from './rollup/rollup.ts';
import { createMute } from './score/exceptions.ts';
import { Scorer } from './score/scorer.ts';
import { claimDataFolder, eraseDataFolder } from './store/data-folder.ts';
import { History } from './store/history.ts';
import { changed, deleteSegments, mergeSegments, segmentsBefore } from './store/maintenance.ts';
import { publishManifest, removeOrphans } from './store/manifest.ts';
import type { Segment } from './store/messages.ts';
import { type SegmentChange, State } from './store/state.ts';

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
  onProgress(progress: ReplayProgress): void;
  warn(message: string): void;
}

export interface ReplaySummary {
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
  /** Event time of the earliest and latest record, Unix seconds; 0 without records. */
  readonly first: number;
  readonly last: number;
  readonly interfaces: number;
  /** Aggregation interval in seconds, as the records show it. */
  readonly interval: number;
  /** Connections neither end of which is internal: whose networks they are, nobody has said. */
  readonly strangers: number;
  readonly overflow: Readonly<Record<string, number>>;
  /** Detectors that failed, with their last message. */
  readonly failures: Readonly<Record<string, string>>;
  /** Seconds spent in each detector. */
  readonly detectorSeconds: Readonly<Record<string, number>>;
  /** All alerts of the data folder, by first sight. */
  readonly book: readonly Alert[];
}

/** Some 32 MB of connections: files are in order only stream by stream, and a replay has time. */
const HOLD_FLOWS = 1 << 18;
/** Names of saved states that no detector can have: ids have no colon. */
const NAMES = ':names';
const ROLLUP = ':rollup';

/** Reads files through the whole product into a data folder, and goes on where an earlier run of the same files was cut off. */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const began = performance.now();
  const { config } = options;
  await using cleanup = new AsyncDisposableStack();
  const files = await listFiles(options.paths);
  const folder = await claimDataFolder(options.data);
  cleanup.defer(() => folder.release());
  if (options.restart) await eraseDataFolder(folder);
  const { state, loaded } = await State.open(folder.path);
  cleanup.use(state);
  let segments: readonly Segment[] = loaded.segments;
  await removeOrphans(folder.path, segments);

  const names = new Dictionary();
  const pool = new BufferPool();
  restoreNames(names, loaded.blobs.get(NAMES));
  const judges = await createJudges(config, names, folder.path, options.warn);
  const scorer = new Scorer(judges, createMute(config.exceptions), names);
  scorer.restore(loaded.blobs);
  scorer.book.restore(loaded.alerts);
  const history = cleanup.use(
    new History({
      dataDir: folder.path,
      names,
      pool,
      fieldTypes: new Map(FIELDS.map((field) => [field.name, field.type])),
      sequence: loaded.sequence,
    }),
  );
  let sessions = 0;
  let strangers = 0;
  const rollup = new Rollup(
    {
      names,
      scopeOf: createScopes({ internal: config.network.internal }),
      lateness: config.ingest.lateness,
      maxFlows: config.ingest.maxFlows,
      holdFlows: HOLD_FLOWS,
      maxSessions: config.ingest.maxSessions,
      maxWindowKeys: config.ingest.maxWindowKeys,
      windows: judges.flatMap((judge) => judge.windows),
    },
    {
      step(step) {
        sessions += step.ended.length;
        strangers += countStrangers(step.ended);
        history.appendSessions(step.ended);
        scorer.step(step);
      },
      window(window) {
        if (window.size === 60 && window.key === 'subject') history.appendWindows(window);
        scorer.window(window);
      },
      late: (late) => scorer.late(late, rollup.now),
    },
  );
  const saved = loaded.blobs.get(ROLLUP);
  if (saved !== undefined) rollup.restore(saved);

  const coverage = new Coverage();
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let checkpointed = performance.now();
  const totals = emptyTotals(files.length);
  const parts = readFiles({
    files: files.map((file) => ({ path: file.path, skip: loaded.positions.get(file.identity) ?? 0 })),
    format: options.format,
    batchRows: config.ingest.batchRows,
    names,
    pool,
    warn: options.warn,
  });
  await ingest(
    parts,
    {
      history: {
        appendFlows: (batch) => history.appendFlows(batch),
        appendRejects: (rejects) => history.appendRejects(rejects, rollup.now),
      },
      rollup,
      isDue: () => performance.now() - checkpointed > config.ingest.checkpoint * 1000,
      async checkpoint(now: Totals) {
        const added = await history.seal();
        const blobs = new Map(scorer.snapshots());
        blobs.set(ROLLUP, rollup.snapshot());
        blobs.set(NAMES, packSnapshot({}, names.since(1)));
        const positions = new Map<string, number>();
        for (const [i, file] of files.entries())
          if (now.positions[i]! > (loaded.positions.get(file.identity) ?? 0))
            positions.set(file.identity, now.positions[i]!);
        await state.checkpoint({ positions, blobs, alerts: scorer.book.takeChanged(), added, removed: [] });
        segments = [...segments, ...added];
        await publishManifest(folder.path, { segments, alerts: alertsOf(scorer) });
        checkpointed = performance.now();
      },
      onPart(part: Part, now: Totals) {
        coverage.add(part.batch);
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
  const replace = async (change: SegmentChange): Promise<void> => {
    if (change.added.length + change.removed.length === 0) return;
    await state.replaceSegments(change);
    segments = changed(segments, change);
    await publishManifest(folder.path, { segments, alerts: alertsOf(scorer) });
    await deleteSegments(folder.path, change.removed);
  };
  await replace(await mergeSegments(folder.path, segments));
  const { retention } = config.history;
  if (retention !== undefined)
    await replace({ added: [], removed: segmentsBefore(segments, rollup.now - retention) });
  const seconds = (performance.now() - began) / 1000;
  const book = alertsOf(scorer);
  return {
    received: totals.received,
    stored: totals.stored,
    rejected: totals.rejected,
    duplicate: totals.duplicate,
    late: totals.late,
    filtered: totals.filtered,
    sessions,
    alerts: book.length,
    seconds,
    recordsPerSecond: Math.round(totals.received / seconds),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    rejectedBy: totals.rejectedBy,
    noData: totals.noData,
    skipData: totals.skipData,
    first: coverage.first,
    last: coverage.last,
    interfaces: coverage.interfaces,
    interval: rollup.interval,
    strangers,
    overflow: { ...rollup.overflow, ...scorer.overflow(), names: names.overflow },
    failures: scorer.failures(),
    detectorSeconds: scorer.seconds(),
    book,
  };
}

function countStrangers(sessions: SessionBatch): number {
  let count = 0;
  for (let row = 0; row < sessions.length; row++)
    if (sessions.srcScope[row] === SCOPE.public && sessions.dstScope[row] === SCOPE.public) count++;
  return count;
}

/** Gives texts the codes they had: saved states hold codes. */
function restoreNames(names: Dictionary, saved: Uint8Array | undefined): void {
  if (saved === undefined) return;
  for (const name of unpackSnapshot(saved).meta as string[]) names.code(name);
}

/** Alerts somebody should see: not those of detectors that run in the shadow. */
function alertsOf(scorer: Scorer): Alert[] {
  return scorer.book
    .entries()
    .filter((entry) => !entry.shadow)
    .map((entry) => entry.alert);
}
