import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { Dictionary } from '../columns/dictionary.ts';
import type { Part, Position } from '../contracts.ts';
import { createMessageDecoder, type DecodedPart, decodeContent, decodeMessage } from '../decode.ts';
import { UserError } from '../errors.ts';
import type { SourceOptions } from '../ingest/options.ts';
import type { Delivery, Resume, Source } from '../ingest/source.ts';
import { createDecoders } from './decoders.ts';
import { createHandOver } from './hand-over.ts';
import type { CoveredBySource, LiveMessage, LiveRequest, LiveSetting, LiveTask } from './live-messages.ts';
import { loadSource, type SourceMaker } from './sources.ts';

/** Streams whose format is remembered. */
const MAX_DECODERS = 256;

const NOTHING: DecodedPart = { rejects: [], answers: [], filtered: 0, received: 0, skipped: 0 };

const port = parentPort!;
const setting = workerData as LiveSetting;
const loading = setting.sources.map((options) => ({ options, loaded: loadSource(options) }));
// Whether one failed is asked when it is needed.
for (const { loaded } of loading) loaded.catch(() => {});
const [task] = (await once(port, 'message')) as [LiveTask];
const names = new Dictionary();
for (const name of task.names) names.code(name);
let readBytes = 0;
const stopping = new AbortController();
const sources = new Map<string, Source>();
const decoders = createDecoders(MAX_DECODERS);
/** Deliveries are handed over one after the other, so that no checkpoint falls between the parts of one. */
let turn: Promise<void> = Promise.resolve();
/** Checkpoints are told in their order. */
let acknowledged: Promise<void> = Promise.resolve();

function send(message: LiveMessage, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

const handOver = createHandOver(names, task.batchRows, send);

/** A function of its own, so that a decoder that is remembered keeps no delivery with all its bytes. */
function optionsOf(source: string, { partition, format }: Pick<Delivery, 'partition' | 'format'>) {
  return {
    source: `${source}:${partition}`,
    format,
    names,
    batchRows: task.batchRows,
    newBatch: handOver.newBatch,
    skip: 0,
    warn: (message: string) => send({ kind: 'log', level: 'warn', message, details: { source, partition } }),
  };
}

/** Sends the parts of one delivery from a source. `next`: where the partition stands behind the part; undefined inside the delivery. */
function senderOf(source: string, delivery: Delivery) {
  const { partition, lane, known = false, last, note } = delivery;
  const common = { partition: `${source}:${partition}`, lane: `${source}:${lane}`, known };
  return (part: DecodedPart, next: number | undefined, done = last): Promise<void> =>
    handOver.send({
      ...common,
      ...part,
      batch: part.batch,
      position: next === undefined ? undefined : { next, done, note },
      readBytes,
      ids: next === undefined ? [] : (delivery.ids ?? []),
      idsFrom: next === undefined ? undefined : delivery.idsFrom,
      availableAt: next === undefined ? undefined : delivery.availableAt,
    } satisfies Omit<Part, 'release'>);
}

async function handOverObject(
  source: string,
  delivery: Delivery,
  open: () => ReturnType<Extract<Delivery['content'], { kind: 'object' }>['open']>,
): Promise<void> {
  const { from } = delivery;
  const sendPart = senderOf(source, delivery);
  let next = 0;
  for await (const part of decodeContent(await open(), { ...optionsOf(source, delivery), skip: from })) {
    next += part.received + part.skipped;
    // Records before `from` were counted by the run that stored them.
    await sendPart({ ...part, skipped: 0 }, Math.max(next, from), false);
  }
  await sendPart(NOTHING, Math.max(next, from));
}

async function handOverMessages(
  source: string,
  delivery: Delivery,
  messages: readonly Uint8Array[],
): Promise<void> {
  const sendPart = senderOf(source, delivery);
  const stream = `${source}:${delivery.partition}:${delivery.format ?? ''}`;
  if (messages.length === 0) {
    if (delivery.last) decoders.forget(stream);
    await sendPart({ ...NOTHING, skipped: delivery.duplicates ?? 0 }, delivery.to!);
    return;
  }
  const decoder = decoders.of(stream, () => createMessageDecoder(optionsOf(source, delivery)), delivery.last);
  for (const message of messages) {
    readBytes += message.length;
    decodeMessage(decoder, message, delivery.from);
  }
  const decoded = decoder.take();
  if (delivery.duplicates !== undefined && delivery.duplicates > 0)
    decoded.push({ ...NOTHING, skipped: delivery.duplicates });
  if (decoded.length === 0) decoded.push(NOTHING);
  for (const [i, part] of decoded.entries())
    await sendPart(part, i === decoded.length - 1 ? delivery.to! : undefined);
}

function handOverDelivery(source: string, delivery: Delivery): Promise<void> {
  const { content } = delivery;
  return content.kind === 'object'
    ? handOverObject(source, delivery, () => content.open())
    : handOverMessages(source, delivery, content.messages);
}

async function runSource({ name }: SourceOptions, loaded: Promise<SourceMaker>): Promise<void> {
  const make = await loaded;
  const resume: Resume = {
    instance: task.instance,
    scratch: task.scratch,
    positions: task.positions.get(name) ?? new Map<string, Position>(),
    ids: task.ids.get(name) ?? new Map<string, ReadonlySet<string>>(),
  };
  const source = await make(resume, {
    lanes: (lanes) => send({ kind: 'lanes', source: name, lanes }),
    caughtUp: (lane) => send({ kind: 'caught-up', source: name, lane }),
    flush: () => send({ kind: 'flush' }),
    forget: (partitions) => send({ kind: 'forget', source: name, partitions }),
    lost: (gap) => send({ kind: 'lost', source: name, ...gap }),
    log: (level, message, details = {}) => send({ kind: 'log', level, message, details }),
  });
  sources.set(name, source);
  for await (const delivery of source.deliveries(stopping.signal)) {
    const before = turn;
    const mine = Promise.withResolvers<void>();
    turn = mine.promise;
    await before;
    try {
      await handOverDelivery(name, delivery);
    } finally {
      mine.resolve();
    }
  }
}

async function acknowledge(covered: CoveredBySource): Promise<void> {
  for (const [source, partitions] of covered)
    await sources
      .get(source)
      ?.acknowledge?.(partitions)
      .catch((error: Error) => {
        const details = { source, error: error.message };
        send({ kind: 'log', level: 'warn', message: 'cannot acknowledge what is durable', details });
      });
}

/** In turn with acknowledgements: what a claim binds comes after what was told to be durable. */
async function claim(seq: number, covered: CoveredBySource): Promise<void> {
  let error: string | undefined;
  try {
    for (const [name, partitions] of covered) {
      const source = sources.get(name);
      if (source === undefined) throw new Error(`the source ${name} is not there`);
      await source.claim?.(seq, partitions);
    }
  } catch (cause) {
    error = (cause as Error).message;
  }
  send({ kind: 'claimed', seq, error });
}

port.on('message', async (request: LiveRequest) => {
  switch (request.kind) {
    case 'credit':
      handOver.take(request);
      break;
    case 'acknowledge':
      acknowledged = acknowledged.then(() => acknowledge(request.covered));
      break;
    case 'claim':
      acknowledged = acknowledged.then(() => claim(request.seq, request.covered));
      break;
    case 'stop':
      stopping.abort();
      break;
    case 'close':
      stopping.abort();
      await acknowledged;
      for (const source of sources.values()) await source.close();
      port.close();
  }
});

try {
  await Promise.all(loading.map(({ options, loaded }) => runSource(options, loaded)));
  send({ kind: 'stopped' });
} catch (error) {
  const person = error instanceof UserError;
  const text = error instanceof Error ? error.message : String(error);
  send({ kind: 'failure', message: person ? text : ((error as Error).stack ?? text), person });
}
