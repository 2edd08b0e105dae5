import type { QueryResult } from '../store/query/query.ts';

/** Asks the history of a data folder on behalf of a command that shows a part of it, within the default limits. */
export async function askHistory(
  dataDir: string,
  sql: string,
  parameters: readonly (string | number | null)[] = [],
): Promise<QueryResult> {
  const [{ defaultConfig }, { runQuery }] = await Promise.all([
    import('../config.ts'),
    import('../store/query/query.ts'),
  ]);
  const { query } = defaultConfig();
  return runQuery({
    dataDir,
    sql,
    parameters,
    timeoutMs: query.timeout * 1000,
    maxRows: MAX_ROWS,
    memoryLimit: query.memory,
  });
}

/** More alerts or rejects than this nobody reads; it bounds memory. */
const MAX_ROWS = 100_000;
