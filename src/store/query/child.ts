import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import type { Segment } from '../history/messages.ts';
import { TABLES } from '../history/table-spec.ts';
import { type Manifest, readManifest } from '../manifest/manifest.ts';
import { registerAddressFunctions } from './address-functions.ts';
import { checkStatement, type Node, readFunctions } from './guard.ts';
import type { QueryReply, QueryTask } from './messages.ts';
import { impliedCondition, namesView } from './prune.ts';
import { damageRead, noteReads } from './reads.ts';
import { createAlerts, viewSql } from './views.ts';

const MAX_SPILL = '8GB';
/** Times that leftovers are tried to be removed. */
const REMOVALS = 100;

/** The process that runs one forensic query: it reads the published history, and can be killed at any moment without harm. */
async function run(task: QueryTask): Promise<void> {
  const folder = resolve(task.dataDir);
  const manifest = await readManifest(folder);
  if (manifest === undefined) throw new Error(`cannot query ${task.dataDir}: nothing was ever stored there`);
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: task.memoryLimit,
    threads: '2',
    temp_directory: task.spill,
    max_temp_directory_size: MAX_SPILL,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  });
  const connection = await instance.connect();
  registerAddressFunctions(connection);
  const functions = await readFunctions(connection);
  const statement = await checkStatement(connection, functions, task.sql);
  const segments = manifest.segments.filter(({ table }) => namesView(statement, table));
  await noteReads(connection, task.spill);
  const reads = await instance.connect();
  const outcome = await answer(connection, task, folder, statement, manifest).then(
    (truncated) => ({ truncated }),
    (error: unknown) => ({ error }),
  );
  // Ends what is cut off: it may hold all the memory there is.
  connection.closeSync();
  await refuseDamaged(reads, task, folder, segments);
  if ('error' in outcome) throw outcome.error;
  await reply({ kind: 'done', truncated: outcome.truncated });
}

/** Replies with all but the end; returns whether there was more than is wanted. */
async function answer(
  connection: DuckDBConnection,
  task: QueryTask,
  folder: string,
  statement: Node,
  manifest: Manifest,
): Promise<boolean> {
  for (const view of TABLES) {
    if (!namesView(statement, view)) continue;
    const segments = manifest.segments.filter((segment) => segment.table === view);
    const condition = impliedCondition(statement, view, task.parameters);
    await connection.run(viewSql(view, segments, folder, condition));
  }
  await createAlerts(connection, namesView(statement, 'alerts') ? manifest.alerts : []);
  const literal = (path: string): string => `'${path.replaceAll("'", "''")}'`;
  await connection.run(`SET allowed_directories = [${literal(`${folder}/history/`)}]`);
  if (task.parquet !== undefined) await connection.run(`SET allowed_paths = [${literal(task.parquet)}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');

  const values = [...task.parameters] as DuckDBValue[];
  if (task.parquet !== undefined) {
    await connection.run(
      `COPY (${task.sql}) TO ${literal(task.parquet)} (FORMAT parquet, COMPRESSION zstd)`,
      values,
    );
    return false;
  }
  const result = await connection.stream(task.sql, values);
  const columns = result.columnNames().map((name, i) => ({ name, type: String(result.columnType(i)) }));
  await reply({ kind: 'columns', columns });
  let sent = 0;
  for await (const rows of result.yieldRowsJson()) {
    const room = task.maxRows - sent;
    const kept = rows.length > room ? rows.slice(0, room) : rows;
    if (kept.length > 0) await reply({ kind: 'rows', rows: kept });
    sent += kept.length;
    if (kept.length < rows.length) return true;
  }
  return false;
}

/** Throws when a file that the query read is not what was written. Ends the process where it was only replaced meanwhile. */
async function refuseDamaged(
  connection: DuckDBConnection,
  task: QueryTask,
  folder: string,
  segments: readonly Segment[],
): Promise<void> {
  const damage = await damageRead(connection, task.spill, folder, segments);
  if (damage === undefined) return;
  const { segment, reason } = damage;
  const now = await readManifest(folder);
  if (now?.segments.every(({ path }) => path !== segment.path)) throw new Replaced();
  const [from, to] = [segment.minTime, segment.maxTime].map((time) => new Date(time * 1000).toISOString());
  throw new Error(
    `cannot answer: ${segment.path} (${segment.rows} ${segment.table} from ${from} to ${to}) is damaged: ${reason}; 'flowsentry verify --put-aside --data ${task.dataDir}' takes it out of the history, and so does a running service within a day`,
  );
}

/** Waits until the parent has taken it: a large result never piles up here. */
function reply(message: QueryReply): Promise<void> {
  return new Promise((sent) => {
    process.stdout.write(`${JSON.stringify(message)}\n`, () => sent());
  });
}

/** A file that was read is no part of the history any more. */
class Replaced extends Error {}

/** Nobody waits any more: cleans up in the place of whoever asked, and ends in the middle of everything. */
function abandon(folders: readonly string[]): void {
  // The engine is at work there until the end: what it makes meanwhile may be in the way.
  for (let attempt = 0; attempt < REMOVALS && folders.some((folder) => existsSync(folder)); attempt++)
    for (const folder of folders)
      try {
        rmSync(folder, { recursive: true, force: true });
      } catch {}
  process.kill(process.pid, 'SIGKILL');
}

try {
  const task = JSON.parse(await text(process.stdin)) as QueryTask;
  for (const event of ['disconnect', 'SIGINT', 'SIGTERM']) process.on(event, () => abandon(task.folders));
  if (!process.connected) abandon(task.folders);
  await run(task);
} catch (error) {
  if (error instanceof Replaced) await reply({ kind: 'replaced' });
  else await reply({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
}
process.exit(0);
