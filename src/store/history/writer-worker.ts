import { parentPort, workerData } from 'node:worker_threads';
import { createParquetEncoder } from '../parquet/file.ts';
import type { WriterReply, WriterRequest, WriterTask } from './messages.ts';
import { addRows, type RowGroup, weightOf } from './row-groups.ts';
import { writeSegment } from './segment-file.ts';
import type { TableName } from './table-spec.ts';

/**
 * Weight of a table's rows that may wait in memory before its oldest hour is sealed: some 20 MB of flows, 16 MB of rejected text. What waits
 * at the end is written while nothing else is left to do, so more would cost time as well.
 */
const MAX_WAITING: Readonly<Record<TableName, number>> = {
  flows: 1 << 18,
  sessions: 1 << 16,
  windows: 1 << 16,
  rejects: 1 << 18,
};

const port = parentPort!;
const task = workerData as WriterTask;
const names: string[] = [''];
const groups = new Map<string, RowGroup>();
const waiting = new Map<string, number>();
let sequence = task.sequence;
let work: Promise<void> = Promise.resolve();

function reply(message: WriterReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

const encode = createParquetEncoder();

function enqueue(job: () => Promise<void>): void {
  work = work.then(job).catch((error: unknown) => {
    reply({ kind: 'failure', message: error instanceof Error ? error.message : String(error) });
  });
}

async function seal(group: RowGroup): Promise<void> {
  const segment = await writeSegment(encode, task.dataDir, group, sequence++, names);
  const buffers = group.sets.flatMap((rows) => rows.buffer ?? []);
  reply({ kind: 'sealed', segment, buffers }, buffers);
}

/** Takes the oldest hour of the table out of those that wait, so that later rows of that hour begin another segment. */
function takeOldest(table: string): RowGroup | undefined {
  let oldest: RowGroup | undefined;
  for (const group of groups.values())
    if (group.table === table && (oldest === undefined || group.hour < oldest.hour)) oldest = group;
  if (oldest !== undefined) take(oldest);
  return oldest;
}

function take(group: RowGroup): void {
  groups.delete(group.key);
  waiting.set(group.table, waiting.get(group.table)! - group.weight);
}

port.on('message', (request: WriterRequest) => {
  if (request.kind === 'append') {
    for (const name of request.names) names.push(name);
    addRows(groups, request.table, request.columns, request.rows);
    waiting.set(request.table, (waiting.get(request.table) ?? 0) + weightOf(request.rows));
    while (waiting.get(request.table)! >= MAX_WAITING[request.table]) {
      const group = takeOldest(request.table);
      if (group === undefined) break;
      enqueue(() => seal(group));
    }
    return;
  }
  for (const group of [...groups.values()].sort((a, b) => a.hour - b.hour)) {
    take(group);
    enqueue(() => seal(group));
  }
  enqueue(async () => reply({ kind: 'done', ticket: request.ticket }));
});
