import {
  DOUBLE,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBTableFunction,
  type DuckDBType,
  ENUM8,
  ENUM16,
  ENUM32,
  UINTEGER,
  USMALLINT,
  UTINYINT,
  UUID,
} from '@duckdb/node-api';
import nb from '@duckdb/node-bindings';
import { BATCH_ROWS } from '../columns/flow-batch.ts';
import type { RowGroup } from './row-groups.ts';
import { type ColumnSpec, type RowColumn, type RowSet, widthOf } from './table-spec.ts';

/** Points a scan at a group, or at nothing, which lets the group's memory go. */
export type SelectRows = (group: RowGroup | undefined, names: readonly string[]) => void;

/**
 * Registers a table function `name` over rows that wait in memory: DuckDB pulls them chunk by chunk by whole columns while it writes the file.
 * It saves the copy into a table of its own, which costs as much as half the writing. One function serves all groups, one after the other:
 * a connection never forgets a function, nor what it refers to.
 */
export function registerRowScan(connection: DuckDBConnection, name: string): SelectRows {
  let current: RowGroup | undefined;
  let fills: Fill[] = [];
  let set = 0;
  let row = 0;
  const scan = DuckDBTableFunction.create({
    name,
    parameterTypes: [],
    bindFunction: (info) => {
      for (const [i, spec] of current!.columns.entries()) info.addResultColumn(spec.name, fills[i]!.type);
      info.setCardinality(current!.rows, true);
    },
    initFunction: () => {
      set = 0;
      row = 0;
    },
    mainFunction: (_info, chunk) => {
      const { sets } = current!;
      while (set < sets.length && row === sets[set]!.length) {
        set++;
        row = 0;
      }
      const rows = sets[set];
      const count = rows === undefined ? 0 : Math.min(BATCH_ROWS, rows.length - row);
      chunk.rowCount = count;
      if (rows === undefined || count === 0) return;
      for (let column = 0; column < fills.length; column++)
        fills[column]!.fill(chunk, column, rows, row, count);
      row += count;
    },
  });
  connection.registerTableFunction(scan);
  return (group, names) => {
    current = group;
    fills = group === undefined ? [] : group.columns.map((spec) => createFill(spec, group, names));
  };
}

interface Fill {
  readonly type: DuckDBType;
  fill(chunk: DuckDBDataChunk, column: number, rows: RowSet, from: number, count: number): void;
}

const PLAIN: Readonly<Record<string, DuckDBType>> = {
  u8: UTINYINT,
  u16: USMALLINT,
  u32: UINTEGER,
  f64: DOUBLE,
};

function createFill(spec: ColumnSpec, group: RowGroup, names: readonly string[]): Fill {
  if (spec.source === 'code') return codeFill(spec, group, names);
  if (spec.source === 'label') return labelFill(spec);
  if (spec.source === 'address') return addressFill(spec);
  return {
    type: PLAIN[spec.source]!,
    fill: (chunk, column, rows, from, count) => {
      const values = rows.columns.get(spec.from)!;
      copyRows(chunk, column, values, from, count);
      markAbsent(chunk, column, rows, spec, from, count);
    },
  };
}

function copyRows(
  chunk: DuckDBDataChunk,
  column: number,
  values: RowColumn,
  from: number,
  count: number,
): void {
  const size = values.BYTES_PER_ELEMENT;
  nb.copy_data_to_vector(
    nb.data_chunk_get_vector(chunk.chunk, column),
    0,
    values.buffer as ArrayBuffer,
    values.byteOffset + from * size,
    count * size,
  );
}

/** DuckDB's UUID is a little-endian hugeint with its top bit flipped, so that it sorts as unsigned. */
function addressFill(spec: ColumnSpec): Fill {
  const scratch = new Uint32Array(BATCH_ROWS * widthOf(spec));
  return {
    type: UUID,
    fill: (chunk, column, rows, from, count) => {
      const words = rows.columns.get(spec.from)!;
      for (let i = 0, at = from * 4; i < count * 4; i += 4, at += 4) {
        scratch[i] = words[at + 3]!;
        scratch[i + 1] = words[at + 2]!;
        scratch[i + 2] = words[at + 1]!;
        scratch[i + 3] = words[at]! ^ 0x80000000;
      }
      copyRows(chunk, column, scratch, 0, count * 4);
      markAbsent(chunk, column, rows, spec, from, count);
    },
  };
}

/** Dictionary codes become an ENUM of the texts that the group really has: Parquet keeps it as a dictionary-coded string column. */
function codeFill(spec: ColumnSpec, group: RowGroup, names: readonly string[]): Fill {
  const values = new Map<string, number>();
  const shared = new Uint32Array(names.length);
  const own = new Map<RowSet, Uint32Array>();
  for (const rows of group.sets) {
    const codes = rows.columns.get(spec.from)!;
    const texts = rows.texts ?? names;
    const local = rows.texts === undefined ? shared : new Uint32Array(texts.length);
    if (rows.texts !== undefined) own.set(rows, local);
    for (let row = 0; row < rows.length; row++) {
      const code = codes[row]!;
      if (code === 0 || local[code] !== 0) continue;
      // DuckDB's API takes C strings.
      const text = texts[code]!.replaceAll('\0', '\ufffd');
      const value = values.get(text) ?? values.size + 1;
      values.set(text, value);
      local[code] = value;
    }
  }
  const { type, scratch } = enumOf(values.size === 0 ? [''] : [...values.keys()]);
  return {
    type,
    fill: (chunk, column, rows, from, count) => {
      const codes = rows.columns.get(spec.from)!;
      const local = own.get(rows) ?? shared;
      let absent = false;
      for (let i = 0; i < count; i++) {
        const value = local[codes[from + i]!]!;
        if (value === 0) absent = true;
        scratch[i] = value === 0 ? 0 : value - 1;
      }
      copyRows(chunk, column, scratch, 0, count);
      if (!absent) return;
      validity.fill(0);
      for (let i = 0; i < count; i++) if (local[codes[from + i]!] !== 0) markPresent(i);
      writeValidity(chunk, column);
    },
  };
}

function labelFill(spec: ColumnSpec): Fill {
  const labels = spec.labels!;
  const nullable = labels[0] === '';
  const { type, scratch } = enumOf(nullable ? labels.slice(1) : [...labels]);
  return {
    type,
    fill: (chunk, column, rows, from, count) => {
      const values = rows.columns.get(spec.from)!;
      let absent = false;
      for (let i = 0; i < count; i++) {
        const value = values[from + i]!;
        if (nullable && value === 0) {
          absent = true;
          scratch[i] = 0;
        } else scratch[i] = nullable ? value - 1 : value;
      }
      copyRows(chunk, column, scratch, 0, count);
      if (!absent) return;
      validity.fill(0);
      for (let i = 0; i < count; i++) if (values[from + i] !== 0) markPresent(i);
      writeValidity(chunk, column);
    },
  };
}

function enumOf(texts: string[]): { type: DuckDBType; scratch: RowColumn } {
  if (texts.length < 256) return { type: ENUM8(texts), scratch: new Uint8Array(BATCH_ROWS) };
  if (texts.length < 65_536) return { type: ENUM16(texts), scratch: new Uint16Array(BATCH_ROWS) };
  return { type: ENUM32(texts), scratch: new Uint32Array(BATCH_ROWS) };
}

/** Marks rows whose `present` bit is clear as null; batches in which every row or none has a value cost one pass. */
function markAbsent(
  chunk: DuckDBDataChunk,
  column: number,
  rows: RowSet,
  spec: ColumnSpec,
  from: number,
  count: number,
): void {
  if (spec.present === undefined) return;
  const present = rows.columns.get('present') as Uint32Array;
  const bit = spec.present;
  let all = -1;
  let any = 0;
  for (let i = from; i < from + count; i++) {
    all &= present[i]!;
    any |= present[i]!;
  }
  if ((all & bit) !== 0) return;
  validity.fill(0);
  if ((any & bit) !== 0) for (let i = 0; i < count; i++) if ((present[from + i]! & bit) !== 0) markPresent(i);
  writeValidity(chunk, column);
}

const validity = new Uint32Array(BATCH_ROWS / 32);

function markPresent(i: number): void {
  validity[i >>> 5] = validity[i >>> 5]! | (1 << (i & 31));
}

/** Makes every row of the column null whose bit in {@link validity} is clear. */
function writeValidity(chunk: DuckDBDataChunk, column: number): void {
  const vector = nb.data_chunk_get_vector(chunk.chunk, column);
  nb.vector_ensure_validity_writable(vector);
  nb.copy_data_to_vector_validity(vector, 0, validity.buffer, 0, validity.byteLength);
}
