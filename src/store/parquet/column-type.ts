import type { ColumnSource } from '../history/table-spec.ts';
import { bool, i32, struct, type Thrift, text } from './thrift.ts';

/** Numbers of Parquet's physical types. */
export const PHYSICAL = { int32: 1, int64: 2, byteArray: 6, fixedLengthByteArray: 7 } as const;
const CONVERTED = {
  utf8: 0,
  timestampMicros: 10,
  uint8: 11,
  uint16: 12,
  uint32: 13,
  int32: 17,
  int64: 18,
} as const;

/** How a column stands in the file. */
export interface ColumnType {
  readonly physical: number;
  readonly length?: number;
  readonly converted?: number;
  readonly logical?: Thrift;
}

const TEXT: ColumnType = { physical: PHYSICAL.byteArray, converted: CONVERTED.utf8 };
const UINT8: ColumnType = { physical: PHYSICAL.int32, converted: CONVERTED.uint8 };
const INT64: ColumnType = { physical: PHYSICAL.int64, converted: CONVERTED.int64 };

/** The types are those that DuckDB writes for UUID, UTINYINT, …, BIGINT, TIMESTAMP and VARCHAR, so that files of both merge. */
export const COLUMN_TYPES: Readonly<Record<ColumnSource, ColumnType>> = {
  address: { physical: PHYSICAL.fixedLengthByteArray, length: 16, logical: struct({ 14: struct({}) }) },
  u8: UINT8,
  u16: { physical: PHYSICAL.int32, converted: CONVERTED.uint16 },
  u32: { physical: PHYSICAL.int32, converted: CONVERTED.uint32 },
  count: INT64,
  time: {
    physical: PHYSICAL.int64,
    converted: CONVERTED.timestampMicros,
    // Microseconds, not adjusted to UTC: a timestamp without zone.
    logical: struct({ 8: struct({ 1: bool(false), 2: struct({ 2: struct({}) }) }) }),
  },
  code: TEXT,
  label: TEXT,
  int: { physical: PHYSICAL.int32, converted: CONVERTED.int32 },
  bigint: INT64,
};

/** The element of the file's schema; every column may be null. */
export function schemaElement(name: string, type: ColumnType): Thrift {
  return struct({
    1: i32(type.physical),
    2: type.length === undefined ? undefined : i32(type.length),
    3: i32(1),
    4: text(name),
    6: type.converted === undefined ? undefined : i32(type.converted),
    10: type.logical,
  });
}
