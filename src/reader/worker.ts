import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { BufferPool } from '../columns/buffer-pool.ts';
import { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch, type FlowBatch, type Layout } from '../columns/flow-batch.ts';
import { decodeFile } from '../decode.ts';
import type { CreditMessage, ReaderMessage, ReaderTask } from './messages.ts';
import { pullInOrder, type TimedSource } from './order.ts';

/** Parts on their way to, or in, the other thread: bounds what waits in memory when that thread is slower. */
const MAX_IN_FLIGHT = 8;
/** Rows decoded to learn when a file begins. */
const PEEK_ROWS = 64;

const port = parentPort!;
const task = workerData as ReaderTask;
const names = new Dictionary();
for (const name of task.names) names.code(name);
let sentNames = names.size;
let inFlight = 0;
const readBytes = new Float64Array(task.files.length);

const pool = new BufferPool();

port.on('message', ({ buffer }: CreditMessage) => {
  inFlight--;
  if (buffer !== undefined) pool.put(buffer);
});

const sizes = new WeakMap<Layout, number>();

/** A batch in memory that came back, when there is some of its size. */
function newBatch(capacity: number, layout: Layout): FlowBatch {
  const size = capacity === task.batchRows ? sizes.get(layout) : undefined;
  const batch = createFlowBatch(capacity, layout, size === undefined ? undefined : pool.takeSize(size));
  if (capacity === task.batchRows) sizes.set(layout, batch.buffer.byteLength);
  return batch;
}

function send(message: ReaderMessage, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function decode(
  index: number,
  batchRows: number,
  skip: number,
  quiet: boolean,
): ReturnType<typeof decodeFile> {
  const { path } = task.files[index]!;
  return decodeFile(
    path,
    {
      source: path,
      ...(task.format === undefined ? {} : { format: task.format }),
      names,
      batchRows,
      newBatch,
      skip,
      warn: (message) => {
        if (!quiet) send({ kind: 'warning', message });
      },
    },
    (bytes) => {
      readBytes[index] = bytes;
    },
  );
}

/** Event time of the file's earliest record among its first ones; 0 when it has none. */
async function firstTime(index: number): Promise<number> {
  for await (const { batch } of decode(index, PEEK_ROWS, 0, true)) {
    if (batch === undefined || batch.length === 0) continue;
    let first = batch.end[0]!;
    for (let i = 1; i < batch.length; i++) first = Math.min(first, batch.end[i]!);
    return first;
  }
  return 0;
}

function newestOf(batch: FlowBatch | undefined): number {
  let newest = 0;
  if (batch !== undefined) for (let i = 0; i < batch.length; i++) newest = Math.max(newest, batch.end[i]!);
  return newest;
}

async function sourceOf(index: number): Promise<TimedSource> {
  const first = task.files.length > 1 ? await firstTime(index) : 0;
  const parts = decode(index, task.batchRows, task.files[index]!.skip, false);
  return {
    first,
    async next() {
      while (inFlight >= MAX_IN_FLIGHT) await once(port, 'message');
      const { done, value: part } = await parts.next();
      if (done === true) return undefined;
      const newest = newestOf(part.batch);
      const known = names.size;
      inFlight++;
      send(
        {
          kind: 'part',
          file: index,
          layout: part.batch?.layout,
          length: part.batch?.length ?? 0,
          buffer: part.batch?.buffer,
          names: names.since(sentNames),
          rejects: part.rejects,
          received: part.received,
          skipped: part.skipped,
          readBytes: readBytes.reduce((sum, bytes) => sum + bytes, 0),
        },
        part.batch === undefined ? [] : [part.batch.buffer],
      );
      sentNames = known;
      return newest;
    },
  };
}

try {
  const sources: TimedSource[] = [];
  for (let index = 0; index < task.files.length; index++) sources.push(await sourceOf(index));
  await pullInOrder(sources);
  send({ kind: 'done' });
} catch (error) {
  send({ kind: 'failure', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
// Nothing more to send; what is still in flight is the other thread's.
port.close();
