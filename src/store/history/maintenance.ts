import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { SegmentChange } from '../state/state.ts';
import type { Segment } from './messages.ts';
import { COPY_OPTIONS, placeSegment, STAGING_FOLDER } from './segment-file.ts';

/** Rows that a merged file holds at most: what the writing thread makes of a busy hour. */
const MAX_MERGED_ROWS = 1 << 20;

/** Segments of one hour from which on they are merged: fewer are left to wait for others. */
const LEAST = 4;

export interface MergeOptions {
  readonly least?: number;
}

/** What merging made, and of what it could not merge why. */
export interface Merged extends SegmentChange {
  readonly failed: readonly string[];
}

/**
 * Rows of a row group of records that were refused, up to 4 KB each: the engine holds a group as it writes it, and with its usual 122,880 it runs
 * out of its 256 MB at 20,000 rows.
 */
const REJECTS_ROW_GROUP = 4096;

/**
 * Writes the small segments of each hour that has many of them anew as one; those that fail stay as they are. The files are durable; they become part of the history when
 * {@link State.replaceSegments} and the manifest have them, and only then may {@link deleteSegments} remove the old ones.
 */
export async function mergeSegments(
  dataDir: string,
  segments: readonly Segment[],
  options: MergeOptions = {},
): Promise<Merged> {
  const groups = mergeable(segments, options.least);
  if (groups.length === 0) return { added: [], removed: [], failed: [] };
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '256MB' });
  const connection = await instance.connect();
  try {
    const added: Segment[] = [];
    const removed: Segment[] = [];
    const failed: string[] = [];
    for (const group of groups)
      try {
        added.push(await merge(connection, dataDir, group));
        removed.push(...group);
      } catch (error) {
        const [why] = (error as Error).message.split('\n');
        failed.push(`${group.length} files of ${posix.dirname(group[0]!.path)}: ${why}`);
      }
    return { added, removed, failed };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Segments all of whose records ended before that time (Unix seconds): what retention takes out of the history. */
export function segmentsBefore(segments: readonly Segment[], time: number): Segment[] {
  return segments.filter((segment) => segment.maxTime < time);
}

/** Deletes files that the published manifest does not list any more. A query that began before may fail and must be asked again. */
export async function deleteSegments(dataDir: string, removed: readonly Segment[]): Promise<void> {
  for (const segment of removed) await rm(join(dataDir, segment.path), { force: true });
}

/** Runs of segments of one table, hour and set of columns, in order of their names, that fit into one file. */
export function mergeable(segments: readonly Segment[], least = LEAST): Segment[][] {
  const groups = new Map<string, Segment[]>();
  for (const segment of segments) {
    if (segment.rows >= MAX_MERGED_ROWS / 2) continue;
    const key = JSON.stringify([posix.dirname(segment.path), segment.columns]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [segment]);
    else group.push(segment);
  }
  return [...groups.values()].flatMap((group) => {
    const runs: Segment[][] = [];
    let rows = 0;
    for (const segment of group.sort((a, b) => (a.path < b.path ? -1 : 1))) {
      if (runs.length === 0 || rows + segment.rows > MAX_MERGED_ROWS) {
        runs.push([]);
        rows = 0;
      }
      runs.at(-1)!.push(segment);
      rows += segment.rows;
    }
    return runs.filter((run) => run.length >= Math.max(2, least));
  });
}

async function merge(
  connection: DuckDBConnection,
  dataDir: string,
  group: readonly Segment[],
): Promise<Segment> {
  const last = group.at(-1)!;
  // Every name is new: each segment is the last of a merge once.
  const path = last.path.replace(/\.parquet$/, 'm.parquet');
  const staged = join(dataDir, STAGING_FOLDER, basename(path));
  const final = join(dataDir, path);
  await mkdir(dirname(staged), { recursive: true });
  const literal = (file: string): string => `'${file.replaceAll("'", "''")}'`;
  const files = group.map((segment) => literal(join(dataDir, segment.path))).join(', ');
  const { table } = last;
  const options = table === 'rejects' ? `${COPY_OPTIONS}, ROW_GROUP_SIZE ${REJECTS_ROW_GROUP}` : COPY_OPTIONS;
  let written: Awaited<ReturnType<typeof placeSegment>>;
  try {
    await connection.run(
      `COPY (SELECT * FROM read_parquet([${files}], hive_partitioning = false)) TO ${literal(staged)} (${options})`,
    );
    written = await placeSegment(staged, final);
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
  return {
    table,
    path,
    columns: last.columns,
    rows: group.reduce((sum, segment) => sum + segment.rows, 0),
    minTime: Math.min(...group.map((segment) => segment.minTime)),
    maxTime: Math.max(...group.map((segment) => segment.maxTime)),
    ...written,
  };
}
