import { Worker } from 'node:worker_threads';
import type { BufferPool } from '../columns/buffer-pool.ts';
import type { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch, type FlowBatch } from '../columns/flow-batch.ts';
import type { Position, Reject } from '../contracts.ts';
import { UserError } from '../errors.ts';
import type { CreditMessage, ReaderFile, ReaderMessage, ReaderTask } from './messages.ts';

/** Records of one file in the order of the file. The batch is the receiver's; {@link ReadPart.release} lets the reader go on. */
export interface ReadPart {
  /** The file's identity. */
  readonly partition: string;
  /** `next`: records of the file up to the end of this part. */
  readonly position: Position;
  readonly batch: FlowBatch | undefined;
  readonly rejects: readonly Reject[];
  readonly received: number;
  readonly skipped: number;
  readonly readBytes: number;
  release(): void;
}

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
export async function* readFiles(options: ReadOptions): AsyncGenerator<ReadPart> {
  const { files, format, batchRows, names, pool, warn } = options;
  const task: ReaderTask = { files, format, batchRows, names: names.since(1) };
  const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: task });
  const read = new Float64Array(files.length);
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
      for (const name of message.names) names.code(name);
      const { buffer, layout } = message;
      let batch: FlowBatch | undefined;
      if (buffer !== undefined && layout !== undefined) {
        batch = createFlowBatch(batchRows, layout, buffer);
        batch.length = message.length;
      }
      const next = read[message.file]! + message.received + message.skipped;
      read[message.file] = next;
      const file = files[message.file]!;
      yield {
        partition: file.identity,
        // What is durable stays so while its records pass by once more.
        position: { next: Math.max(next, file.skip), done: false },
        batch,
        rejects: message.rejects,
        received: message.received,
        skipped: message.skipped,
        readBytes: message.readBytes,
        release: () => {
          const credit: CreditMessage = { buffer: pool.take() };
          worker.postMessage(credit, credit.buffer === undefined ? [] : [credit.buffer]);
        },
      };
    }
  } finally {
    await worker.terminate();
  }
}
