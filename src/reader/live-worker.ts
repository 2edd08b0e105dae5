import { parentPort, workerData } from 'node:worker_threads';
import { BufferPool } from '../columns/buffer-pool.ts';
import { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch, type FlowBatch, type Layout } from '../columns/flow-batch.ts';
import type { Position } from '../contracts.ts';
import { createMessageDecoder, decodeContent, decodeMessage } from '../decode.ts';
import type { SourceOptions } from '../ingest/options.ts';
import type { Delivery, Source } from '../ingest/source.ts';
import type { LiveMessage, LivePartMessage, LiveRequest, LiveTask } from './live-messages.ts';
import { createSource } from './sources.ts';

/** Parts on their way to, or in, the other thread: bounds what waits in memory when that thread is slower. */
const MAX_IN_FLIGHT = 8;
/** Streams whose format is remembered; the one that was silent longest is forgotten first. */
const MAX_DECODERS = 256;

type DecodedPart = ReturnType<ReturnType<typeof createMessageDecoder>['take']>[number];

const port = parentPort!;
const task = workerData as LiveTask;
const names = new Dictionary();
for (const name of task.names) names.code(name);
let sentNames = names.size;
let inFlight = 0;
let readBytes = 0;
let wake: (() => void) | undefined;
const pool = new BufferPool();
const sizes = new WeakMap<Layout, number>();
const stopping = new AbortController();
const sources = new Map<string, Source>();
const decoders = new Map<string, ReturnType<typeof createMessageDecoder>>();
/** Deliveries are handed over one after the other, so that no checkpoint falls between the parts of one. */
let turn: Promise<void> = Promise.resolve();

function send(message: LiveMessage, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function newBatch(capacity: number, layout: Layout): FlowBatch {
  const size = sizes.get(layout);
  const batch = createFlowBatch(capacity, layout, size === undefined ? undefined : pool.takeSize(size));
  sizes.set(layout, batch.buffer.byteLength);
  return batch;
}

function decodeOptions(source: string, delivery: Delivery, skip: number) {
  return {
    source: `${source}:${delivery.partition}`,
    format: delivery.format,
    names,
    batchRows: task.batchRows,
    newBatch,
    skip,
    warn: (message: string) =>
      send({ kind: 'log', level: 'warn', message, details: { source, partition: delivery.partition } }),
  };
}

async function sendPart(
  source: string,
  delivery: Delivery,
  part: DecodedPart,
  position: Position | undefined,
): Promise<void> {
  while (inFlight >= MAX_IN_FLIGHT)
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  inFlight++;
  const message: LivePartMessage = {
    kind: 'part',
    source,
    partition: delivery.partition,
    position,
    layout: part.batch?.layout,
    length: part.batch?.length ?? 0,
    buffer: part.batch?.buffer,
    names: names.since(sentNames),
    rejects: part.rejects,
    received: part.received,
    skipped: part.skipped,
    readBytes,
  };
  sentNames = names.size;
  send(message, part.batch === undefined ? [] : [part.batch.buffer]);
}

const NOTHING: DecodedPart = { rejects: [], received: 0, skipped: 0 };

async function handOver(source: string, delivery: Delivery): Promise<void> {
  const { content, partition, last, note } = delivery;
  if (content.kind === 'object') {
    let next = 0;
    const opened = await content.open().catch((error: Error) => {
      const details = { source, partition, error: error.message };
      send({ kind: 'log', level: 'error', message: 'cannot read an object', details });
    });
    if (opened === undefined) return;
    for await (const part of decodeContent(opened, decodeOptions(source, delivery, delivery.from))) {
      next += part.received + part.skipped;
      // Records before `from` were counted by the run that stored them.
      await sendPart(
        source,
        delivery,
        { ...part, skipped: 0 },
        { next: Math.max(next, delivery.from), done: false, note },
      );
    }
    await sendPart(source, delivery, NOTHING, { next: Math.max(next, delivery.from), done: last, note });
    return;
  }
  const key = `${source}:${partition}:${delivery.format ?? ''}`;
  const decoder = decoders.get(key) ?? createMessageDecoder(decodeOptions(source, delivery, 0));
  decoders.delete(key);
  decoders.set(key, decoder);
  if (decoders.size > MAX_DECODERS) decoders.delete(decoders.keys().next().value!);
  for (const message of content.messages) {
    readBytes += message.length;
    decodeMessage(decoder, message, delivery.from);
  }
  const parts = decoder.take();
  if (delivery.duplicates !== undefined && delivery.duplicates > 0)
    parts.push({ ...NOTHING, skipped: delivery.duplicates });
  if (parts.length === 0) parts.push(NOTHING);
  const position = { next: delivery.to!, done: last, note };
  for (const [i, part] of parts.entries())
    await sendPart(source, delivery, part, i === parts.length - 1 ? position : undefined);
  if (last) decoders.delete(key);
}

async function runSource(options: SourceOptions): Promise<void> {
  const { name } = options;
  const resume = {
    instance: task.instance,
    positions: task.positions.get(name) ?? new Map<string, Position>(),
    ids: new Map<string, ReadonlySet<string>>(),
  };
  const source = await createSource(options, resume, {
    lanes: () => {},
    caughtUp: () => {},
    forget: () => {},
    lost: (gap) => send({ kind: 'lost', source: name, ...gap }),
    log: (level, message, details = {}) => send({ kind: 'log', level, message, details }),
  });
  sources.set(name, source);
  for await (const delivery of source.deliveries(stopping.signal)) {
    const before = turn;
    let done = (): void => {};
    turn = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      await handOver(name, delivery);
    } finally {
      done();
    }
  }
}

port.on('message', async (request: LiveRequest) => {
  switch (request.kind) {
    case 'credit':
      inFlight--;
      if (request.buffer !== undefined) pool.put(request.buffer);
      wake?.();
      break;
    case 'stop':
      stopping.abort();
      break;
    case 'close':
      for (const source of sources.values()) await source.close();
      port.close();
  }
});

try {
  await Promise.all(task.sources.map(runSource));
  send({ kind: 'stopped' });
} catch (error) {
  send({ kind: 'failure', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
