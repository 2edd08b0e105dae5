import type { RowGroup } from '../history/row-groups.ts';
import { type ColumnSpec, PRESENT_COLUMN, type RowSet } from '../history/table-spec.ts';
import { type ColumnChunk, encodeChunk } from './column-chunk.ts';
import { COLUMN_TYPES, schemaElement } from './column-type.ts';
import { type ColumnValues, readColumn } from './column-values.ts';
import { createScratch, GROUP_ROWS, gather, type Piece, type Scratch } from './scratch.ts';
import { binary, encodeThrift, i32, i64, list, struct, type Thrift, text } from './thrift.ts';

const MAGIC = Buffer.from('PAR1');
const CREATED_BY = 'flowsentry version 1 (build 1)';

/** Makes one file after the other, each as parts to be written in order. `names`: texts by dictionary code. */
export type EncodeFile = (rows: RowGroup, names: readonly string[]) => readonly Uint8Array[];

/**
 * Makes Parquet files of waiting rows: https://github.com/apache/parquet-format. A column of a row group is one page, dictionary-coded
 * where its values repeat: `srcaddr = …` then asks each dictionary only.
 */
export function createParquetEncoder(): EncodeFile {
  const scratch = createScratch();
  return ({ columns, sets, rows }, names) => {
    const file = createOutput();
    file.put(MAGIC);
    const groups = cut(sets).map((pieces) => encodeRowGroup(scratch, columns, pieces, names, file));
    const footer = encodeThrift(
      struct({
        1: i32(2),
        2: list([
          struct({ 4: text('flowsentry'), 5: i32(columns.length) }),
          ...columns.map((column) => schemaElement(column.name, COLUMN_TYPES[column.source])),
        ]),
        3: i64(rows),
        4: list(groups),
        6: text(CREATED_BY),
        // Min and max are by the types' own orders.
        7: list(columns.map(() => struct({ 1: struct({}) }))),
      }),
    );
    file.put(footer);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    file.put(length);
    file.put(MAGIC);
    return file.parts;
  };
}

interface Output {
  readonly parts: readonly Uint8Array[];
  /** Returns where the part begins. */
  put(part: Uint8Array): number;
}

function createOutput(): Output {
  const parts: Uint8Array[] = [];
  let at = 0;
  return {
    parts,
    put(part) {
      parts.push(part);
      const start = at;
      at += part.length;
      return start;
    },
  };
}

/** Cuts sets of rows into row groups. */
function cut(sets: readonly RowSet[]): Piece[][] {
  const groups: Piece[][] = [[]];
  let room = GROUP_ROWS;
  for (const rows of sets)
    for (let from = 0; from < rows.length; ) {
      if (room === 0) {
        groups.push([]);
        room = GROUP_ROWS;
      }
      const count = Math.min(room, rows.length - from);
      groups.at(-1)!.push({ rows, from, count });
      from += count;
      room -= count;
    }
  return groups;
}

interface Written {
  readonly spec: ColumnSpec;
  readonly values: ColumnValues;
  readonly chunk: ColumnChunk;
  readonly start: number;
}

function encodeRowGroup(
  scratch: Scratch,
  columns: readonly ColumnSpec[],
  pieces: readonly Piece[],
  names: readonly string[],
  file: Output,
): Thrift {
  const rows = pieces.reduce((sum, piece) => sum + piece.count, 0);
  if (columns.some((column) => column.present !== undefined))
    gather(pieces, PRESENT_COLUMN, 1, scratch.present);
  const written = columns.map((spec): Written => {
    const values = readColumn(scratch, spec, pieces, names);
    const chunk = encodeChunk(scratch, values, rows);
    const [start] = chunk.parts.map((part) => file.put(part));
    return { spec, values, chunk, start: start! };
  });
  const chunks = written.map((column) => columnMetadata(column, rows));
  const total = (bytes: (chunk: ColumnChunk) => number): number =>
    written.reduce((sum, { chunk }) => sum + bytes(chunk), 0);
  return struct({
    1: list(chunks),
    2: i64(total((chunk) => chunk.uncompressedBytes)),
    3: i64(rows),
    5: i64(written[0]!.start),
    6: i64(total((chunk) => chunk.bytes)),
  });
}

function columnMetadata({ spec, values, chunk, start }: Written, rows: number): Thrift {
  const { least, greatest } = values.plain;
  const metadata = struct({
    1: i32(COLUMN_TYPES[spec.source].physical),
    2: list(chunk.encodings.map(i32)),
    3: list([text(spec.name)]),
    4: i32(chunk.codec),
    5: i64(rows),
    6: i64(chunk.uncompressedBytes),
    7: i64(chunk.bytes),
    9: i64(start + chunk.dictionaryBytes),
    11: chunk.dictionaryBytes === 0 ? undefined : i64(start),
    12: struct({
      3: i64(rows - values.count),
      5: greatest === undefined ? undefined : binary(greatest),
      6: least === undefined ? undefined : binary(least),
    }),
  });
  return struct({ 2: i64(start), 3: metadata });
}
