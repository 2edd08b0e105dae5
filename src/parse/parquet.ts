import { gunzipSync } from 'node:zlib';
import {
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { type Compressors, compressors } from 'hyparquet-compressors';
import { FIELD_BY_NAME } from './fields.ts';
import { canonicalName } from './format.ts';
import { NETWORK_ACTIVITY, own, recordOfOcsf } from './ocsf.ts';
import { createRecordReader, type RecordReader, writeRecord } from './record.ts';
import { type DecodedPart, type DecodeOptions, REFUSED, ROW_OK, RowSink } from './row-sink.ts';

/** A file that can be read at any place. */
interface RandomAccess {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** Rows held at a time, as columns and as nested objects: bounds on memory, whatever the size of a row group. */
const FLAT_ROWS = 1 << 18;
const NESTED_ROWS = 1 << 14;
/** A file that claims more rows in one group is lying: AWS closes a file at 75 MB. */
const MAX_GROUP_ROWS = 1 << 28;
/** A page that claims to inflate to more is a bomb; writers make pages of about 1 MiB. */
const MAX_PAGE = 256 << 20;

/**
 * Reads AWS's Parquet (flat, names with underscores) or OCSF Network Activity (nested), recognised by schema. Positions are row numbers
 * of the file. What can't be read is one `bad-parquet` reject for each stretch of rows.
 */
export async function* decodeParquet(
  file: RandomAccess,
  options: DecodeOptions,
): AsyncGenerator<DecodedPart> {
  const sink = new RowSink(options);
  const records = createRecordReader(sink);
  const damaged = (row: number, error: unknown): void =>
    sink.reject(
      REFUSED['bad-parquet'],
      row,
      Buffer.from(error instanceof Error ? error.message : String(error)),
    );
  let first = 0;
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = parquetSchema(metadata).children.map((child) => child.element.name);
    const nested = columns.includes('class_uid');
    const known = columns.filter((name) => FIELD_BY_NAME.has(canonicalName(name)));
    if (!nested && known.length < 3) throw new Error('no column has the name of a flow log field');
    const step = nested ? NESTED_ROWS : FLAT_ROWS;
    for (const group of metadata.row_groups) {
      const rows = Number(group.num_rows);
      if (!(rows >= 0 && rows <= MAX_GROUP_ROWS)) throw new Error(`a row group of ${rows} rows`);
      for (let start = first; start < first + rows; start += step) {
        const end = Math.min(start + step, first + rows);
        try {
          if (nested) await readNested(file, metadata, records, start, end);
          else await readFlat(file, metadata, records, known, start, end);
        } catch (error) {
          damaged(start, error);
        }
        yield* sink.take();
      }
      first += rows;
    }
  } catch (error) {
    damaged(first, error);
  }
  sink.flush();
  yield* sink.take();
}

async function readFlat(
  file: RandomAccess,
  metadata: FileMetaData,
  records: RecordReader,
  names: readonly string[],
  start: number,
  end: number,
): Promise<void> {
  const columns = new Map(names.map((name): [string, unknown[]] => [name, new Array(end - start)]));
  await parquetRead({
    file,
    metadata,
    columns: [...names],
    rowStart: start,
    rowEnd: end,
    compressors: bounded,
    onChunk: ({ columnName, columnData, rowStart }) => {
      const column = columns.get(columnName)!;
      const from = Math.max(rowStart, start);
      const to = Math.min(rowStart + columnData.length, end);
      for (let row = from; row < to; row++) column[row - start] = columnData[row - rowStart];
    },
  });
  for (let row = start; row < end; row++) {
    const read = (name: string): unknown => columns.get(name)![row - start];
    const result = writeRecord(records, names, read);
    if (result === ROW_OK) records.sink.accept();
    else records.sink.reject(result, row, rawOf(Object.fromEntries(names.map((name) => [name, read(name)]))));
  }
}

async function readNested(
  file: RandomAccess,
  metadata: FileMetaData,
  records: RecordReader,
  start: number,
  end: number,
): Promise<void> {
  const events = await parquetReadObjects({
    file,
    metadata,
    rowStart: start,
    rowEnd: end,
    compressors: bounded,
  });
  for (const [index, event] of events.entries()) {
    let result = REFUSED['unknown-shape'];
    if (Number(own(event, 'class_uid')) === NETWORK_ACTIVITY) {
      const record = recordOfOcsf(event);
      result = writeRecord(records, [...record.keys()], (name) => record.get(name));
    }
    if (result === ROW_OK) records.sink.accept();
    else records.sink.reject(result, start + index, rawOf(event));
  }
}

function rawOf(row: unknown): Uint8Array {
  return Buffer.from(
    JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  );
}

/** The decompressors of all codecs, with a bound on what a page may claim; gzip, which AWS writes, by zlib. */
const bounded: Compressors = {};
for (const [codec, decompress] of Object.entries(compressors)) {
  bounded[codec as keyof Compressors] = (input, length) => {
    if (length > MAX_PAGE) throw new Error(`a page of ${length} bytes`);
    if (codec === 'GZIP') return gunzipSync(input, { maxOutputLength: Math.max(length, 1) });
    return decompress(input, length);
  };
}
