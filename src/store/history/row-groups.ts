import type { ColumnSpec, RowColumn, RowSet, TableName } from './table-spec.ts';

const HOUR = 3600;
/** Hours in one set of rows past which it is kept together: forged times must not make a file a row. */
const MAX_HOURS = 48;

/** Rows of one table, one hour and one set of columns that wait to be sealed. */
export interface RowGroup {
  readonly key: string;
  readonly table: TableName;
  /** Unix seconds of the hour. */
  readonly hour: number;
  readonly columns: readonly ColumnSpec[];
  readonly sets: RowSet[];
  rows: number;
  /** What the rows count for in memory, see {@link weightOf}. */
  weight: number;
  minTime: number;
  maxTime: number;
}

/** Bytes of own text that weigh as much as a row. */
const TEXT_PER_ROW = 64;

/** What rows count for in memory: their number, more when they bring long texts of their own. */
export function weightOf(rows: RowSet): number {
  let length = 0;
  for (const text of rows.texts ?? []) length += text.length;
  return rows.length + Math.floor(length / TEXT_PER_ROW);
}

/**
 * Adds rows to the groups of the hours they belong to. Rows of one hour, the usual case, are kept as they are; others are copied apart.
 * Rows of very many hours stand together under the first of them.
 */
export function addRows(
  groups: Map<string, RowGroup>,
  table: TableName,
  columns: readonly ColumnSpec[],
  rows: RowSet,
): void {
  const time = rows.columns.get('end') as Uint32Array;
  const range = timeRange(time, rows.length);
  const first = range.min - (range.min % HOUR);
  if (range.max < first + HOUR) {
    add(groups, table, columns, rows, range.min, range.max);
    return;
  }
  const byHour = new Map<number, number[]>();
  for (let row = 0; row < rows.length; row++) {
    const hour = time[row]! - (time[row]! % HOUR);
    const picked = byHour.get(hour);
    if (picked === undefined) byHour.set(hour, [row]);
    else picked.push(row);
  }
  if (byHour.size > MAX_HOURS) {
    add(groups, table, columns, rows, range.min, range.max, 'mixed');
    return;
  }
  for (const picked of byHour.values()) {
    const part = pick(rows, picked);
    const { min, max } = timeRange(part.columns.get('end') as Uint32Array, part.length);
    add(groups, table, columns, part, min, max);
  }
}

function timeRange(time: Uint32Array, length: number): { min: number; max: number } {
  let min = time[0]!;
  let max = min;
  for (let row = 1; row < length; row++) {
    const at = time[row]!;
    if (at < min) min = at;
    else if (at > max) max = at;
  }
  return { min, max };
}

function add(
  groups: Map<string, RowGroup>,
  table: TableName,
  columns: readonly ColumnSpec[],
  rows: RowSet,
  minTime: number,
  maxTime: number,
  name?: string,
): void {
  const hour = minTime - (minTime % HOUR);
  const key = `${table} ${name ?? hour} ${columns.map((column) => column.name).join(' ')}`;
  const group = groups.get(key);
  if (group === undefined) {
    groups.set(key, {
      key,
      table,
      hour,
      columns,
      sets: [rows],
      rows: rows.length,
      weight: weightOf(rows),
      minTime,
      maxTime,
    });
    return;
  }
  group.sets.push(rows);
  group.rows += rows.length;
  group.weight += weightOf(rows);
  group.minTime = Math.min(group.minTime, minTime);
  group.maxTime = Math.max(group.maxTime, maxTime);
}

/** A copy of some rows, in the order given. */
function pick(rows: RowSet, picked: readonly number[]): RowSet {
  const columns = new Map<string, RowColumn>();
  const capacity = (rows.columns.get('end') as Uint32Array).length;
  for (const [name, from] of rows.columns) {
    if (from.length === 0) continue;
    const width = from.length / capacity;
    const Kind = from.constructor as new (length: number) => RowColumn;
    const to = new Kind(picked.length * width);
    if (width === 1) copyNumbers(from, picked, to);
    else copyRows(from, picked, width, to);
    columns.set(name, to);
  }
  return { length: picked.length, columns, ...(rows.texts === undefined ? {} : { texts: rows.texts }) };
}

// Functions of their own, each with one plain loop: inside the loop over columns the compiler threw them away at each column.
function copyNumbers(from: RowColumn, picked: readonly number[], to: RowColumn): void {
  for (let i = 0; i < picked.length; i++) to[i] = from[picked[i]!]!;
}

function copyRows(from: RowColumn, picked: readonly number[], width: number, to: RowColumn): void {
  let at = 0;
  for (let i = 0; i < picked.length; i++) {
    const row = picked[i]! * width;
    for (let element = row; element < row + width; element++) to[at++] = from[element]!;
  }
}
