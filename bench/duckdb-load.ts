import { argv } from 'node:process';
import { DuckDBInstance } from '@duckdb/node-api';

const COLUMNS = `{version: 'INTEGER', account_id: 'VARCHAR', interface_id: 'VARCHAR', srcaddr: 'VARCHAR', dstaddr: 'VARCHAR',
  srcport: 'USMALLINT', dstport: 'USMALLINT', protocol: 'UTINYINT', packets: 'BIGINT', bytes: 'BIGINT', "start": 'BIGINT', "end": 'BIGINT',
  "action": 'VARCHAR', log_status: 'VARCHAR'}`;

/** Loads a file of default records into a table of a database on disk, as anyone would, and prints how long it took. A process of its own. */
async function load(file: string, database: string): Promise<void> {
  const began = performance.now();
  const instance = await DuckDBInstance.create(database, { threads: '2' });
  const connection = await instance.connect();
  await connection.run(
    `CREATE TABLE flows AS SELECT * FROM read_csv('${file.replaceAll("'", "''")}', delim = ' ', header = true, nullstr = '-', columns = ${COLUMNS})`,
  );
  await connection.run('CHECKPOINT');
  const seconds = (performance.now() - began) / 1000;
  const rows = (await connection.runAndReadAll('SELECT count(*) FROM flows')).getRows()[0]![0];
  console.log(JSON.stringify({ seconds, rows: Number(rows) }));
}

await load(argv[2]!, argv[3]!);
