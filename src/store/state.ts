import { access, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue, listValue } from '@duckdb/node-api';
import type { SnapshotParts } from '../columns/snapshot.ts';
import type { OutboxChange, Position } from '../contracts.ts';
import type { AlertRow } from './alert-row.ts';
import { type LoadedState, load, rowsOf } from './load-state.ts';
import type { Segment } from './messages.ts';
import { type Prepared, readPrepared, removePrepared, writePrepared } from './prepared.ts';
import { makeDurable } from './segment-file.ts';
import { writeStateFile } from './state-file.ts';

/** Runs one statement with values for its question marks. */
type Run = (sql: string, values?: readonly DuckDBValue[]) => Promise<unknown>;

export interface SegmentChange {
  readonly added: readonly Segment[];
  readonly removed: readonly Segment[];
}

export interface CheckpointInput extends SegmentChange {
  /** Where each partition stands in this state. Partitions not named keep their position. */
  readonly positions: ReadonlyMap<string, Position>;
  /** State of the rollup and of each detector, by name. */
  readonly blobs: ReadonlyMap<string, Uint8Array | SnapshotParts>;
  /** Partitions whose positions and ids go. */
  readonly forget: readonly string[];
  /** Ids to remember, by partition. */
  readonly ids: ReadonlyMap<string, IdChange>;
  /** Alerts that changed. */
  readonly alerts: readonly AlertRow[];
  /** What the delivery of alerts makes of them. */
  readonly outbox: readonly OutboxChange[];
}

export interface IdChange {
  readonly added: readonly string[];
  /** Ids that sort before it go. */
  readonly from: string | undefined;
}

/** How sources bind a checkpoint at their other side, between what it needs being durable and its being valid. */
export interface Claim {
  /** What they are asked to bind; JSON. */
  readonly covered: unknown;
  /** Rejects when it is another's by now. */
  bind(seq: number): Promise<void>;
}

/** Whether sources bound a checkpoint whose transaction is missing. */
export type WasClaimed = (seq: number, claim: unknown) => Promise<boolean>;

export const STATE_DATABASE = 'state.duckdb';
/**
 * The database takes its log over after a megabyte, not sixteen: until then it keeps in memory what each checkpoint replaced (positions are one
 * long text), and a start after a kill reads all of the log, twice.
 */
const SETTINGS = { memory_limit: '256MB', threads: '1', checkpoint_threshold: '1MB' };

/**
 * Rows are only ever added while the service runs, each with the number of its checkpoint, and what they replaced is deleted in the same
 * transaction; there are no keys and no updates: replaying a log of those is where DuckDB's reported failures are.
 */
const SCHEMA = [
  'CREATE TABLE checkpoint (seq BIGINT, positions VARCHAR, file VARCHAR)',
  'CREATE TABLE segment (seq BIGINT, path VARCHAR, record VARCHAR)',
  'CREATE TABLE alert (seq BIGINT, id VARCHAR, record VARCHAR)',
];
/** Came later: folders of before get it when they are opened. */
const LATER = [
  'CREATE TABLE IF NOT EXISTS id (seq BIGINT, partition VARCHAR, id VARCHAR)',
  'CREATE TABLE IF NOT EXISTS outbox (seq BIGINT, key VARCHAR, value VARCHAR)',
];

/** The state of one data folder: one DuckDB file that this process alone opens, one transaction a checkpoint. */
export class State implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  #seq: number;
  #positions: Map<string, Position>;
  #file: string | undefined;
  #outbox = new Map<string, string>();
  /** The last transaction asked for: one connection has one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  readonly #dataDir: string;

  private constructor(
    dataDir: string,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    seq: number,
    positions: Map<string, Position>,
  ) {
    this.#dataDir = dataDir;
    this.#instance = instance;
    this.#connection = connection;
    this.#seq = seq;
    this.#positions = positions;
  }

  /**
   * Opens the folder's state, making an empty one first when there is none. `wasClaimed` tells of a checkpoint whose transaction is missing
   * whether sources bound it: then it is carried out, else it is forgotten. Throws when the database has fewer checkpoints than were `witnessed`.
   */
  static async open(
    dataDir: string,
    wasClaimed: WasClaimed = async () => false,
    witnessed = 0,
  ): Promise<{ state: State; loaded: LoadedState }> {
    const path = join(dataDir, STATE_DATABASE);
    await create(path);
    const instance = await DuckDBInstance.create(path, SETTINGS);
    const connection = await instance.connect();
    for (const statement of LATER) await connection.run(statement);
    const [row] = await rowsOf(connection, 'SELECT coalesce(max(seq), 0)::DOUBLE FROM checkpoint');
    const state = new State(dataDir, instance, connection, row![0] as number, new Map());
    try {
      const prepared = await readPrepared(dataDir);
      if (prepared?.seq === state.#seq + 1 && (await wasClaimed(prepared.seq, prepared.claim)))
        await state.commit(prepared);
      if (state.#seq < witnessed) throw new Error(`it lost checkpoints ${state.#seq + 1} to ${witnessed}`);
      await removePrepared(dataDir);
      const loaded = await load(dataDir, connection);
      state.#positions = new Map(loaded.positions);
      state.#file = loaded.file;
      state.#outbox = new Map(loaded.outbox);
      return { state, loaded };
    } catch (error) {
      await state[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Number of the last checkpoint. */
  get seq(): number {
    return this.#seq;
  }

  /** Name of its file of saved states. */
  get file(): string | undefined {
    return this.#file;
  }

  /** Where each partition stands. */
  get positions(): ReadonlyMap<string, Position> {
    return this.#positions;
  }

  /** What the delivery of alerts saved, by key. */
  get outbox(): ReadonlyMap<string, string> {
    return this.#outbox;
  }

  /**
   * Makes everything in `input` durable at once, or nothing of it. With a `claim` sources bind it in between: where they reject, what was
   * written counts for nothing, and neither does this state any more. No other transaction comes in between.
   */
  checkpoint(input: CheckpointInput, claim?: Claim): Promise<void> {
    return this.#inTurn(async () => {
      const prepared = await this.prepare(input, claim?.covered);
      if (claim !== undefined) {
        await writePrepared(this.#dataDir, prepared);
        await claim.bind(prepared.seq);
      }
      await this.commit(prepared);
    });
  }

  /** Makes what the delivery of alerts has to remember durable, between checkpoints, and all that was handed over before it. */
  writeOutbox(changes: readonly OutboxChange[]): Promise<void> {
    return this.#inTurn(async () => {
      if (changes.length === 0) return;
      await this.#transaction((run) => keep(run, this.#seq, changes));
      this.#mirror(changes);
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  #mirror(changes: readonly OutboxChange[]): void {
    for (const { key, value } of changes)
      if (value === undefined) this.#outbox.delete(key);
      else this.#outbox.set(key, value);
  }

  /** Writes what the transaction of the next checkpoint refers to. */
  async prepare(input: CheckpointInput, claim: unknown): Promise<Prepared> {
    const seq = this.#seq + 1;
    const positions = new Map([...this.#positions, ...input.positions]);
    for (const partition of input.forget) positions.delete(partition);
    const { forget, alerts, added, removed, outbox } = input;
    const file = await writeStateFile(this.#dataDir, seq, input.blobs);
    return {
      ...{ seq, file, forget, alerts, added, removed, claim, outbox },
      positions: [...positions],
      ids: [...input.ids],
    };
  }

  /** Carries out the transaction. */
  async commit(input: Prepared): Promise<void> {
    const { seq, file, positions } = input;
    await this.#transaction(async (run) => {
      await run('INSERT INTO checkpoint VALUES (?, ?, ?)', [seq, JSON.stringify(positions), file]);
      await run('DELETE FROM checkpoint WHERE seq < ?', [seq]);
      await exchange(run, seq, input);
      await remember(run, seq, input);
      await keep(run, seq, input.outbox);
      if (input.alerts.length === 0) return;
      const ids = texts(input.alerts.map((row) => row.alert.id));
      await run('DELETE FROM alert WHERE id IN (SELECT unnest(?))', [ids]);
      const records = texts(input.alerts.map((row) => JSON.stringify(row)));
      await run('INSERT INTO alert SELECT ?, unnest(?), unnest(?)', [seq, ids, records]);
    });
    this.#seq = seq;
    this.#positions = new Map(positions);
    this.#file = file;
    this.#mirror(input.outbox);
  }

  /** Puts segments in the place of others with the same rows, or of none, and changes nothing else. */
  async replaceSegments(change: SegmentChange): Promise<void> {
    await this.#inTurn(() => this.#transaction((run) => exchange(run, this.#seq, change)));
  }

  async #transaction(work: (run: Run) => Promise<void>): Promise<void> {
    const run: Run = (sql, values = []) => this.#connection.run(sql, [...values]);
    await run('BEGIN');
    try {
      await work(run);
      await run('COMMIT');
    } catch (error) {
      await run('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

async function exchange(run: Run, seq: number, { added, removed }: SegmentChange): Promise<void> {
  const paths = (segments: readonly Segment[]): DuckDBValue => texts(segments.map((segment) => segment.path));
  if (removed.length > 0) await run('DELETE FROM segment WHERE path IN (SELECT unnest(?))', [paths(removed)]);
  if (added.length === 0) return;
  const records = texts(added.map((segment) => JSON.stringify(segment)));
  await run('INSERT INTO segment SELECT ?, unnest(?), unnest(?)', [seq, paths(added), records]);
}

async function remember(run: Run, seq: number, { ids, forget }: Prepared): Promise<void> {
  if (forget.length > 0) await run('DELETE FROM id WHERE partition IN (SELECT unnest(?))', [texts(forget)]);
  for (const [partition, { added, from }] of ids) {
    if (from !== undefined) await run('DELETE FROM id WHERE partition = ? AND id < ?', [partition, from]);
    if (added.length > 0) await run('INSERT INTO id SELECT ?, ?, unnest(?)', [seq, partition, texts(added)]);
  }
}

async function keep(run: Run, seq: number, changes: readonly OutboxChange[]): Promise<void> {
  if (changes.length === 0) return;
  await run('DELETE FROM outbox WHERE key IN (SELECT unnest(?))', [texts(changes.map(({ key }) => key))]);
  const kept = changes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]));
  if (kept.length === 0) return;
  const [keys, values] = [texts(kept.map(({ key }) => key)), texts(kept.map(({ value }) => value))];
  await run('INSERT INTO outbox SELECT ?, unnest(?), unnest(?)', [seq, keys, values]);
}

function texts(values: readonly string[]): DuckDBValue {
  return listValue(values);
}

/** A file under its final name has always been whole: a process killed while it makes one leaves a file no database can open. */
async function create(path: string): Promise<void> {
  try {
    await access(path);
    return;
  } catch {
    // None yet.
  }
  const staged = `${path}.new`;
  for (const left of [staged, `${staged}.wal`]) await rm(left, { force: true });
  const instance = await DuckDBInstance.create(staged, SETTINGS);
  const connection = await instance.connect();
  for (const statement of SCHEMA) await connection.run(statement);
  await connection.run('CHECKPOINT');
  connection.closeSync();
  instance.closeSync();
  await makeDurable(staged);
  await rename(staged, path);
  await makeDurable(dirname(path));
}
