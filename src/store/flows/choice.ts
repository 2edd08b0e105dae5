import {
  BOOLEAN,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  UUID,
} from '@duckdb/node-api';
import nb from '@duckdb/node-bindings';
import { readUuids, storedUuids } from '../uuid.ts';

/** Flows to read: those with one of the ports at either end, with one of the protocols, or with an address that `has` says, at either end. */
export interface FlowChoice {
  readonly ports: readonly number[];
  /** IANA numbers. */
  readonly protocols: readonly number[];
  /** Of the address at `offset`; the packet's own where the log has it. Undefined: no address is looked at. */
  readonly has: ((words: Uint32Array, offset: number) => boolean) | undefined;
}

/** Records of a minute, chosen or not. */
export interface MinuteCount {
  /** Unix seconds. */
  readonly start: number;
  readonly rows: number;
  /** Those that are of a connection, and of these those that span more than {@link LONG_RECORD_SECONDS}. */
  readonly records: number;
  readonly longRecords: number;
}

/** As in the rollup, whose aggregation interval these records show. */
const LONG_RECORD_SECONDS = 120;

/** Condition of a SELECT. `names`: columns that any of the files has. */
export function choiceSql({ ports, protocols, has }: FlowChoice, names: ReadonlySet<string>): string {
  const addressOf = (end: string): string =>
    names.has('pkt_srcaddr') && names.has('pkt_dstaddr')
      ? `coalesce(pkt_${end}addr, ${end}addr)`
      : `${end}addr`;
  const among = (column: string, values: readonly number[]): string[] =>
    values.length === 0 ? [] : [`${column} IN (${values.join(', ')})`];
  const conditions = [
    ...among('srcport', ports),
    ...among('dstport', ports),
    ...among('protocol', protocols),
    ...(has === undefined ? [] : ['src', 'dst'].map((end) => `is_chosen(${addressOf(end)})`)),
  ];
  return conditions.length === 0 ? 'false' : `(${conditions.join(' OR ')})`;
}

/** Makes `is_chosen` known; the database calls it once for each address of a file's part. */
export function registerChoice(connection: DuckDBConnection, has: NonNullable<FlowChoice['has']>): void {
  const words = new Uint32Array(4 * 2048);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'is_chosen',
      parameterTypes: [UUID],
      returnType: BOOLEAN,
      mainFunction: (_info, input, output) => {
        const { rowCount } = input;
        const vector = nb.data_chunk_get_vector((input as DuckDBDataChunk).chunk, 0);
        const stored = storedUuids(vector, rowCount);
        for (let from = 0; from < rowCount; from += 2048) {
          const rows = Math.min(2048, rowCount - from);
          readUuids(stored, from * 4, words, 0, rows);
          for (let row = 0; row < rows; row++) output.setItem(from + row, has(words, row * 4));
        }
        output.flush();
      },
    }),
  );
}

/** SELECT of {@link MinuteCount}s, as rows, in order. `source`: what follows FROM. */
export function minutesSql(source: string): string {
  const judged = `coalesce(log_status, 'OK') = 'OK' AND protocol IS NOT NULL AND srcaddr IS NOT NULL AND dstaddr IS NOT NULL`;
  const length = `epoch_us("end") - coalesce(epoch_us("start"), 0)`;
  return `SELECT (epoch_us("end") // 60000000)::DOUBLE * 60 AS minute, count(*)::DOUBLE, (count(*) FILTER (${judged}))::DOUBLE, (count(*) FILTER (${judged} AND ${length} > ${LONG_RECORD_SECONDS * 1_000_000}))::DOUBLE FROM ${source} GROUP BY minute ORDER BY minute`;
}

/** The rows of {@link minutesSql}. */
export async function readMinutes(connection: DuckDBConnection, source: string): Promise<MinuteCount[]> {
  const rows = (await connection.runAndReadAll(minutesSql(source))).getRowsJS() as number[][];
  return rows.map(([start = 0, count = 0, records = 0, longRecords = 0]) => ({
    ...{ start, rows: count, records, longRecords },
  }));
}
