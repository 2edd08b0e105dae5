import { access, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Position } from '../../contracts.ts';
import { makeDurable } from '../history/segment-file.ts';
import { rowsOf } from './load.ts';
import { insertPositions } from './rows.ts';

/**
 * The database takes its log over after a megabyte, not sixteen: until then it keeps in memory what each checkpoint replaced, and a start
 * after a kill reads all of the log, twice.
 */
export const SETTINGS = { memory_limit: '256MB', threads: '1', checkpoint_threshold: '1MB' };

/**
 * Rows are only ever added while the service runs, each with the number of its checkpoint, and what they replaced is deleted in the same
 * transaction; there are no keys and no updates: replaying a log of those is where DuckDB's reported failures are.
 */
const SCHEMA = [
  'CREATE TABLE checkpoint (seq BIGINT, positions VARCHAR, file VARCHAR)',
  'CREATE TABLE segment (seq BIGINT, path VARCHAR, record VARCHAR)',
  'CREATE TABLE alert (seq BIGINT, id VARCHAR, record VARCHAR)',
];
/** Came later: folders of before get it when they are opened. Their positions are one text in the row of the checkpoint. */
const LATER = [
  'CREATE TABLE IF NOT EXISTS id (seq BIGINT, partition VARCHAR, id VARCHAR)',
  'CREATE TABLE IF NOT EXISTS outbox (seq BIGINT, key VARCHAR, value VARCHAR)',
  'CREATE TABLE IF NOT EXISTS position (seq BIGINT, partition VARCHAR, next DOUBLE, done BOOLEAN, note VARCHAR)',
];

/** Gives a database of an earlier version what came later, before anything else is done with it. */
export async function migrate(connection: DuckDBConnection): Promise<void> {
  for (const statement of LATER) await connection.run(statement);
  const [last] = await rowsOf(
    connection,
    'SELECT seq::DOUBLE, positions, file FROM checkpoint WHERE positions IS NOT NULL ORDER BY seq DESC LIMIT 1',
  );
  if (last === undefined) return;
  const [seq, text, file] = last as [number, string, string];
  await connection.run('BEGIN');
  await insertPositions((sql, values) => connection.run(sql, values), seq, readPositions(text));
  await connection.run('DELETE FROM checkpoint');
  await connection.run('INSERT INTO checkpoint VALUES (?, NULL, ?)', [seq, file]);
  await connection.run('COMMIT');
}

/** Folders of format 1 had a record number in the place of a position. */
function readPositions(text: string): [string, Position][] {
  const entries = JSON.parse(text) as [string, Position | number][];
  return entries.map(([partition, position]) => [
    partition,
    typeof position === 'number' ? { next: position, done: false } : position,
  ]);
}

/** A file under its final name has always been whole: a process killed while it makes one leaves a file no database can open. */
export async function createDatabase(path: string): Promise<void> {
  try {
    await access(path);
    return;
  } catch {
    // None yet.
  }
  const staged = `${path}.new`;
  for (const left of [staged, `${staged}.wal`]) await rm(left, { force: true });
  const instance = await DuckDBInstance.create(staged, SETTINGS);
  const connection = await instance.connect();
  for (const statement of SCHEMA) await connection.run(statement);
  await connection.run('CHECKPOINT');
  connection.closeSync();
  instance.closeSync();
  await makeDurable(staged);
  await rename(staged, path);
  await makeDurable(dirname(path));
}
