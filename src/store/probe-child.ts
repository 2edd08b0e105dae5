import { DuckDBInstance } from '@duckdb/node-api';

// Opens the database of the state and ends: with 0 when that worked, with an error or a crash of its own when it did not.
const instance = await DuckDBInstance.create(process.argv[2], { memory_limit: '256MB', threads: '1' });
instance.closeSync();
