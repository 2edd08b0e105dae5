import { execFile } from 'node:child_process';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeConfig } from './configuration.ts';
import { generated } from './input.ts';
import { type Bench, median } from './measure.ts';

const PAIRS = 3;
const KINDS = ['flows', 'sessions', 'windows'] as const;
const CLI = fileURLToPath(new URL('../bin/flowsentry.cjs', import.meta.url));
const LOAD = fileURLToPath(new URL('./duckdb-load.ts', import.meta.url));

interface Replay {
  readonly received: number;
  readonly stored: number;
  readonly recordsPerSecond: number;
  readonly peakRssBytes: number;
}

/** Makes a process end with its CPU seconds, start and end included, as the last line on standard error. */
const TELL_CPU = `data:text/javascript,process.on('exit',()=>{const{user,system}=process.cpuUsage();process.stderr.write('\\n'+(user+system)/1e6)})`;

interface Run {
  /** The last line of its output. */
  readonly result: unknown;
  readonly cpuSeconds: number;
}

/** Runs a script as a process of its own. */
async function run(script: string, ...args: string[]): Promise<Run> {
  const command = ['--import', TELL_CPU, script, ...args];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { maxBuffer: 1 << 26 });
  return {
    result: JSON.parse(stdout.trim().split('\n').at(-1)!),
    cpuSeconds: Number(stderr.trim().split('\n').at(-1)),
  };
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}

/**
 * The command as a person runs it, from a gz file to alerts and durable history, every detector at work; and DuckDB alone loading the
 * same file into a table. One after the other three times: a machine's speed changes, and pairs share their minute.
 */
export const benchEndToEnd: Bench = async (setting) => {
  const { records, scratch, progress } = setting;
  const file = await generated(setting, records);
  const config = await writeConfig(scratch);
  const data = join(scratch, 'data');
  const database = join(scratch, 'load.duckdb');
  const ours: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  const memory: number[] = [];
  const ourCpu: number[] = [];
  const theirCpu: number[] = [];
  const history = new Map<string, number>();
  for (let pair = 1; pair <= PAIRS; pair++) {
    progress(`replay and load ${pair} of ${PAIRS}`);
    const flowsentry = await run(CLI, 'replay', file, '--json', '--data', data, '--config', config);
    const replay = flowsentry.result as Replay;
    if (replay.received !== records || replay.stored !== records)
      throw new Error(`the replay lost records: ${JSON.stringify(replay)}`);
    for (const kind of KINDS) history.set(kind, (await bytesIn(join(data, 'history', kind))) / records);
    await rm(data, { recursive: true });
    const duckdb = await run(LOAD, file, database);
    const loaded = duckdb.result as { seconds: number; rows: number };
    if (loaded.rows !== records) throw new Error(`DuckDB loaded ${loaded.rows} rows`);
    await rm(database);
    ours.push(replay.recordsPerSecond);
    theirs.push(records / loaded.seconds);
    ratios.push(replay.recordsPerSecond / (records / loaded.seconds));
    ourCpu.push((flowsentry.cpuSeconds * 1e9) / records);
    theirCpu.push((duckdb.cpuSeconds * 1e9) / records);
    memory.push(replay.peakRssBytes / 2 ** 20);
    progress(`${replay.recordsPerSecond} records/s, ${Math.round(records / loaded.seconds)} by DuckDB`);
  }
  const bench = 'end to end';
  const stored = KINDS.reduce((sum, kind) => sum + history.get(kind)!, 0);
  return [
    { bench, name: 'replay', value: median(ours), unit: 'records/s', target: '≥ 1,000,000' },
    { bench, name: 'DuckDB read_csv', value: median(theirs), unit: 'records/s' },
    { bench, name: 'replay / DuckDB', value: median(ratios), unit: 'times', target: '≥ 1.5' },
    { bench, name: 'replay: CPU', value: median(ourCpu), unit: 'ns/record' },
    { bench, name: 'DuckDB: CPU', value: median(theirCpu), unit: 'ns/record' },
    { bench, name: 'peak memory', value: Math.max(...memory), unit: 'MiB', target: '≤ 1024' },
    { bench, name: 'history', value: stored, unit: 'bytes/record', target: '≤ 16' },
    ...KINDS.map(
      (kind) =>
        ({ bench, name: `history: ${kind}`, value: history.get(kind)!, unit: 'bytes/record' }) as const,
    ),
  ];
};
