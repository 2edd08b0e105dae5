import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBScalarFunction,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import type { Dictionary } from '../../columns/dictionary.ts';
import { createFlowBatch, type FlowBatch } from '../../columns/flow-batch.ts';
import { UserError } from '../../errors.ts';
import { damageOf } from '../history/checksums.ts';
import type { Segment } from '../history/messages.ts';
import { choiceSql, type FlowChoice, type MinuteCount, readMinutes, registerChoice } from './choice.ts';
import { flowReading } from './columns.ts';
import { movedOr } from './history-moved.ts';
import { type FlowSlice, slicesOf } from './slices.ts';

/** Eight vectors of the database. */
const BATCH_ROWS = 16_384;
const VECTOR_ROWS = 2048;
const MEMORY = '1GB';
/** Longest stretch of time of which flows are chosen at once: each of its minutes is a step to keep open. */
const CHOSEN_SECONDS = 86_400;

export interface FlowReaderOptions {
  readonly dataDir: string;
  /** All that the manifest lists. */
  readonly segments: readonly Segment[];
  /** Unix seconds of the records' `end`, [from, to). */
  readonly from: number;
  readonly to: number;
  readonly names: Dictionary;
  /** Rows that are sorted at once, about. */
  readonly rowsAtOnce?: number;
  /** Not all of them. */
  readonly only?:
    | {
        readonly choice: FlowChoice;
        /** What there is, chosen or not, in the stretch of time of the batches that come next. */
        minutes(next: readonly MinuteCount[]): void;
      }
    | undefined;
}

/**
 * Records of the history in order of their `end`, with what the rollup reads of them; reads only, also beside a running service. A batch is
 * valid until the next one is asked for. Files are compared with their checksums first. Throws a `HistoryMoved` when files went away
 * meanwhile, and a UserError when one is damaged.
 */
export async function* readFlows(options: FlowReaderOptions): AsyncGenerator<FlowBatch> {
  const flows = options.segments.filter(({ table }) => table === 'flows');
  const { from, to, only, rowsAtOnce } = options;
  const slices = slicesOf(flows, from, to, rowsAtOnce, only === undefined ? undefined : CHOSEN_SECONDS);
  const spill = await mkdtemp(join(tmpdir(), 'flowsentry-history-'));
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: MEMORY,
    temp_directory: spill,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  try {
    let next = slices.length === 0 ? undefined : begin(instance, options, slices[0]!);
    for (let i = 0; next !== undefined; i++) {
      const slice = await next;
      // The next slice is sorted while this one is used; its failure shows when it is asked for.
      next = i + 1 < slices.length ? begin(instance, options, slices[i + 1]!) : undefined;
      next?.catch(() => {});
      yield* slice();
    }
  } catch (error) {
    throw await movedOr(error, options.dataDir, flows);
  } finally {
    instance.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

/** Starts reading a slice; what it returns gives its batches. */
async function begin(
  instance: DuckDBInstance,
  { dataDir, names, only }: FlowReaderOptions,
  slice: FlowSlice,
): Promise<() => AsyncGenerator<FlowBatch>> {
  const folder = resolve(dataDir);
  for (const segment of slice.segments) {
    const damage = await damageOf(folder, segment);
    if (damage !== undefined)
      throw new UserError(
        `cannot read the history: ${segment.path} is damaged: ${damage.reason}; 'flowsentry verify --put-aside --data ${dataDir}' takes it out, and so does a running service within a day`,
      );
  }
  const connection = await instance.connect();
  registerCodes(connection, names);
  const present = new Set(slice.segments.flatMap(({ columns }) => columns));
  const reading = flowReading(present);
  const files = slice.segments.map(({ path }) => `'${`${folder}/${path}`.replaceAll("'", "''")}'`);
  const time = (seconds: number): string =>
    `TIMESTAMP '${new Date(seconds * 1000).toISOString().slice(0, 19)}'`;
  const source = `read_parquet([${files.join(', ')}], union_by_name = true, hive_partitioning = false)`;
  const when = slice.whole ? 'true' : `"end" >= ${time(slice.from)} AND "end" < ${time(slice.to)}`;
  let minutes: readonly MinuteCount[] = [];
  let which = 'true';
  if (only !== undefined) {
    minutes = await readMinutes(connection, `${source} WHERE ${when}`);
    if (only.choice.has !== undefined) registerChoice(connection, only.choice.has);
    which = choiceSql(only.choice, present);
  }
  const result = await connection.stream(
    `SELECT ${reading.select} FROM ${source} WHERE ${when} AND ${which} ORDER BY "end"`,
  );
  return async function* () {
    only?.minutes(minutes);
    const batch = createFlowBatch(BATCH_ROWS, reading.layout);
    let fetched = result.fetchChunk();
    for (;;) {
      const chunk = await fetched;
      if (chunk === null || chunk.rowCount === 0) break;
      fetched = result.fetchChunk();
      fetched.catch(() => {});
      reading.append(batch, chunk.chunk, chunk.rowCount);
      if (batch.length + VECTOR_ROWS <= batch.capacity) continue;
      yield batch;
      batch.length = 0;
    }
    connection.closeSync();
    if (batch.length > 0) yield batch;
  };
}

function registerCodes(connection: DuckDBConnection, names: Dictionary): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'code_of',
      parameterTypes: [VARCHAR],
      returnType: INTEGER,
      mainFunction: (_info, input, output) => {
        const texts = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row++) {
          const text = texts.getItem(row) as string | null;
          output.setItem(row, text === null ? null : names.code(text));
        }
        output.flush();
      },
    }),
  );
}
