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

/** Another thread that reads and parses files; it loads its modules while it is not yet known which. */
export interface Reader extends AsyncDisposable {
  /** Begins to read, once. */
  begin(options: ReadOptions): void;
  /** What was begun, in order of event time. Throws a UserError when a file cannot be read. */
  parts(): AsyncGenerator<Part>;
}

export function openReader(): Reader {
  const worker = new Worker(new URL(workerFile, import.meta.url));
  const queue: ReaderMessage[] = [];
  let wake: (() => void) | undefined;
  let begun: ReadOptions | undefined;
  const push = (message: ReaderMessage): void => {
    queue.push(message);
    wake?.();
  };
  worker.on('message', push);
  worker.on('error', (error) => push({ kind: 'failure', message: error.stack ?? error.message }));
  worker.on('exit', () => push({ kind: 'failure', message: 'the reading thread ended early' }));
  return {
    begin(options) {
      begun = options;
      const { files, format, batchRows, names } = options;
      const task: ReaderTask = { files, format, batchRows, names: names.since(1) };
      worker.postMessage(task);
    },
    async *parts() {
      const { names, pool, batchRows, warn } = begun!;
      const receiver = {
        names,
        pool,
        batchRows,
        post: (credit: Credit, transfer: ArrayBuffer[]) => worker.postMessage(credit, transfer),
      };
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
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
