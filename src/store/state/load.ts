import type { DuckDBConnection } from '@duckdb/node-api';
import { compareTexts } from '../../columns/text-order.ts';
import type { Position } from '../../contracts.ts';
import type { Segment } from '../history/messages.ts';
import { sequenceOf } from '../history/segment-file.ts';
import type { AlertRow } from './alert-row.ts';
import { readStateFile } from './file.ts';

export interface LoadedState {
  readonly positions: Map<string, Position>;
  /** Ids by partition. */
  readonly ids: Map<string, Set<string>>;
  readonly blobs: Map<string, Uint8Array>;
  readonly alerts: AlertRow[];
  readonly segments: Segment[];
  /** What the delivery of alerts saved, by key. */
  readonly outbox: Map<string, string>;
  /** First number that no segment's name has had. */
  readonly sequence: number;
  /** Name of the file of saved states. */
  readonly file: string | undefined;
  /** What could not be read, for whoever runs this. */
  readonly problems: readonly string[];
}

/** Rows of a query, as JavaScript's own values. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRowsJS() as unknown[][];
}

/**
 * The records of a table, by their keys. The engine would hold all of them to sort them, within the limit that the state's database has: a quarter
 * of a gigabyte of alerts could not be opened again.
 */
async function recordsOf<T>(
  connection: DuckDBConnection,
  table: 'alert' | 'segment',
  keyOf: (record: T) => string,
): Promise<T[]> {
  const rows = await rowsOf(connection, `SELECT record FROM ${table}`);
  const records = rows.map((row) => JSON.parse(row[0] as string) as T);
  return records.sort((a, b) => compareTexts(keyOf(a), keyOf(b)));
}

/** All that the last checkpoint left. Saved states that are damaged are left out and told. */
export async function load(dataDir: string, connection: DuckDBConnection): Promise<LoadedState> {
  const [last] = await rowsOf(connection, 'SELECT file FROM checkpoint ORDER BY seq DESC LIMIT 1');
  const file = last?.[0] as string | undefined;
  // They come in the order in which they were put in.
  const rows = await rowsOf(connection, 'SELECT partition, next, done, note FROM position');
  const positions = new Map(
    (rows as [string, number, boolean, string | null][]).map(([partition, next, done, note]) => [
      partition,
      { next, done, ...(note !== null && { note }) },
    ]),
  );
  const problems: string[] = [];
  const blobs =
    file === undefined
      ? new Map<string, Uint8Array>()
      : await readStateFile(dataDir, file).catch((error: NodeJS.ErrnoException) => {
          // Whatever else the system refuses passes, and what was saved does not come again.
          if (error.syscall !== undefined && !['ENOENT', 'EIO'].includes(error.code ?? '')) throw error;
          problems.push(`${error.message}; open windows and baselines begin anew`);
          return new Map<string, Uint8Array>();
        });
  const segments = await recordsOf<Segment>(connection, 'segment', ({ path }) => path);
  const alerts = await recordsOf<AlertRow>(connection, 'alert', ({ alert }) => alert.id);
  const outbox = new Map((await rowsOf(connection, 'SELECT key, value FROM outbox')) as [string, string][]);
  const ids = new Map<string, Set<string>>();
  for (const [partition, id] of (await rowsOf(connection, 'SELECT partition, id FROM id')) as [
    string,
    string,
  ][])
    ids.set(partition, (ids.get(partition) ?? new Set()).add(id));
  const sequence = segments.reduce((last, segment) => Math.max(last, sequenceOf(segment)), 0) + 1;
  return { positions, ids, blobs, alerts, segments, outbox, sequence, file, problems };
}
