import { BufferPool } from '../columns/buffer-pool.ts';
import type { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch, type FlowBatch, type Layout } from '../columns/flow-batch.ts';
import type { Part } from '../contracts.ts';

/** Parts on their way to, or in, the other thread: bounds what waits in memory when that thread is slower. */
const MAX_IN_FLIGHT = 8;

/** A part on its way from the reading thread, with the texts that got codes since the part before. */
export interface PartMessage extends Omit<Part, 'batch' | 'release'> {
  readonly kind: 'part';
  readonly layout: Layout | undefined;
  readonly length: number;
  readonly buffer: ArrayBuffer | undefined;
  readonly names: readonly string[];
}

/** Sent back: one more part may come, and here is the memory of an old batch for it. */
export interface Credit {
  readonly kind: 'credit';
  readonly buffer: ArrayBuffer | undefined;
}

/** The reading thread's end: hands parts over as long as there is room, and makes batches of the memory that comes back. */
export interface HandOver {
  readonly newBatch: (capacity: number, layout: Layout) => FlowBatch;
  /** Waits until there is room, then sends the part. */
  send(part: Omit<Part, 'release'>): Promise<void>;
  take(credit: Credit): void;
}

/** `names` are those that both threads know already. */
export function createHandOver(
  names: Dictionary,
  batchRows: number,
  post: (message: PartMessage, transfer: ArrayBuffer[]) => void,
): HandOver {
  const pool = new BufferPool();
  const sizes = new WeakMap<Layout, number>();
  let sentNames = names.size;
  let inFlight = 0;
  let waiting: (() => void)[] = [];
  return {
    newBatch(capacity, layout) {
      const size = capacity === batchRows ? sizes.get(layout) : undefined;
      const batch = createFlowBatch(capacity, layout, size === undefined ? undefined : pool.takeSize(size));
      if (capacity === batchRows) sizes.set(layout, batch.buffer.byteLength);
      return batch;
    },
    async send({ batch, ...part }) {
      while (inFlight >= MAX_IN_FLIGHT) await new Promise<void>((resolve) => waiting.push(resolve));
      inFlight++;
      const message: PartMessage = {
        kind: 'part',
        ...part,
        layout: batch?.layout,
        length: batch?.length ?? 0,
        buffer: batch?.buffer,
        names: names.since(sentNames),
      };
      sentNames = names.size;
      post(message, batch === undefined ? [] : [batch.buffer]);
    },
    take({ buffer }) {
      inFlight--;
      if (buffer !== undefined) pool.put(buffer);
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
  };
}

export interface Receiver {
  /** Filled with the texts of the codes that batches carry, before the batch is handed over. */
  readonly names: Dictionary;
  /** Where memory of written batches comes back. */
  readonly pool: BufferPool;
  readonly batchRows: number;
  post(credit: Credit, transfer: ArrayBuffer[]): void;
}

/** The other end: the part that a message brought. */
export function receivePart(message: PartMessage, { names, pool, batchRows, post }: Receiver): Part {
  const { kind: _, layout, length, buffer, names: newNames, ...part } = message;
  for (const name of newNames) names.code(name);
  let batch: FlowBatch | undefined;
  if (buffer !== undefined && layout !== undefined) {
    batch = createFlowBatch(batchRows, layout, buffer);
    batch.length = length;
  }
  return {
    ...part,
    batch,
    release() {
      const old = pool.take();
      post({ kind: 'credit', buffer: old }, old === undefined ? [] : [old]);
    },
  };
}
