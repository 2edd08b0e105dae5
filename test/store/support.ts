import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, onTestFinished } from 'vitest';
import { BufferPool } from '../../src/columns/buffer-pool.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Position } from '../../src/contracts.ts';
import { History } from '../../src/store/history/history.ts';
import { TABLES } from '../../src/store/history/table-spec.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { registerAddressFunctions } from '../../src/store/query/address-functions.ts';
import { viewSql } from '../../src/store/query/views.ts';
import type { LoadedState } from '../../src/store/state/load.ts';
import { NO_CHANGE, State } from '../../src/store/state/state.ts';

/** A folder of this test alone, removed when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowsentry-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder that goes away with the test file. */
export function lastingFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowsentry-store-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Store {
  readonly folder: string;
  readonly names: Dictionary;
  readonly state: State;
  readonly loaded: LoadedState;
  readonly history: History;
  /** Seals, commits and publishes. */
  checkpoint(positions?: ReadonlyMap<string, Position>): Promise<void>;
  close(): Promise<void>;
}

const FIELD_TYPES = new Map<string, 'int' | 'bigint'>([
  ['traffic-path', 'int'],
  ['packets-lost-no-route', 'bigint'],
]);

export async function openStore(folder: string): Promise<Store> {
  const { state, loaded } = await State.open(folder);
  const publisher = createPublisher(folder);
  const names = new Dictionary();
  const history = new History({
    dataDir: folder,
    names,
    pool: new BufferPool(),
    fieldTypes: FIELD_TYPES,
    sequence: loaded.sequence,
  });
  return {
    folder,
    names,
    state,
    loaded,
    history,
    async checkpoint(positions = new Map()) {
      const added = await history.seal();
      await state.checkpoint({ ...NO_CHANGE, positions, added });
      await publisher.publish(state.contents, {});
    },
    async close() {
      await history[Symbol.asyncDispose]();
      await state[Symbol.asyncDispose]();
    },
  };
}

/** Rows of a query over the published history, in this process; for many small questions. `condition` narrows `flows`. */
export async function rowsOf(folder: string, sql: string, condition?: string): Promise<unknown[][]> {
  const manifest = await readManifest(folder);
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    registerAddressFunctions(connection);
    for (const table of TABLES) {
      const segments = (manifest?.segments ?? []).filter((segment) => segment.table === table);
      await connection.run(viewSql(table, segments, folder, table === 'flows' ? condition : undefined));
    }
    return (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
