import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import type { RowGroup } from '../../src/store/history/row-groups.ts';
import type { ColumnSpec, RowColumn, RowSet } from '../../src/store/history/table-spec.ts';
import { createDistinctTable, indexNumbers } from '../../src/store/parquet/distinct.ts';
import { createParquetEncoder } from '../../src/store/parquet/file.ts';
import { temporaryFolder } from './support.ts';

const encode = createParquetEncoder();

interface Column {
  readonly spec: ColumnSpec;
  readonly values: RowColumn;
}

/** Writes columns as one file, the rows cut into sets at `cuts`. */
function fileOf(
  columns: readonly Column[],
  rows: number,
  names: readonly string[] = [''],
  cuts: readonly number[] = [],
  texts?: readonly string[],
): string {
  const edges = [0, ...cuts.toSorted((a, b) => a - b), rows];
  const sets = edges.slice(1).map((end, i): RowSet => {
    const from = edges[i]!;
    const part = columns.map(({ spec, values }) => {
      const width = spec.source === 'address' ? 4 : 1;
      return [spec.from, values.slice(from * width, end * width)] as const;
    });
    return { length: end - from, columns: new Map(part), ...(texts === undefined ? {} : { texts }) };
  });
  const specs = columns.map(({ spec }) => spec).filter((spec) => spec.name !== 'present');
  const group: RowGroup = {
    key: '',
    table: 'flows',
    hour: 0,
    columns: specs,
    sets,
    rows,
    weight: rows,
    minTime: 0,
    maxTime: 0,
  };
  const path = join(temporaryFolder(), 'rows.parquet');
  writeFileSync(path, Buffer.concat(encode(group, names)));
  return path;
}

function column(name: string, source: ColumnSpec['source'], values: RowColumn, present?: number): Column {
  return { spec: { name, from: name, source, ...(present === undefined ? {} : { present }) }, values };
}

async function duckdb(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const BIT = 1;
const caseArb = fc.record({
  rows: fc.integer({ min: 1, max: 300 }),
  seed: fc.integer(),
  distinct: fc.constantFrom(1, 2, 255, 256, 257, 100_000),
  absent: fc.constantFrom('none', 'some', 'all'),
  cuts: fc.array(fc.nat(300), { maxLength: 4 }),
});

/** Numbers that look random and depend on the seed alone. */
function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.imul(state ^ (state >>> 16), 0x45d9f3b) >>> 0;
  };
}

describe('parquet', () => {
  it('is read by DuckDB and by hyparquet as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(caseArb, async ({ rows, seed, distinct, absent, cuts }) => {
        const next = numbersOf(seed);
        const some = (): number => next() % distinct;
        const names = ['', ...Array.from({ length: 400 }, (_, i) => `näme ${i}`), '7', '-12', 'x'];
        const present = Uint32Array.from({ length: rows }, () =>
          absent === 'none' ? BIT : absent === 'all' ? 0 : next() & BIT,
        );
        const code = (): number => (absent === 'all' ? 0 : next() % names.length);
        const columns = [
          column('present', 'u32', present),
          column('address', 'address', Uint32Array.from({ length: rows * 4 }, some), BIT),
          column('u8', 'u8', Uint8Array.from({ length: rows }, some), BIT),
          column('u16', 'u16', Uint16Array.from({ length: rows }, some), BIT),
          column(
            'u32',
            'u32',
            Uint32Array.from({ length: rows }, () => 0xffff_ffff - some()),
            BIT,
          ),
          column(
            'count',
            'count',
            Float64Array.from({ length: rows }, () => some() * 90_000_000_000),
            BIT,
          ),
          column(
            'time',
            'time',
            Uint32Array.from({ length: rows }, () => 1_767_225_600 + some()),
            BIT,
          ),
          column('code', 'code', Uint32Array.from({ length: rows }, code)),
          column('int', 'int', Uint32Array.from({ length: rows }, code)),
          column('bigint', 'bigint', Uint32Array.from({ length: rows }, code)),
        ];
        const path = fileOf(
          columns,
          rows,
          names,
          cuts.filter((cut) => cut < rows),
        );
        const expected = Array.from({ length: rows }, (_, row) => {
          const has = present[row] === BIT;
          const value = (name: string): number =>
            columns.find(({ spec }) => spec.name === name)!.values[row] as number;
          const text = names[value('code')]!;
          const whole = (name: string): string | null =>
            /^-?\d+$/.test(names[value(name)]!) ? names[value(name)]! : null;
          return [
            has ? formatAddress(columns[1]!.values as Uint32Array, row * 4) : null,
            ...['u8', 'u16', 'u32', 'count', 'time'].map((name) => (has ? String(value(name)) : null)),
            text === '' ? null : text,
            whole('int'),
            whole('bigint'),
          ];
        });
        const numbers = ['u8', 'u16', 'u32', 'count'].map((name) => `${name}::VARCHAR`);
        const byDuckDb = await duckdb(
          `SELECT address::VARCHAR, ${numbers}, epoch("time")::BIGINT::VARCHAR, code, "int"::VARCHAR, "bigint"::VARCHAR FROM '${path}'`,
        );
        expect(byDuckDb.map(([address, ...rest]) => [addressOf(address as string | null), ...rest])).toEqual(
          expected,
        );
        const file = await asyncBufferFromFile(path);
        const byHyparquet = await parquetReadObjects({ file, compressors });
        expect(
          byHyparquet.map((row) => [
            addressOf((row.address as string | null) ?? null),
            ...['u8', 'u16', 'u32', 'count'].map((name) => shown(row[name])),
            row.time == null ? null : String((row.time as Date).getTime() / 1000),
            row.code ?? null,
            shown(row.int),
            shown(row.bigint),
          ]),
        ).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('has several row groups, and columns of too many values for a dictionary', async () => {
    const rows = 300_000;
    const next = numbersOf(1);
    const words = new Uint32Array(rows * 4);
    for (let row = 0; row < rows; row++) words.set([0, 0, 0xffff, next()], row * 4);
    const path = fileOf(
      [
        column('address', 'address', words),
        column(
          'bytes',
          'count',
          Float64Array.from({ length: rows }, (_, row) => row * 3_000_000_000),
        ),
        column('u32', 'u32', Uint32Array.from({ length: rows }, next)),
        column(
          'code',
          'code',
          Uint32Array.from({ length: rows }, (_, row) => row + 1),
        ),
      ],
      rows,
      ['', ...Array.from({ length: rows }, (_, i) => `text ${i}`)],
      [5, 140_000],
    );
    expect(
      await duckdb(`SELECT count(*)::INT, count(DISTINCT code)::INT, max(bytes)::VARCHAR FROM '${path}'`),
    ).toEqual([[rows, rows, String((rows - 1) * 3_000_000_000)]]);
    expect(
      await duckdb(`SELECT file_row_number::INT, code FROM read_parquet('${path}', file_row_number = true)
        WHERE address = '00000000-0000-0000-0000-ffff${words[4 * 200_000 + 3]!.toString(16).padStart(8, '0')}'`),
    ).toEqual([[200_000, 'text 200000']]);
    const groups = await duckdb(
      `SELECT DISTINCT row_group_id::INT, row_group_num_rows::INT, encodings FROM parquet_metadata('${path}')
        WHERE path_in_schema <> 'code' ORDER BY 1`,
    );
    expect(groups).toEqual([
      [0, 131_072, 'PLAIN, RLE'],
      [1, 131_072, 'PLAIN, RLE'],
      [2, 37_856, 'PLAIN, RLE'],
    ]);
  });

  it('says of each column what it holds at least and at most', async () => {
    const rows = 2000;
    const words = new Uint32Array(rows * 4);
    for (let row = 0; row < rows; row++)
      words.set(row % 2 === 0 ? [0, 0, 0xffff, 0x0a00_0000 + row] : [0xfe80_0000, 0, 0, row], row * 4);
    const path = fileOf(
      [
        column('address', 'address', words),
        column(
          'time',
          'time',
          Uint32Array.from({ length: rows }, (_, row) => 1_767_225_600 + row),
        ),
        column(
          'port',
          'u16',
          Uint16Array.from({ length: rows }, (_, row) => 65_535 - row),
        ),
        column(
          'name',
          'code',
          Uint32Array.from({ length: rows }, (_, row) => 1 + (row % 3)),
        ),
      ],
      rows,
      ['', 'b', 'c', 'a'],
    );
    expect(await duckdb(`SELECT stats_min_value, stats_max_value FROM parquet_metadata('${path}')`)).toEqual([
      ['00000000-0000-0000-0000-ffff0a000000', 'fe800000-0000-0000-0000-0000000007cf'],
      ['2026-01-01 00:00:00', '2026-01-01 00:33:19'],
      ['63536', '65535'],
      ['a', 'c'],
    ]);
  });

  it('gives up a dictionary when its values are made to collide', () => {
    // Multiples of the inverse of the odd factor by which values are hashed (found by Newton's method) all land in the first slot.
    let inverse = 1;
    for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(0x9e3779b1, inverse));
    const count = 10_000;
    const hostile = Uint32Array.from({ length: count }, (_, i) => Math.imul(i, inverse));
    expect(indexNumbers(createDistinctTable(), hostile, count, new Uint32Array(count), count)).toBe(-1);
  });
});

function shown(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** Canonical text of an address that was stored as a UUID. */
function addressOf(uuid: string | null): string | null {
  if (uuid === null) return null;
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  return formatAddress(
    Uint32Array.of(0, 1, 2, 3).map((word) => bytes.readUInt32BE(word * 4)),
    0,
  );
}
