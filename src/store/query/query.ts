import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../errors.ts';
import type { QueryColumn, QueryReply, QueryTask } from './messages.ts';
import { watchMemory } from './watch.ts';

export type { QueryColumn } from './messages.ts';

export interface QueryOptions {
  readonly dataDir: string;
  readonly sql: string;
  readonly parameters?: readonly (string | number | null)[];
  readonly timeoutMs: number;
  readonly maxRows: number;
  /** As DuckDB writes it: `512MB`. */
  readonly memoryLimit: string;
  /** Write the result to this Parquet file instead of returning rows. */
  readonly parquet?: string;
}

export interface QueryResult {
  readonly columns: readonly QueryColumn[];
  /** Values as JSON has them: whole numbers beyond 2^53 and times are texts. */
  readonly rows: readonly (readonly unknown[])[];
  /** Whether there were more rows than asked for. */
  readonly truncated: boolean;
  readonly seconds: number;
}

/** Bytes of JSON a result may have: what the asking process must hold. */
const MAX_RESULT_BYTES = 256 << 20;
/** Times a question is asked when the history changes while it is answered: it does so minutes apart. */
const ATTEMPTS = 3;

/**
 * Runs one SELECT over a data folder's history in a process of its own, which is killed at its time limit. Works while another process
 * writes to the folder. Throws a UserError with DuckDB's message when the query is refused or fails.
 */
export async function runQuery(options: QueryOptions): Promise<QueryResult> {
  const began = performance.now();
  const target = options.parquet === undefined ? undefined : resolve(options.parquet);
  const staging = target === undefined ? undefined : await mkdtemp(join(dirname(target), '.flowsentry-'));
  const spill = await mkdtemp(join(tmpdir(), 'flowsentry-query-'));
  try {
    const staged = staging === undefined ? undefined : join(staging, 'result.parquet');
    const task: QueryTask = {
      dataDir: options.dataDir,
      sql: options.sql.trim().replace(/;\s*$/, ''),
      parameters: options.parameters ?? [],
      maxRows: options.maxRows,
      memoryLimit: options.memoryLimit,
      spill,
      folders: staging === undefined ? [spill] : [spill, staging],
      ...(staged === undefined ? {} : { parquet: staged }),
    };
    let result = await ask(options, task);
    for (let attempt = 1; result === undefined && attempt < ATTEMPTS; attempt++)
      result = await ask(options, task);
    if (result === undefined)
      throw new UserError('cannot run query: the history changes faster than it can be read; ask again');
    if (staged !== undefined && target !== undefined) await rename(staged, target);
    return { ...result, seconds: (performance.now() - began) / 1000 };
  } finally {
    await rm(spill, { recursive: true, force: true });
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
  }
}

/** Undefined when the history changed meanwhile. */
async function ask(
  options: QueryOptions,
  task: QueryTask,
): Promise<Omit<QueryResult, 'seconds'> | undefined> {
  const file = import.meta.url.endsWith('.ts') ? './child.ts' : './child.js';
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    // The channel says nothing: that it is gone tells the child that we are.
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '4' },
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  let tooLarge = false;
  const unwatch = watchMemory(child.pid, options.memoryLimit, () => {
    tooLarge = true;
    child.kill('SIGKILL');
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < 4096) complaint += chunk.toString('utf8');
  });
  // A child that is killed closes its input; what was not yet written is of no use then.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(task));
  try {
    const answer = await collect(child.stdout, () => child.kill('SIGKILL'));
    if (answer.replaced) return undefined;
    if (answer.error !== undefined) throw new UserError(answer.error);
    if (answer.done) return { columns: answer.columns, rows: answer.rows, truncated: answer.truncated };
    if (tooLarge)
      throw new UserError(
        `cannot run query within ${options.memoryLimit} of memory: return fewer or shorter values, or allow more`,
      );
    if (timedOut)
      throw new UserError(
        `cannot finish query within ${options.timeoutMs / 1000} s: narrow it by time or address, or allow more with --timeout`,
      );
    throw new UserError(
      `cannot run query: its process ended early${complaint === '' ? '' : `: ${complaint.trim()}`}`,
    );
  } finally {
    clearTimeout(timer);
    unwatch();
    child.kill('SIGKILL');
  }
}

interface Answer {
  columns: readonly QueryColumn[];
  rows: unknown[][];
  truncated: boolean;
  done: boolean;
  replaced: boolean;
  error: string | undefined;
}

async function collect(output: NodeJS.ReadableStream, stop: () => void): Promise<Answer> {
  const answer: Answer = {
    columns: [],
    rows: [],
    truncated: false,
    done: false,
    replaced: false,
    error: undefined,
  };
  let bytes = 0;
  for await (const line of createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY })) {
    bytes += line.length;
    if (bytes > MAX_RESULT_BYTES) {
      stop();
      answer.error = `cannot return more than ${MAX_RESULT_BYTES >> 20} MB: ask for fewer columns or rows, or write a file with --format parquet --out`;
      return answer;
    }
    const message = JSON.parse(line) as QueryReply;
    if (message.kind === 'columns') answer.columns = message.columns;
    else if (message.kind === 'rows') for (const row of message.rows) answer.rows.push(row);
    else if (message.kind === 'replaced') answer.replaced = true;
    else if (message.kind === 'error') answer.error = message.message;
    else {
      answer.done = true;
      answer.truncated = message.truncated;
    }
  }
  return answer;
}
