import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EncodeFile } from '../parquet/file.ts';
import { checksumsOf } from './checksums.ts';
import type { Segment } from './messages.ts';
import type { RowGroup } from './row-groups.ts';

export const HISTORY_FOLDER = 'history';
export const STAGING_FOLDER = 'history/.staging';

/** Options of DuckDB for the files it merges. */
export const COPY_OPTIONS =
  'FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 8192';

/**
 * Writes a group as one Parquet file: into the staging folder, made durable, then renamed to its place, so that a file under its final
 * name is always whole. `names`: texts by dictionary code.
 */
export async function writeSegment(
  encode: EncodeFile,
  dataDir: string,
  group: RowGroup,
  sequence: number,
  names: readonly string[],
): Promise<Segment> {
  const name = `${String(sequence).padStart(12, '0')}.parquet`;
  const staged = join(dataDir, STAGING_FOLDER, name);
  const path = join(HISTORY_FOLDER, group.table, partition(group.hour), name);
  const final = join(dataDir, path);
  await mkdir(dirname(staged), { recursive: true });
  await mkdir(dirname(final), { recursive: true });
  await writeFile(staged, Buffer.concat(encode(group, names)));
  const written = await placeSegment(staged, final);
  return {
    table: group.table,
    path,
    columns: group.columns.map((column) => column.name),
    rows: group.rows,
    minTime: group.minTime,
    maxTime: group.maxTime,
    ...written,
  };
}

/** Makes a staged file durable and renames it to its place; returns what it is known by from then on. */
export async function placeSegment(
  staged: string,
  final: string,
): Promise<Required<Pick<Segment, 'bytes' | 'checksums'>>> {
  await makeDurable(staged);
  const written = await checksumsOf(staged);
  await rename(staged, final);
  await makeDurable(dirname(final));
  return written;
}

/** `date=YYYY-MM-DD/hour=HH` of the hour, UTC. */
function partition(hour: number): string {
  const iso = new Date(hour * 1000).toISOString();
  return `date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}`;
}

/** fsync of a file or folder. */
export async function makeDurable(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Empties the staging folder: whatever a crash left in it was never part of the history. */
export async function clearStaging(dataDir: string): Promise<void> {
  await rm(join(dataDir, STAGING_FOLDER), { recursive: true, force: true });
}

/** The number in a segment's name: of a merged one the last that is in it. */
export function sequenceOf({ path }: Pick<Segment, 'path'>): number {
  return Number(/(\d+)m*\.parquet$/.exec(path)?.[1] ?? 0);
}
