import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { inventorySources } from '../inventory.ts';
import type { Inventory, InventoryPart } from '../reference/inventory/inventory.ts';

/** Seconds that a start waits for what has never been asked before: the first alerts shall say whom they are about. */
const FIRST_SECONDS = 20;
/** Seconds that an end waits for the look it interrupts: not all that gives credentials can be told to stop. */
const LAST_SECONDS = 2;

export interface InventoryWatchOptions {
  readonly config: Config;
  readonly inventory: Inventory | undefined;
  /** Aborts when nothing shall be looked at any more. */
  readonly signal: AbortSignal;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/**
 * Looks at the sources of the inventory again and again. What it learns holds from the next step on; of a source that cannot be asked the
 * last answer stays. Ends when it is told to, or disposed.
 */
export async function watchInventory(options: InventoryWatchOptions): Promise<AsyncDisposable> {
  const { config, inventory, log } = options;
  const sources = inventorySources(config);
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  if (inventory === undefined || sources.length === 0) return { async [Symbol.asyncDispose]() {} };
  const failing = new Set<string>();
  const lookAtAll = async (): Promise<void> => {
    const parts: InventoryPart[] = [];
    for (const source of sources) {
      const known = inventory.parts.find((part) => part.source === source.name);
      try {
        const part = await source.look(known, Math.floor(Date.now() / 1000), signal);
        if (failing.delete(source.name))
          log('info', 'the inventory can be read again', { source: source.name });
        if (part.entries !== known?.entries)
          log('info', 'the inventory has changed', { source: source.name, entries: part.entries.length });
        parts.push(part);
      } catch (error) {
        if (signal.aborted) return;
        failing.add(source.name);
        log('warn', 'the inventory cannot be read; what was known last stays', {
          source: source.name,
          error,
        });
        if (known !== undefined) parts.push(known);
      }
    }
    if (!signal.aborted) await inventory.stageInBetween(parts);
  };
  const knew = new Set(inventory.parts.map(({ source }) => source));
  const first = lookAtAll();
  const watching = first.then(async () => {
    const refresh = (config.inventory?.refresh ?? 0) * 1000;
    while (!signal.aborted) {
      await sleep(refresh, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await lookAtAll();
    }
  });
  if (sources.some(({ name }) => !knew.has(name))) await within(FIRST_SECONDS, first, signal);
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await within(LAST_SECONDS, watching);
    },
  };
}

/** Waits for it, but not longer than so many seconds, nor when the signal aborts. */
async function within(seconds: number, work: Promise<void>, signal?: AbortSignal): Promise<void> {
  const done = new AbortController();
  const ends = [done.signal, ...(signal === undefined ? [] : [signal])];
  const limit = sleep(seconds * 1000, undefined, { signal: AbortSignal.any(ends) }).catch(() => {});
  try {
    await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}
