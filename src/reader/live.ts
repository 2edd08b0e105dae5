import { Worker } from 'node:worker_threads';
import { bytesPerRow } from '../columns/flow-batch.ts';
import type { Part, Position } from '../contracts.ts';
import { UserError } from '../errors.ts';
import type { SourceOptions } from '../ingest/options.ts';
import { type Receiver, receivePart } from './hand-over.ts';
import type { CoveredBySource, LiveMessage, LiveRequest, LiveSetting, LiveTask } from './live-messages.ts';

export interface LiveOptions extends Omit<Receiver, 'post'> {
  /** Names the data folder, for ever. */
  readonly instance: string;
  /** Folder for files that need not outlive the process. */
  readonly scratch: string;
  /** Durable positions and ids, by `<source>:<partition>`. */
  readonly positions: ReadonlyMap<string, Position>;
  readonly ids: ReadonlyMap<string, ReadonlySet<string>>;
  /** The lanes of a source from now on, `<source>:<lane>`. */
  onLanes(source: string, lanes: readonly string[]): void;
  /** Nothing more can be read of the lane at this moment. */
  onCaughtUp(lane: string): void;
  /** What was read has to become durable soon. */
  onFlush(): void;
  /** Partitions, `<source>:<partition>`, that never come again. */
  onForget(partitions: readonly string[]): void;
  onLost(gap: Omit<Extract<LiveMessage, { kind: 'lost' }>, 'kind'>): void;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** A source failed, or its other side would not have what was read: it is read again from the last checkpoint, here or elsewhere. */
export class SourceFailure extends Error {}

/** Live sources at work on a thread of their own; it loads their libraries while it is not yet known where they begin. Closing it twice does nothing. */
export interface LiveReader extends AsyncDisposable {
  /** Begins to read, once. What it hears is told while {@link parts} is asked. */
  begin(options: LiveOptions): void;
  /**
   * Parts, partition and lane named with their source, until {@link stop} took effect; undefined when nothing came for a while, or something that is no part. Throws a
   * UserError for what only a person can mend, else an Error when the thread fails.
   */
  parts(): AsyncGenerator<Part | undefined>;
  /** Binds what the checkpoint `seq` covers to this process at the other sides. Rejects when one of them says that it is another's by now. */
  claim(seq: number, covered: CoveredBySource): Promise<void>;
  /** Tells the other sides what is durable; what fails is logged and comes again. */
  acknowledge(covered: CoveredBySource): void;
  /** No new delivery is begun; the one at hand still comes. */
  stop(): void;
  /** Bytes of the records that came from the thread and were not asked for yet. */
  readonly waiting: number;
}

/** Milliseconds without a part after which the reader says so. */
const IDLE_MS = 250;
/** Sources that are told to stop get this long to hand over what they are at; what they did not is read again by the next start. */
const STOP_MS = 4000;
/** Sources get this long to close what they hold. */
const CLOSE_MS = 3000;

const workerFile = import.meta.url.endsWith('.ts') ? './live-worker.ts' : './live-worker.js';

/** Starts the thread. */
export function openLiveReader(sources: readonly SourceOptions[]): LiveReader {
  const setting: LiveSetting = { sources };
  const worker = new Worker(new URL(workerFile, import.meta.url), {
    workerData: setting,
    // The Kafka client waits for times that are over, which harms nothing.
    execArgv: [...process.execArgv, '--disable-warning=TimeoutNegativeWarning'],
  });
  const queue: LiveMessage[] = [];
  let wake: (() => void) | undefined;
  const claims = new Map<number, PromiseWithResolvers<void>>();
  const push = (message: LiveMessage): void => {
    queue.push(message);
    wake?.();
  };
  /** The main thread asks for parts only after a claim was answered, so answers do not wait among them. */
  const answer = (seq: number, error: string | undefined): void => {
    const claim = claims.get(seq);
    claims.delete(seq);
    if (error === undefined) claim?.resolve();
    else claim?.reject(new SourceFailure(`cannot bind what was read: ${error}`));
  };
  /** Why the thread answers nothing any more. */
  let failure: string | undefined;
  const fail = (message: string): void => {
    failure ??= message;
    for (const seq of claims.keys()) answer(seq, message);
    push({ kind: 'failure', message, person: false });
  };
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('message', (message: LiveMessage) => {
    if (message.kind === 'claimed') answer(message.seq, message.error);
    else push(message);
  });
  worker.on('error', (error) => fail(error.stack ?? error.message));
  worker.on('exit', () => fail('the reading thread ended early'));
  const post = (request: LiveRequest, transfer: ArrayBuffer[] = []): void =>
    worker.postMessage(request, transfer);
  let begun: LiveOptions | undefined;

  /** Tells what a message says beside parts. */
  const heed = (
    message: Exclude<LiveMessage, { kind: 'part' | 'stopped' | 'claimed' }>,
    options: LiveOptions,
  ): void => {
    switch (message.kind) {
      case 'lanes':
        options.onLanes(
          message.source,
          message.lanes.map((lane) => `${message.source}:${lane}`),
        );
        break;
      case 'caught-up':
        options.onCaughtUp(`${message.source}:${message.lane}`);
        break;
      case 'flush':
        options.onFlush();
        break;
      case 'forget':
        options.onForget(message.partitions.map((partition) => `${message.source}:${partition}`));
        break;
      case 'log':
        options.log(message.level, message.message, message.details);
        break;
      case 'lost': {
        const { kind: _, ...gap } = message;
        options.onLost(gap);
        break;
      }
      case 'failure':
        if (message.person) throw new UserError(message.message);
        throw new SourceFailure(`cannot read: ${message.message}`);
    }
  };

  const close = async (): Promise<void> => {
    // Before it began it has nothing to close.
    if (begun === undefined) await worker.terminate();
    else post({ kind: 'close' });
    const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
    await exited;
    clearTimeout(timer);
  };
  let closed: Promise<void> | undefined;

  return {
    begin(options) {
      begun = options;
      const { instance, scratch, positions, ids, batchRows, names } = options;
      const ofSource = sources.map(({ name }) => name);
      const task: LiveTask = {
        ...{ instance, scratch, batchRows, names: names.since(1) },
        positions: bySource(ofSource, positions),
        ids: bySource(ofSource, ids),
      };
      worker.postMessage(task);
    },
    async *parts() {
      const options = begun!;
      const { names, pool, batchRows } = options;
      const receiver: Receiver = { names, pool, batchRows, post };
      for (;;) {
        const message = queue.shift();
        if (message === undefined) {
          if (!(await arrives((resolve) => (wake = resolve)))) yield undefined;
        } else if (message.kind === 'part') yield receivePart(message, receiver);
        else if (message.kind === 'stopped') return;
        else if (message.kind !== 'claimed') {
          heed(message, options);
          // A source that says often that nothing comes must not keep what waits from becoming durable.
          yield undefined;
        }
      }
    },
    claim(seq, covered) {
      const claim = Promise.withResolvers<void>();
      claims.set(seq, claim);
      if (failure === undefined) post({ kind: 'claim', seq, covered });
      else answer(seq, failure);
      return claim.promise;
    },
    acknowledge: (covered) => post({ kind: 'acknowledge', covered }),
    stop() {
      post({ kind: 'stop' });
      const timer = setTimeout(() => {
        begun?.log('warn', 'a source did not stop in time; what it was at is read again', {});
        push({ kind: 'stopped' });
      }, STOP_MS);
      exited.then(() => clearTimeout(timer));
    },
    get waiting() {
      return queue.reduce((sum, message) => sum + bytesOf(message), 0);
    },
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };
}

/** Bytes of the records in a message. */
function bytesOf(message: LiveMessage): number {
  if (message.kind !== 'part' || message.layout === undefined) return 0;
  return message.length * bytesPerRow(message.layout);
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

function bySource<T>(sources: readonly string[], all: ReadonlyMap<string, T>): Map<string, Map<string, T>> {
  const parted = new Map(sources.map((name) => [name, new Map<string, T>()]));
  for (const [key, value] of all) {
    const colon = key.indexOf(':');
    parted.get(key.slice(0, colon))?.set(key.slice(colon + 1), value);
  }
  return parted;
}
