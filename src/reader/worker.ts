import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { Dictionary } from '../columns/dictionary.ts';
import { type DecodedPart, decodeFile } from '../decode.ts';
import { type Credit, createHandOver } from './hand-over.ts';
import type { ReaderMessage, ReaderTask } from './messages.ts';
import { pullInOrder, type TimedSource } from './order.ts';

/** Rows decoded to learn when a file begins. */
const PEEK_ROWS = 64;

const port = parentPort!;

function send(message: ReaderMessage, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function newestOf({ batch, answers }: Pick<DecodedPart, 'batch' | 'answers'>): number {
  let newest = answers.reduce((most, { at }) => Math.max(most, at), 0);
  if (batch !== undefined) for (let i = 0; i < batch.length; i++) newest = Math.max(newest, batch.end[i]!);
  return newest;
}

/** Reads all files of the task, in order of event time. */
async function read(task: ReaderTask): Promise<void> {
  const names = new Dictionary();
  for (const name of task.names) names.code(name);
  const readBytes = new Float64Array(task.files.length);
  const handOver = createHandOver(names, task.batchRows, send);
  port.on('message', (credit: Credit) => handOver.take(credit));

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
        newBatch: handOver.newBatch,
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
    for await (const { batch, answers } of decode(index, PEEK_ROWS, 0, true)) {
      if (answers.length > 0) return answers.reduce((least, { at }) => Math.min(least, at), answers[0]!.at);
      if (batch === undefined || batch.length === 0) continue;
      let first = batch.end[0]!;
      for (let i = 1; i < batch.length; i++) first = Math.min(first, batch.end[i]!);
      return first;
    }
    return 0;
  }

  async function sourceOf(index: number): Promise<TimedSource> {
    const { identity, skip } = task.files[index]!;
    const first = task.files.length > 1 ? await firstTime(index) : 0;
    const parts = decode(index, task.batchRows, skip, false);
    let read = 0;
    return {
      first,
      async next() {
        const { done, value: part } = await parts.next();
        if (done === true) return undefined;
        const newest = newestOf(part);
        read += part.received + part.skipped;
        await handOver.send({
          partition: identity,
          lane: '',
          // What is durable stays so while its records pass by once more.
          position: { next: Math.max(read, skip), done: false },
          batch: part.batch,
          rejects: part.rejects,
          answers: part.answers,
          filtered: part.filtered,
          received: part.received,
          skipped: part.skipped,
          readBytes: readBytes.reduce((sum, bytes) => sum + bytes, 0),
          known: false,
          ids: [],
          idsFrom: undefined,
          availableAt: undefined,
        });
        return newest;
      },
    };
  }

  const sources: TimedSource[] = [];
  for (let index = 0; index < task.files.length; index++) sources.push(await sourceOf(index));
  await pullInOrder(sources);
}

try {
  const [task] = (await once(port, 'message')) as [ReaderTask];
  await read(task);
  send({ kind: 'done' });
} catch (error) {
  send({ kind: 'failure', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
// Nothing more to send; what is still in flight is the other thread's.
port.close();
