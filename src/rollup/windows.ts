import type { SessionBatch, WindowBatch, WindowKey } from '../columns/session-batch.ts';
import { packParts, type SnapshotParts, unpackSnapshot } from '../columns/snapshot.ts';
import type { WindowDemand } from '../contracts.ts';
import { hashAddress } from './hash-address.ts';
import { STEP_SECONDS } from './sessions.ts';
import { WindowTable } from './window-table.ts';

/**
 * The open windows of every size and key. Steps are added to the smallest window of each key; larger ones take in the smaller as they
 * close, so a detector that asks for hours costs next to nothing.
 */
export class Windows {
  readonly #emit: (window: WindowBatch) => void;
  /** Address hashes of the step's rows. */
  #srcHashes = new Int32Array(1024);
  #dstHashes = new Int32Array(1024);
  /** For each key its tables by size, the smallest first. */
  readonly #chains: { readonly key: WindowKey; readonly tables: readonly WindowTable[] }[] = [];

  constructor(demands: readonly WindowDemand[], limit: number, emit: (window: WindowBatch) => void) {
    this.#emit = emit;
    for (const key of ['subject', 'pair'] as const) {
      const sizes = new Set(demands.filter((demand) => demand.key === key).map((demand) => demand.size));
      if (key === 'subject') sizes.add(STEP_SECONDS);
      const ordered = [...sizes].sort((a, b) => a - b);
      for (const [i, size] of ordered.entries()) {
        if (size % (ordered[i - 1] ?? STEP_SECONDS) !== 0)
          throw new RangeError(
            `cannot build ${key} windows of ${ordered.join(', ')} s: each size must divide the next`,
          );
      }
      const tables = ordered.map((size) => new WindowTable(size, key, limit));
      if (tables.length > 0) this.#chains.push({ key, tables });
    }
  }

  /** Keys that found no place so far. */
  get overflow(): number {
    let overflow = 0;
    for (const { tables } of this.#chains) for (const table of tables) overflow += table.overflow;
    return overflow;
  }

  /** Adds the rows of the step at `start`. Both ends of a session count when both are internal. */
  add(start: number, active: SessionBatch): void {
    for (const { tables } of this.#chains) {
      this.#closeBefore(tables, start);
      const smallest = tables[0]!;
      smallest.start = start - (start % smallest.size);
    }
    this.#hash(active);
    // Key by key: what a table has in the cache is used before the next one drives it out.
    for (let chain = 0; chain < this.#chains.length; chain++)
      this.#chains[chain]!.tables[0]!.addAll(active, this.#srcHashes, this.#dstHashes);
  }

  #hash({ length, srcAddr, dstAddr }: SessionBatch): void {
    if (length > this.#srcHashes.length) {
      this.#srcHashes = new Int32Array(length * 2);
      this.#dstHashes = new Int32Array(length * 2);
    }
    for (let i = 0; i < length; i++) {
      this.#srcHashes[i] = hashAddress(srcAddr, i * 4);
      this.#dstHashes[i] = hashAddress(dstAddr, i * 4);
    }
  }

  /** Hands over every window that ends at or before `time`. */
  roll(time: number): void {
    for (const { tables } of this.#chains) this.#closeBefore(tables, time);
  }

  finish(): void {
    this.roll(Number.MAX_SAFE_INTEGER);
  }

  #closeBefore(tables: readonly WindowTable[], time: number): void {
    for (let i = 0; i < tables.length; i++) {
      const table = tables[i]!;
      if (table.start >= 0 && table.start + table.size <= time) this.#close(tables, i);
    }
  }

  #close(tables: readonly WindowTable[], i: number): void {
    const table = tables[i]!;
    const larger = tables[i + 1];
    if (larger !== undefined) {
      const start = table.start - (table.start % larger.size);
      if (larger.start >= 0 && larger.start !== start) this.#close(tables, i + 1);
      larger.start = start;
      larger.merge(table);
    }
    this.#emit(table.close());
    table.clear();
  }

  snapshot(): SnapshotParts {
    const columns: Record<string, SnapshotParts> = {};
    for (const { key, tables } of this.#chains)
      for (const table of tables) columns[`${key}-${table.size}`] = table.snapshot();
    return packParts(columns, null);
  }

  /** A window whose size or key nobody asked for any more is dropped; one that is new begins empty. */
  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    for (const { key, tables } of this.#chains)
      for (const table of tables) {
        const saved = columns.get(`${key}-${table.size}`);
        if (saved !== undefined) table.restore(saved as Uint8Array);
      }
  }
}
