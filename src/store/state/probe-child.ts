import { DuckDBInstance } from '@duckdb/node-api';

// Opens the database of the state and ends: with 0 when that worked, with a word on standard error or a crash of its own when it did not.
try {
  const instance = await DuckDBInstance.create(process.argv[2], { memory_limit: '256MB', threads: '1' });
  instance.closeSync();
} catch (error) {
  process.stderr.write((error as Error).message);
  process.exitCode = 1;
}
