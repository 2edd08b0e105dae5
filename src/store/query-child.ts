import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { registerAddressFunctions } from './address-functions.ts';
import { readManifest } from './manifest.ts';
import { checkStatement, readFunctions } from './query-guard.ts';
import type { QueryReply, QueryTask } from './query-messages.ts';
import { impliedCondition } from './query-prune.ts';
import { ALERTS_SQL, alertsJson, viewSql } from './query-views.ts';

const MAX_SPILL = '8GB';

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
  for (const view of ['flows', 'sessions', 'windows', 'rejects'] as const) {
    const segments = manifest.segments.filter((segment) => segment.table === view);
    const condition = impliedCondition(statement, view, task.parameters);
    await connection.run(viewSql(view, segments, folder, condition));
  }
  await connection.run(ALERTS_SQL, [alertsJson(manifest.alerts)]);
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
    await reply({ kind: 'done', truncated: false });
    return;
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
    if (kept.length < rows.length) {
      await reply({ kind: 'done', truncated: true });
      return;
    }
  }
  await reply({ kind: 'done', truncated: false });
}

/** Waits until the parent has taken it: a large result never piles up here. */
function reply(message: QueryReply): Promise<void> {
  return new Promise((sent) => {
    process.stdout.write(`${JSON.stringify(message)}\n`, () => sent());
  });
}

try {
  await run(JSON.parse(await text(process.stdin)) as QueryTask);
} catch (error) {
  await reply({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
}
process.exit(0);
