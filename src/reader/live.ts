import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BufferPool } from '../columns/buffer-pool.ts';
import type { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch, type FlowBatch } from '../columns/flow-batch.ts';
import type { Position, Reject } from '../contracts.ts';
import { UserError } from '../errors.ts';
import type { SourceOptions } from '../ingest/options.ts';
import type { LiveMessage, LivePartMessage, LiveRequest, LiveTask } from './live-messages.ts';

/** Records of one partition of a live source, named `<source>:<partition>`. */
export interface LivePart {
  readonly partition: string;
  readonly position: Position | undefined;
  readonly batch: FlowBatch | undefined;
  readonly rejects: readonly Reject[];
  readonly received: number;
  readonly skipped: number;
  readonly readBytes: number;
  release(): void;
}

export interface LiveOptions {
  readonly sources: readonly SourceOptions[];
  /** Names the data folder, for ever. */
  readonly instance: string;
  /** Durable positions, by `<source>:<partition>`. */
  readonly positions: ReadonlyMap<string, Position>;
  readonly batchRows: number;
  readonly names: Dictionary;
  readonly pool: BufferPool;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Live sources at work on a thread of their own. */
export interface LiveReader extends AsyncDisposable {
  /** Parts until {@link stop} took effect; undefined when nothing came for a while. Throws a UserError when the thread fails. */
  parts(): AsyncGenerator<LivePart | undefined>;
  /** No new delivery is begun; the one at hand still comes. */
  stop(): void;
}

/** Milliseconds without a part after which the reader says so. */
const IDLE_MS = 250;
/** Sources get this long to close what they hold. */
const CLOSE_MS = 3000;

const workerFile = import.meta.url.endsWith('.ts') ? './live-worker.ts' : './live-worker.js';

/** Starts reading. */
export function readLive(options: LiveOptions): LiveReader {
  const { names, pool, batchRows } = options;
  const task: LiveTask = {
    sources: options.sources,
    instance: options.instance,
    positions: bySource(options),
    batchRows,
    names: names.since(1),
  };
  const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: task });
  const queue: LiveMessage[] = [];
  let wake: (() => void) | undefined;
  const push = (message: LiveMessage): void => {
    queue.push(message);
    wake?.();
  };
  const exited = once(worker, 'exit');
  worker.on('message', push);
  worker.on('error', (error) => push({ kind: 'failure', message: error.stack ?? error.message }));
  worker.on('exit', () => push({ kind: 'failure', message: 'the reading thread ended early' }));
  const post = (request: LiveRequest, transfer: ArrayBuffer[] = []): void =>
    worker.postMessage(request, transfer);

  const toPart = (message: LivePartMessage): LivePart => {
    for (const name of message.names) names.code(name);
    let batch: FlowBatch | undefined;
    if (message.buffer !== undefined && message.layout !== undefined) {
      batch = createFlowBatch(batchRows, message.layout, message.buffer);
      batch.length = message.length;
    }
    return {
      partition: `${message.source}:${message.partition}`,
      position: message.position,
      batch,
      rejects: message.rejects,
      received: message.received,
      skipped: message.skipped,
      readBytes: message.readBytes,
      release: () => {
        const buffer = pool.take();
        post({ kind: 'credit', buffer }, buffer === undefined ? [] : [buffer]);
      },
    };
  };

  return {
    async *parts() {
      for (;;) {
        const message = queue.shift();
        if (message === undefined) {
          if (!(await arrives((resolve) => (wake = resolve)))) yield undefined;
          continue;
        }
        switch (message.kind) {
          case 'part':
            yield toPart(message);
            break;
          case 'log':
            options.log(message.level, message.message, message.details);
            break;
          case 'lost': {
            const { kind: _, ...gap } = message;
            options.log('error', 'data is lost: it can no longer be read', gap);
            break;
          }
          case 'failure':
            throw new UserError(`cannot read: ${message.message}`);
          case 'stopped':
            return;
        }
      }
    },
    stop: () => post({ kind: 'stop' }),
    async [Symbol.asyncDispose]() {
      post({ kind: 'close' });
      const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Whether something came before the reader counts as idle. */
async function arrives(wait: (wake: () => void) => void): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), IDLE_MS);
  });
  const came = await Promise.race([new Promise<boolean>((resolve) => wait(() => resolve(true))), idle]);
  clearTimeout(timer);
  return came;
}

function bySource(options: LiveOptions): Map<string, Map<string, Position>> {
  const sources = new Map<string, Map<string, Position>>();
  for (const { name } of options.sources) sources.set(name, new Map());
  for (const [key, position] of options.positions) {
    const colon = key.indexOf(':');
    sources.get(key.slice(0, colon))?.set(key.slice(colon + 1), position);
  }
  return sources;
}
