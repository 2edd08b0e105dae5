import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, UserError } from '../errors.ts';
import type { SourceOptions } from '../ingest/options.ts';
import type { Delivery, Source, SourceEvents } from '../ingest/source.ts';
import { createSource } from '../reader/sources.ts';
import { claimDataFolder } from '../store/data-folder.ts';
import { removeOtherStateFiles } from '../store/state/file.ts';
import { openState } from '../store/state/recover.ts';
import { NO_CHANGE } from '../store/state/state.ts';
import { createUncovered } from '../uncovered.ts';
import { createContentReader } from './content.ts';
import { createPacker } from './messages.ts';
import type { ForwardOptions } from './options.ts';
import { openWriter } from './writer.ts';

export interface ForwardLife {
  readonly data: string;
  readonly sources: readonly SourceOptions[];
  readonly forward: ForwardOptions;
  /** Aborts to end it: what was read is forwarded first. */
  readonly signal: AbortSignal;
  /** Everything up to now is in Kafka, and will not be sent again. */
  onDurable(counts: Counts): void;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Since the start of the process. */
export interface Counts {
  /** Lines and documents. */
  records: number;
  messages: number;
  bytes: number;
}

/** Milliseconds between two checkpoints, and between two looks whether one is due. */
const CHECKPOINT_MS = 1000;
const LOOK_MS = 200;
/** Bytes that wait for their batch, at most, before they are sent. */
const WAITING_BYTES = 4 << 20;
/** Bytes of a transaction, about: what a crash makes send again. */
const TRANSACTION_BYTES = 64 << 20;
/** Before the names of sources in positions: a folder of `run` has nothing to do with one of `forward`. */
const PLACE = 'forward/';

/**
 * One life of forwarding: begins at the last checkpoint, and ends when it is told to, or with an error. A checkpoint is prepared on disk, then
 * the transaction is committed together with its number, then it is carried out and the sources are told. So each record counts once in
 * Kafka, wherever the process ends: for whoever reads committed transactions alone.
 */
export async function forwardOnce(life: ForwardLife, counts: Counts): Promise<void> {
  const { forward, log, signal } = life;
  await using cleanup = new AsyncDisposableStack();
  const folder = await claimDataFolder(life.data);
  cleanup.defer(() => folder.release());
  const writer = await openWriter(forward, folder.instance, (level, message, details = {}) =>
    log(level, message, details),
  );
  cleanup.defer(() => writer.close());
  const { state, loaded, problems } = await openState(
    folder.path,
    async (seq) => (await writer.committed()) === seq,
  );
  cleanup.use(state);
  for (const problem of problems) log('warn', problem, {});

  const uncovered = createUncovered((partition) => loaded.positions.get(partition)?.next ?? 0);
  const positions = new Map<string, { next: number; done: boolean; note?: string | undefined }>();
  const packer = createPacker(forward.maxMessageBytes);
  const readers = createContentReader((item) => {
    packer.add(item);
    counts.records++;
  });
  const sources = new Map<string, Source>();
  cleanup.defer(async () => {
    for (const source of sources.values()) await source.close();
  });
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  let isAsked = false;
  let sent = 0;
  let last = performance.now();

  const send = async (): Promise<void> => {
    if (packer.waiting === 0) return;
    const bytes = packer.waiting;
    const batches = packer.take();
    await writer.send(batches);
    sent += bytes;
    counts.bytes += bytes;
    for (const messages of batches) counts.messages += messages.length;
  };

  const checkpoint = async (): Promise<void> => {
    isAsked = false;
    last = performance.now();
    if (uncovered.isEmpty) return;
    await send();
    sent = 0;
    const { memory, covered } = uncovered.take();
    for (const partition of memory.forget) positions.delete(partition);
    await state.checkpoint(
      { ...NO_CHANGE, ...memory, positions: new Map(positions) },
      {
        covered: null,
        async bind(seq) {
          await writer.commit(seq);
          for (const [name, partitions] of covered)
            await sources.get(name.slice(PLACE.length))?.claim?.(seq, partitions);
        },
      },
    );
    await removeOtherStateFiles(folder.path, state.file);
    positions.clear();
    life.onDurable(counts);
    for (const [name, partitions] of covered)
      await sources
        .get(name.slice(PLACE.length))
        ?.acknowledge?.(partitions)
        .catch((error: Error) => log('warn', 'cannot acknowledge what is durable', { source: name, error }));
  };
  const isDue = (): boolean =>
    isAsked || sent > TRANSACTION_BYTES || performance.now() - last > CHECKPOINT_MS;

  /** One delivery after the other, and checkpoints between them. */
  let turn: Promise<void> = Promise.resolve();
  const inTurn = async (task: () => Promise<void>): Promise<void> => {
    const mine = turn.then(task);
    turn = mine.catch(() => {});
    await mine;
  };

  const take = async (name: string, delivery: Delivery): Promise<void> => {
    const partition = `${PLACE}${name}:${delivery.partition}`;
    const reach = (next: number, isEnd: boolean): void => {
      const { note, ids = [], idsFrom } = delivery;
      const done = isEnd && delivery.last;
      const position = { next, done, ...(note === undefined ? {} : { note }) };
      positions.set(partition, position);
      uncovered.add({
        ...{ partition, position, known: delivery.known ?? false },
        ids: isEnd ? ids : [],
        idsFrom: isEnd ? idsFrom : undefined,
      });
    };
    for await (const next of readers.read(partition, delivery)) {
      if (packer.waiting > WAITING_BYTES) await send();
      // Inside a delivery of messages there is no position.
      if (next === undefined) continue;
      reach(next, false);
      if (isDue()) await checkpoint();
    }
    reach(delivery.to ?? readers.reached(), true);
    if (isDue()) await checkpoint();
  };

  const read = async (options: SourceOptions): Promise<void> => {
    const { name } = options;
    const key = `${PLACE}${name}:`;
    const own = <T>(all: ReadonlyMap<string, T>): Map<string, T> =>
      new Map([...all].flatMap(([at, one]) => (at.startsWith(key) ? [[at.slice(key.length), one]] : [])));
    const events: SourceEvents = {
      lanes() {},
      caughtUp() {},
      flush() {
        isAsked = true;
      },
      forget: (partitions) => uncovered.forget(partitions.map((partition) => `${key}${partition}`)),
      lost: (gap) => log('error', 'data is lost: it can no longer be read', { source: name, ...gap }),
      log: (level, message, details = {}) => log(level, message, details),
    };
    const { instance, scratch } = folder;
    const resume = { instance, scratch, positions: own(loaded.positions), ids: own(loaded.ids) };
    const source = await createSource(options, resume, events);
    sources.set(name, source);
    for await (const delivery of source.deliveries(stopped)) await inTurn(() => take(name, delivery));
  };

  const watch = async (): Promise<void> => {
    while (!stopped.aborted) {
      await sleep(LOOK_MS, undefined, { signal: stopped }).catch(() => {});
      if (!stopped.aborted && isDue()) await inTurn(checkpoint);
    }
  };

  log('info', 'forwarding', { data: life.data, topic: forward.topic });
  const working = [...life.sources.map(read), watch()].map((work) =>
    work.catch((error) => {
      stop.abort();
      throw error;
    }),
  );
  const results = await Promise.allSettled(working);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  await checkpoint();
}

/** Throws a UserError that names all for which nothing could be forwarded. */
export function refuseForward(sources: readonly SourceOptions[], forward: ForwardOptions | undefined): void {
  const problems: string[] = [];
  if (forward === undefined)
    problems.push('the configuration names no topic; add brokers and topic under forward:');
  if (sources.length === 0) problems.push('the configuration names no sources; add one under sources:');
  for (const source of sources)
    if (source.type === 'kafka' && forward !== undefined && source.topics.includes(forward.topic))
      problems.push(`the source ${source.name} reads the topic ${forward.topic} that it would write to`);
  if (problems.length > 0)
    throw new UserError(`cannot forward: ${problems.join('\n  and ')}`, { exitCode: EXIT.usage });
}
