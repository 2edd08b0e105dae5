import { type DuckDBValue, listValue } from '@duckdb/node-api';
import type { OutboxChange, Position } from '../contracts.ts';
import type { Segment } from './messages.ts';
import type { Prepared } from './prepared.ts';
import type { SegmentChange } from './state.ts';

/** Runs one statement with values for its question marks. */
export type Run = (sql: string, values?: DuckDBValue[]) => Promise<unknown>;

/** Positions in the place of those that the same partitions had, and none for those that are forgotten. */
export async function replacePositions(
  run: Run,
  seq: number,
  { positions, forget }: Pick<Prepared, 'positions' | 'forget'>,
): Promise<void> {
  const gone = [...forget, ...positions.map(([partition]) => partition)];
  if (gone.length === 0) return;
  await run('DELETE FROM position WHERE partition IN (SELECT unnest(?))', [texts(gone)]);
  const never = new Set(forget);
  await insertPositions(
    run,
    seq,
    positions.filter(([partition]) => !never.has(partition)),
  );
}

/** Adds positions of partitions that have none. */
export async function insertPositions(
  run: Run,
  seq: number,
  positions: readonly (readonly [string, Position])[],
): Promise<void> {
  if (positions.length === 0) return;
  const column = (of: (position: Position) => DuckDBValue): DuckDBValue =>
    listValue(positions.map(([, position]) => of(position)));
  await run(
    'INSERT INTO position SELECT ?, unnest(?), unnest(?::DOUBLE[]), unnest(?::BOOLEAN[]), unnest(?::VARCHAR[])',
    [
      ...[seq, texts(positions.map(([partition]) => partition))],
      ...[column(({ next }) => next), column(({ done }) => done), column(({ note }) => note ?? null)],
    ],
  );
}

/** Alerts as they are now, in the place of what they were, and none of those that are forgotten. */
export async function replaceAlerts(
  run: Run,
  seq: number,
  { alerts: rows, forgotten }: Pick<Prepared, 'alerts' | 'forgotten'>,
): Promise<void> {
  if (rows.length + forgotten.length === 0) return;
  const ids = rows.map((row) => row.alert.id);
  await run('DELETE FROM alert WHERE id IN (SELECT unnest(?))', [texts([...ids, ...forgotten])]);
  if (rows.length === 0) return;
  const records = texts(rows.map((row) => JSON.stringify(row)));
  await run('INSERT INTO alert SELECT ?, unnest(?), unnest(?)', [seq, texts(ids), records]);
}

/** Segments that came, and those that went. */
export async function exchange(run: Run, seq: number, { added, removed }: SegmentChange): Promise<void> {
  const paths = (segments: readonly Segment[]): DuckDBValue => texts(segments.map((segment) => segment.path));
  if (removed.length > 0) await run('DELETE FROM segment WHERE path IN (SELECT unnest(?))', [paths(removed)]);
  if (added.length === 0) return;
  const records = texts(added.map((segment) => JSON.stringify(segment)));
  await run('INSERT INTO segment SELECT ?, unnest(?), unnest(?)', [seq, paths(added), records]);
}

/** Ids that came, and those that are too old or whose partition is forgotten. */
export async function remember(run: Run, seq: number, { ids, forget }: Prepared): Promise<void> {
  if (forget.length > 0) await run('DELETE FROM id WHERE partition IN (SELECT unnest(?))', [texts(forget)]);
  for (const [partition, { added, from }] of ids) {
    if (from !== undefined) await run('DELETE FROM id WHERE partition = ? AND id < ?', [partition, from]);
    if (added.length > 0) await run('INSERT INTO id SELECT ?, ?, unnest(?)', [seq, partition, texts(added)]);
  }
}

/** What the delivery of alerts saves. */
export async function keep(run: Run, seq: number, changes: readonly OutboxChange[]): Promise<void> {
  if (changes.length === 0) return;
  await run('DELETE FROM outbox WHERE key IN (SELECT unnest(?))', [texts(changes.map(({ key }) => key))]);
  const kept = changes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]));
  if (kept.length === 0) return;
  const [keys, values] = [texts(kept.map(({ key }) => key)), texts(kept.map(({ value }) => value))];
  await run('INSERT INTO outbox SELECT ?, unnest(?), unnest(?)', [seq, keys, values]);
}

function texts(values: readonly string[]): DuckDBValue {
  return listValue(values);
}
