import type { DuckDBConnection } from '@duckdb/node-api';
import { UserError } from '../../errors.ts';

/** A node of DuckDB's statement tree (`json_serialize_sql`). */
export type Node = { readonly [key: string]: unknown };

const VIEWS = new Set(['flows', 'sessions', 'windows', 'alerts', 'rejects']);
const TABLE_FUNCTIONS = new Set(['range', 'generate_series', 'unnest']);
const FROM_TYPES = new Set([
  'BASE_TABLE',
  'TABLE_FUNCTION',
  'SUBQUERY',
  'JOIN',
  'EMPTY',
  'EXPRESSION_LIST',
  'PIVOT',
  'SHOW_REF',
]);
/** What stands left and right of UNION and its like. */
const QUERY_TYPES = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE', 'CTE_NODE']);
/** Without side effects by DuckDB's own account, and yet nobody's business: settings, and the text of views with the paths in it. */
const PRIVATE_FUNCTIONS = new Set([
  'current_setting',
  'getvariable',
  'getenv',
  'query',
  'query_table',
  'current_query',
  'txid_current',
  'json_execute_serialized_sql',
]);
const PRIVATE_FUNCTION = /^pg_(?!typeof$)|^has_\w+_privilege$/;

export interface Functions {
  readonly allowed: ReadonlySet<string>;
}

/** Names of the functions that a query may call: scalar and aggregate ones without side effects, and macros. */
export async function readFunctions(connection: DuckDBConnection): Promise<Functions> {
  const result = await connection.runAndReadAll(
    `SELECT DISTINCT lower(function_name) FROM duckdb_functions()
     WHERE function_type IN ('scalar', 'aggregate', 'macro') AND NOT coalesce(has_side_effects, false)`,
  );
  const allowed = new Set(result.getRows().map((row) => String(row[0])));
  for (const name of allowed)
    if (PRIVATE_FUNCTIONS.has(name) || PRIVATE_FUNCTION.test(name)) allowed.delete(name);
  return { allowed };
}

/**
 * The tree of a statement that may run: exactly one SELECT that reads only our views and calls only known functions. Throws a UserError
 * that says what is refused. An allow-list: what is not known is not run.
 */
export async function checkStatement(
  connection: DuckDBConnection,
  functions: Functions,
  sql: string,
): Promise<Node> {
  const result = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql]);
  const tree = JSON.parse(String(result.getRows()[0]![0])) as {
    error: boolean;
    error_message?: string;
    statements?: Node[];
  };
  if (tree.error) {
    const why = tree.error_message ?? '';
    throw new UserError(
      why === '' || why.startsWith('Only SELECT')
        ? 'cannot run query: it must be one SELECT (also WITH, DESCRIBE, SUMMARIZE; PIVOT with its values listed by IN)'
        : `cannot run query: ${why}`,
    );
  }
  const statements = tree.statements ?? [];
  if (statements.length !== 1)
    throw new UserError(`cannot run query: one statement at a time, not ${statements.length}`);
  const statement = statements[0]!;
  checkTree(statement, VIEWS, functions);
  return statement;
}

/** A name that WITH gives holds inside its own SELECT only: elsewhere the same name may be a file or a table of the engine. */
function checkTree(value: unknown, names: ReadonlySet<string>, functions: Functions): void {
  if (Array.isArray(value)) {
    for (const item of value) checkTree(item, names, functions);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const node = value as Node;
  const entries = cteEntries(node);
  const known = entries.length === 0 ? names : new Set([...names, ...entries]);
  checkNode(node, known, functions);
  for (const child of Object.values(node)) checkTree(child, known, functions);
}

function cteEntries(node: Node): string[] {
  const map = (node.cte_map as { map?: { key?: unknown }[] } | undefined)?.map;
  return Array.isArray(map) ? map.map((entry) => String(entry.key).toLowerCase()) : [];
}

/** Calls `visit` for each object of the tree, parents first. */
export function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  visit(value as Node);
  for (const child of Object.values(value)) walk(child, visit);
}

function checkNode(node: Node, names: ReadonlySet<string>, functions: Functions): void {
  for (const place of ['from_table', 'left', 'right', 'source'] as const) {
    const from = node[place];
    if (!isFrom(from)) continue;
    const type = String(from.type);
    if (!FROM_TYPES.has(type) && !QUERY_TYPES.has(type)) refuse(`${type} in FROM`);
  }
  if (node.type === 'BASE_TABLE') {
    const table = String(node.table_name);
    if (node.schema_name !== '' || node.catalog_name !== '' || !names.has(table.toLowerCase()))
      refuse(`table ${table}: there are ${[...VIEWS].join(', ')}`);
  }
  // DESCRIBE and SUMMARIZE carry the SELECT they are about; SHOW without one lists what the engine has.
  if (node.type === 'SHOW_REF' && node.query === null) refuse('SHOW');
  if (node.type === 'TABLE_FUNCTION') {
    const called = node.function as Node | undefined;
    const name = String(called?.function_name).toLowerCase();
    if (called?.schema !== '' || !TABLE_FUNCTIONS.has(name)) refuse(`table function ${name}`);
    return;
  }
  if (node.class === 'FUNCTION' || node.class === 'WINDOW') {
    const name = String(node.function_name).toLowerCase();
    const known = functions.allowed.has(name) || TABLE_FUNCTIONS.has(name) || node.class === 'WINDOW';
    if (!known && node.is_operator !== true) refuse(`function ${name}`);
  }
}

function isFrom(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'sample' in value && 'type' in value;
}

function refuse(what: string): never {
  throw new UserError(`cannot run query: ${what} is not allowed here`);
}
