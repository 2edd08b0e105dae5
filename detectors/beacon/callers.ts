import { DistinctCounts } from '../../src/columns/distinct.ts';
import type { KeyTable } from '../../src/columns/key-table.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';

/** A table of what is called; `last`: when it was called last, Unix seconds. */
interface CalledTable {
  readonly keys: Pick<KeyTable, 'overflow'>;
  readonly columns: { readonly last: Uint32Array };
  readonly rows: number;
  has(row: number): boolean;
  delete(row: number): void;
  snapshot(): Uint8Array;
  restore(state: Uint8Array): void;
}

/** How many call each row of a table, which is forgotten and saved with them. */
export class Callers {
  readonly #table: CalledTable;
  readonly #counts: DistinctCounts;

  /** `sketches`: most rows with more than 16 callers. */
  constructor(table: CalledTable, sketches: number) {
    this.#table = table;
    this.#counts = new DistinctCounts(sketches);
  }

  get overflow(): number {
    return this.#table.keys.overflow + this.#counts.overflow;
  }

  /** `caller`: a hash of it. */
  add(row: number, caller: number): void {
    this.#counts.add(row, caller);
  }

  count(row: number): number {
    return this.#counts.count(row);
  }

  /** Forgets what was not called since `time`. */
  expire(time: number): void {
    const { last } = this.#table.columns;
    for (let row = 0; row < this.#table.rows; row++) {
      if (!this.#table.has(row) || last[row]! >= time) continue;
      this.#counts.clear(row);
      this.#table.delete(row);
    }
  }

  snapshot(): Uint8Array {
    return packSnapshot({ table: this.#table.snapshot(), callers: this.#counts.snapshot() }, null);
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.#table.restore(columns.get('table') as Uint8Array);
    this.#counts.restore(columns.get('callers') as Uint8Array);
  }
}
