import type { RowSet } from '../history/table-spec.ts';
import { createDistinctTable, type DistinctTable } from './distinct.ts';

/** Rows of a row group at most. */
export const GROUP_ROWS = 1 << 17;

/** A part of a set of rows, [from, from + count). */
export interface Piece {
  readonly rows: RowSet;
  readonly from: number;
  readonly count: number;
}

/** Memory for encoding one column of one row group after the other. */
export interface Scratch {
  /** What a column's rows hold, one behind the other. */
  readonly words: Uint32Array;
  readonly numbers: Float64Array;
  /** For each row that has a value, which of the distinct ones. */
  readonly indexes: Uint32Array;
  /** The same where two bytes do. */
  readonly narrow: Uint16Array;
  /** Bits of `PRESENT` for each row. */
  readonly present: Uint32Array;
  /** A bit for each row that has a value. */
  readonly levels: Uint8Array;
  readonly plain: Uint8Array;
  readonly table: DistinctTable;
  /** By dictionary code, the index + 1 of its value; 0 = not seen yet, as all are between columns, -1 = it has none. */
  seen: Int32Array;
  page: Uint8Array;
}

export function createScratch(): Scratch {
  return {
    words: new Uint32Array(GROUP_ROWS * 4),
    numbers: new Float64Array(GROUP_ROWS),
    indexes: new Uint32Array(GROUP_ROWS),
    narrow: new Uint16Array(GROUP_ROWS),
    present: new Uint32Array(GROUP_ROWS),
    levels: new Uint8Array(GROUP_ROWS / 8),
    plain: new Uint8Array(GROUP_ROWS * 16),
    table: createDistinctTable(),
    seen: new Int32Array(1024),
    page: new Uint8Array(1 << 16),
  };
}

/** Copies a column of the pieces, one behind the other; returns how many rows they are. */
export function gather(
  pieces: readonly Piece[],
  column: string,
  width: number,
  into: Uint32Array | Float64Array,
): number {
  let row = 0;
  for (const { rows, from, count } of pieces) {
    const values = rows.columns.get(column)!;
    into.set(values.subarray(from * width, (from + count) * width), row * width);
    row += count;
  }
  return row;
}

/**
 * Leaves out the rows whose `bit` of `present` is clear: values move up, and `levels` says which rows have one. Returns how many have.
 * Such rows are few, or all: what stands between two of them moves at once.
 */
export function dropAbsent(
  { present, levels }: Scratch,
  bit: number | undefined,
  rows: number,
  values: Uint32Array | Float64Array,
  width: number,
): number {
  if (bit === undefined) return rows;
  let row = nextAbsent(present, bit, 0, rows);
  if (row === rows) return rows;
  levels.fill(255);
  let count = row;
  while (row < rows) {
    levels[row >>> 3] = levels[row >>> 3]! & ~(1 << (row & 7));
    const next = nextAbsent(present, bit, row + 1, rows);
    if (next > row + 1) values.copyWithin(count * width, (row + 1) * width, next * width);
    count += next - row - 1;
    row = next;
  }
  return count;
}

/** The first row from `from` on whose `bit` is clear, else `rows`. */
function nextAbsent(present: Uint32Array, bit: number, from: number, rows: number): number {
  let row = from;
  while (row < rows && (present[row]! & bit) !== 0) row++;
  return row;
}

/** As {@link dropAbsent} for indexes that count from 1, 0 being none; they count from 0 then. */
export function dropZeros({ indexes, levels }: Scratch, rows: number): number {
  levels.fill(255);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const index = indexes[row]!;
    if (index !== 0) indexes[count++] = index - 1;
    else levels[row >>> 3] = levels[row >>> 3]! & ~(1 << (row & 7));
  }
  return count;
}
