import { type ColumnSpec, type RowColumn, widthOf } from '../history/table-spec.ts';
import { indexAddresses, indexNumbers, MAX_DISTINCT } from './distinct.ts';
import {
  type PlainValues,
  plainAddresses,
  plainInt32,
  plainInt64,
  plainIntegers,
  plainTexts,
} from './plain.ts';
import { dropAbsent, dropZeros, gather, type Piece, type Scratch } from './scratch.ts';

/** Counts have a dictionary when no more of them differ; more are shorter as they are. */
const MAX_COUNTS = 1 << 14;
const MICROSECONDS = 1_000_000;

/** The values of a column in a row group. `Scratch.levels` says which rows have one when not all or none have. */
export interface ColumnValues {
  /** Rows that have a value. */
  readonly count: number;
  /** Entries of the dictionary that `plain` is; 0 = `plain` is the values themselves. */
  readonly entries: number;
  readonly plain: PlainValues;
}

/** Reads a column of the pieces; what it returns is valid until the next column is read. `names`: texts by dictionary code. */
export function readColumn(
  scratch: Scratch,
  spec: ColumnSpec,
  pieces: readonly Piece[],
  names: readonly string[],
): ColumnValues {
  switch (spec.source) {
    case 'label':
      return readLabels(scratch, spec, pieces);
    case 'code':
    case 'int':
    case 'bigint':
      return readCodes(scratch, spec, pieces, names);
    case 'count':
      return readCounts(scratch, spec, pieces);
  }
  const { words, indexes, table, plain } = scratch;
  const width = widthOf(spec);
  const rows = gather(pieces, spec.from, width, words);
  const count = dropAbsent(scratch, spec.present, rows, words, width);
  if (spec.source === 'address') {
    const entries = indexAddresses(table, words, count, indexes);
    return entries < 0
      ? { count, entries: 0, plain: plainAddresses(words, count, plain) }
      : { count, entries, plain: plainAddresses(table.values, entries, plain) };
  }
  const distinct = indexNumbers(table, words, count, indexes, MAX_DISTINCT);
  const entries = Math.max(0, distinct);
  const values = distinct < 0 ? words : table.values;
  const length = distinct < 0 ? count : distinct;
  return {
    count,
    entries,
    plain:
      spec.source === 'time'
        ? plainInt64(values, length, MICROSECONDS, plain)
        : plainInt32(values, length, plain),
  };
}

function readCounts(scratch: Scratch, spec: ColumnSpec, pieces: readonly Piece[]): ColumnValues {
  const { words, numbers, indexes, table, plain } = scratch;
  const rows = gather(pieces, spec.from, 1, numbers);
  const count = dropAbsent(scratch, spec.present, rows, numbers, 1);
  const entries = narrow(numbers, count, words) ? indexNumbers(table, words, count, indexes, MAX_COUNTS) : -1;
  return entries < 0
    ? { count, entries: 0, plain: plainInt64(numbers, count, 1, plain) }
    : { count, entries, plain: plainInt64(table.values, entries, 1, plain) };
}

/** Whether all numbers are below 2^32, which then are in `words`. */
function narrow(numbers: Float64Array, count: number, words: Uint32Array): boolean {
  let fits = true;
  for (let i = 0; i < count; i++) {
    const number = numbers[i]!;
    words[i] = number;
    fits &&= number < 2 ** 32;
  }
  return fits;
}

function readLabels(scratch: Scratch, spec: ColumnSpec, pieces: readonly Piece[]): ColumnValues {
  const { indexes } = scratch;
  const rows = gather(pieces, spec.from, 1, indexes);
  const labels = spec.labels!;
  if (labels[0] !== '') return { count: rows, entries: labels.length, plain: plainTexts(labels) };
  const texts = labels.slice(1);
  return { count: dropZeros(scratch, rows), entries: texts.length, plain: plainTexts(texts) };
}

/** Dictionary codes become a dictionary of the texts, or of the numbers they are, that the pieces really have. */
function readCodes(
  scratch: Scratch,
  spec: ColumnSpec,
  pieces: readonly Piece[],
  names: readonly string[],
): ColumnValues {
  if (scratch.seen.length < names.length) scratch.seen = new Int32Array(names.length * 2);
  const { source } = spec;
  const values = new Map<string, number>();
  const indexOf = (text: string): number => {
    if ((source === 'int' || source === 'bigint') && integerOf(text, source) === undefined) return -1;
    const known = values.get(text) ?? values.size + 1;
    values.set(text, known);
    return known;
  };
  const touched: number[] = [];
  let rows = 0;
  for (const { rows: set, from, count } of pieces) {
    const texts = set.texts ?? names;
    const seen = set.texts === undefined ? scratch.seen : new Int32Array(texts.length);
    const look = (code: number): number => {
      // Many a reader takes texts for C strings.
      const value = indexOf(texts[code]!.replaceAll('\0', '\ufffd'));
      seen[code] = value;
      if (set.texts === undefined) touched.push(code);
      return value;
    };
    mapCodes(set.columns.get(spec.from)!, from, count, seen, look, scratch.indexes, rows);
    rows += count;
  }
  for (const code of touched) scratch.seen[code] = 0;
  const texts = [...values.keys()];
  const count = dropZeros(scratch, rows);
  if (source !== 'int' && source !== 'bigint')
    return { count, entries: texts.length, plain: plainTexts(texts) };
  const integers = texts.flatMap((text) => integerOf(text, source) ?? []);
  return { count, entries: texts.length, plain: plainIntegers(integers, source === 'int' ? 4 : 8) };
}

function mapCodes(
  codes: RowColumn,
  from: number,
  count: number,
  seen: Int32Array,
  look: (code: number) => number,
  indexes: Uint32Array,
  row: number,
): void {
  for (let i = 0; i < count; i++) {
    const code = codes[from + i]!;
    let value = 0;
    if (code !== 0) {
      value = seen[code]!;
      if (value === 0) value = look(code);
      if (value < 0) value = 0;
    }
    indexes[row + i] = value;
  }
}

/** The whole number that a text is, also written as a float without a fraction; undefined when it is none, or does not fit. */
function integerOf(text: string, type: 'int' | 'bigint'): bigint | undefined {
  const digits = /^\s*([+-]?\d{1,19})(?:\.0*)?\s*$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const integer = BigInt(digits.replace('+', ''));
  return BigInt.asIntN(type === 'int' ? 32 : 64, integer) === integer ? integer : undefined;
}
