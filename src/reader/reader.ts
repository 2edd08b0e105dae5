import { Worker } from 'node:worker_threads';
import type { BufferPool } from '../columns/buffer-pool.ts';
import type { Dictionary } from '../columns/dictionary.ts';
import type { Part } from '../contracts.ts';
import { UserError } from '../errors.ts';
import { type Credit, receivePart } from './hand-over.ts';
import type { ReaderFile, ReaderMessage, ReaderTask } from './messages.ts';

export interface ReadOptions {
  readonly files: readonly ReaderFile[];
  readonly format: string | undefined;
  readonly batchRows: number;
  /** Filled with the texts of the codes that batches carry, before the batch is handed over. */
  readonly names: Dictionary;
  /** Where memory of written batches comes back. */
  readonly pool: BufferPool;
  readonly warn: (message: string) => void;
}

const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';

/** Reads and parses the files on another thread, in order of event time. Throws a UserError when a file cannot be read. */
export async function* readFiles(options: ReadOptions): AsyncGenerator<Part> {
  const { files, format, batchRows, names, pool, warn } = options;
  const task: ReaderTask = { files, format, batchRows, names: names.since(1) };
  const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: task });
  const receiver = {
    names,
    pool,
    batchRows,
    post: (credit: Credit, transfer: ArrayBuffer[]) => worker.postMessage(credit, transfer),
  };
  const queue: ReaderMessage[] = [];
  let wake: (() => void) | undefined;
  const push = (message: ReaderMessage): void => {
    queue.push(message);
    wake?.();
  };
  worker.on('message', push);
  worker.on('error', (error) => push({ kind: 'failure', message: error.stack ?? error.message }));
  worker.on('exit', () => push({ kind: 'failure', message: 'the reading thread ended early' }));
  try {
    for (;;) {
      const message = queue.shift();
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (message.kind === 'done') return;
      if (message.kind === 'failure') throw new UserError(`cannot read: ${message.message}`);
      if (message.kind === 'warning') {
        warn(message.message);
        continue;
      }
      yield receivePart(message, receiver);
    }
  } finally {
    await worker.terminate();
  }
}
