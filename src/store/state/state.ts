import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { SnapshotParts } from '../../columns/snapshot.ts';
import type { OutboxChange, Position } from '../../contracts.ts';
import type { Segment } from '../history/messages.ts';
import type { AlertRow } from './alert-row.ts';
import { type Contents, emptyContents } from './contents.ts';
import { writeStateFile } from './file.ts';
import { type LoadedState, load, rowsOf } from './load.ts';
import { type Prepared, readPrepared, removePrepared, writePrepared } from './prepared.ts';
import { exchange, keep, type Run, remember, replaceAlerts, replacePositions } from './rows.ts';
import { createDatabase, migrate, SETTINGS } from './schema.ts';

export interface SegmentChange {
  readonly added: readonly Segment[];
  readonly removed: readonly Segment[];
}

export interface CheckpointInput extends SegmentChange {
  /** Where partitions stand in this state, if elsewhere than before. */
  readonly positions: ReadonlyMap<string, Position>;
  /** State of the rollup and of each detector, by name. */
  readonly blobs: ReadonlyMap<string, Uint8Array | SnapshotParts>;
  /** Partitions whose positions and ids go. */
  readonly forget: readonly string[];
  /** Ids to remember, by partition. */
  readonly ids: ReadonlyMap<string, IdChange>;
  /** Alerts that changed. */
  readonly alerts: readonly AlertRow[];
  /** Ids of alerts that go. */
  readonly forgotten: readonly string[];
  /** What the delivery of alerts makes of them. */
  readonly outbox: readonly OutboxChange[];
}

/** A checkpoint that changes nothing, for whoever changes little. */
export const NO_CHANGE: CheckpointInput = {
  positions: new Map(),
  blobs: new Map(),
  forget: [],
  ids: new Map(),
  alerts: [],
  forgotten: [],
  added: [],
  removed: [],
  outbox: [],
};

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

/** The state of one data folder: one DuckDB file that this process alone opens, one transaction a checkpoint. */
export class State implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  #seq = 0;
  #file: string | undefined;
  /** The last transaction asked for: one connection has one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  /** What came after a transaction that failed refers to it, and must not become durable without it. */
  #failure: Error | undefined;

  /** As the last transaction left it. */
  readonly contents: Contents = emptyContents();
  readonly #dataDir: string;

  private constructor(dataDir: string, instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#dataDir = dataDir;
    this.#instance = instance;
    this.#connection = connection;
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
    await createDatabase(path);
    const instance = await DuckDBInstance.create(path, SETTINGS);
    const connection = await instance.connect();
    const state = new State(dataDir, instance, connection);
    try {
      await migrate(connection);
      const [row] = await rowsOf(connection, 'SELECT coalesce(max(seq), 0)::DOUBLE FROM checkpoint');
      state.#seq = row![0] as number;
      const prepared = await readPrepared(dataDir);
      if (prepared?.seq === state.#seq + 1 && (await wasClaimed(prepared.seq, prepared.claim)))
        await state.commit(prepared);
      if (state.#seq < witnessed) throw new Error(`it lost checkpoints ${state.#seq + 1} to ${witnessed}`);
      // One that was made just now is to be filled from the manifest, to which the prepared one may be the next.
      if (state.#seq > 0) await removePrepared(dataDir);
      const loaded = await load(dataDir, connection);
      state.#file = loaded.file;
      state.#take({
        ...{ added: loaded.segments, positions: [...loaded.positions], alerts: loaded.alerts },
        outbox: [...loaded.outbox].map(([key, value]) => ({ key, value })),
      });
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

  /**
   * Makes everything in `input` durable at once, or nothing of it. With a `claim` sources bind it in between: where they reject, what was
   * written counts for nothing, and neither does this state any more: all that is asked of it later, or waits by then, rejects with the same
   * error. No other transaction comes in between.
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
      this.#take({ outbox: changes });
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => {
      if (this.#failure !== undefined) throw this.#failure;
      return work();
    });
    this.#turn = done.catch((error: Error) => {
      this.#failure = error;
    });
    return done;
  }

  #take(
    changes: Partial<
      Pick<Prepared, 'positions' | 'forget' | 'alerts' | 'forgotten' | 'outbox' | keyof SegmentChange>
    >,
  ): void {
    const { segments, positions, alerts, outbox } = this.contents;
    for (const { path } of changes.removed ?? []) segments.set(path, undefined);
    for (const segment of changes.added ?? []) segments.set(segment.path, segment);
    for (const [partition, position] of changes.positions ?? []) positions.set(partition, position);
    for (const partition of changes.forget ?? []) positions.set(partition, undefined);
    for (const row of changes.alerts ?? []) alerts.set(row.alert.id, row);
    for (const id of changes.forgotten ?? []) alerts.set(id, undefined);
    for (const { key, value } of changes.outbox ?? []) outbox.set(key, value);
  }

  /** Writes what the transaction of the next checkpoint refers to. */
  async prepare(input: CheckpointInput, claim: unknown): Promise<Prepared> {
    const seq = this.#seq + 1;
    const { forget, alerts, forgotten, added, removed, outbox } = input;
    const file = await writeStateFile(this.#dataDir, seq, input.blobs);
    return {
      ...{ seq, file, forget, alerts, forgotten, added, removed, claim, outbox },
      positions: [...input.positions],
      ids: [...input.ids],
    };
  }

  /** Carries out the transaction. */
  async commit(input: Prepared): Promise<void> {
    const { seq, file } = input;
    await this.#transaction(async (run) => {
      await run('INSERT INTO checkpoint VALUES (?, NULL, ?)', [seq, file]);
      await run('DELETE FROM checkpoint WHERE seq < ?', [seq]);
      await replacePositions(run, seq, input);
      await exchange(run, seq, input);
      await remember(run, seq, input);
      await keep(run, seq, input.outbox);
      await replaceAlerts(run, seq, input);
    });
    this.#seq = seq;
    this.#file = file;
    this.#take(input);
  }

  /** Puts segments in the place of others with the same rows, or of none, and changes nothing else. */
  async replaceSegments(change: SegmentChange): Promise<void> {
    await this.#inTurn(async () => {
      await this.#transaction((run) => exchange(run, this.#seq, change));
      this.#take(change);
    });
  }

  async #transaction(work: (run: Run) => Promise<void>): Promise<void> {
    const run: Run = (sql, values = []) => this.#connection.run(sql, values);
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
