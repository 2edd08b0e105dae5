import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Damaged, damageOf, type Range } from '../history/checksums.ts';
import type { Segment } from '../history/messages.ts';

/**
 * Has the engine note from now on what it reads of files, in a file of its own in `folder`: kept in the engine's memory, the notes of what it
 * spills would wait for themselves when that is full. Call it before the views are made: what their footers say decides which rows are looked at.
 */
export async function noteReads(connection: DuckDBConnection, folder: string): Promise<void> {
  const path = join(folder, NOTES).replaceAll("'", "''");
  await connection.run(
    `CALL enable_logging('FileSystem', storage = 'file', storage_config = {'path': '${path}'})`,
  );
}

const NOTES = 'reads';
/** A note: CSV, whose last cell is JSON. */
const NOTE = /"({.*""op"":""READ"".*})"$/gm;

/**
 * The first segment of which a damaged part was read. Parquet as DuckDB writes it has no checksums of its own, and a flipped bit can be another
 * valid value: so whatever a query read is compared with what was written before its answer counts. Ends the notes.
 */
export async function damageRead(
  connection: DuckDBConnection,
  folder: string,
  dataDir: string,
  segments: readonly Segment[],
): Promise<Damaged | undefined> {
  await connection.run('CALL disable_logging()');
  const reads = new Map<string, Range[]>();
  const notes = await readFile(join(folder, NOTES, 'duckdb_log_entries.csv'), 'utf8');
  for (const [, cell] of notes.matchAll(NOTE)) {
    const { path, pos, bytes } = JSON.parse(cell!.replaceAll('""', '"')) as Record<string, string>;
    const ranges = reads.get(path!) ?? [];
    reads.set(path!, ranges);
    ranges.push({ from: Number(pos), bytes: Number(bytes) });
  }
  for (const segment of segments) {
    const damage = await damageOf(dataDir, segment, reads.get(`${dataDir}/${segment.path}`) ?? []);
    if (damage !== undefined) return damage;
  }
  return undefined;
}
