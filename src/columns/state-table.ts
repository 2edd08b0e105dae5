import { grown, KeyTable, NO_ROW } from './key-table.ts';
import { type Column, packSnapshot, unpackSnapshot } from './snapshot.ts';

/** A column of a {@link StateTable}: its element type and how many elements a row has. */
export interface ColumnShape<C extends Column = Column> {
  readonly Kind: new (length: number) => C;
  readonly width: number;
}

export const u8 = (width = 1): ColumnShape<Uint8Array> => ({ Kind: Uint8Array, width });
export const u16 = (width = 1): ColumnShape<Uint16Array> => ({ Kind: Uint16Array, width });
export const u32 = (width = 1): ColumnShape<Uint32Array> => ({ Kind: Uint32Array, width });
export const f64 = (width = 1): ColumnShape<Float64Array> => ({ Kind: Float64Array, width });

type Columns<Shape> = { [Name in keyof Shape]: Shape[Name] extends ColumnShape<infer C> ? C : never };

/**
 * A {@link KeyTable} with its columns: they grow together, a new row starts as zeros, and one snapshot holds all. Columns are replaced
 * when they grow, so read them from the table again after an upsert.
 */
export class StateTable<Shape extends Readonly<Record<string, ColumnShape>>> {
  readonly keys: KeyTable;
  /** Row r of a column of width w is elements [r × w, (r + 1) × w). */
  readonly columns: Columns<Shape>;
  readonly #shape: Shape;
  /** Columns and their widths by position: a loop over names looks each of them up. */
  #all: Column[] = [];
  readonly #widths: readonly number[];
  #capacity: number;

  constructor(words: number, limit: number, shape: Shape) {
    this.keys = new KeyTable(words, limit);
    this.#shape = shape;
    this.#capacity = this.keys.capacity;
    const columns: Record<string, Column> = {};
    for (const [name, { Kind, width }] of Object.entries(shape))
      columns[name] = new Kind(this.#capacity * width);
    this.columns = columns as Columns<Shape>;
    this.#widths = Object.values(shape).map(({ width }) => width);
    this.#all = Object.values(columns);
  }

  get size(): number {
    return this.keys.size;
  }

  /** One past the highest row: rows in [0, rows) are live ({@link has}) or free. */
  get rows(): number {
    return this.keys.rows;
  }

  /** Bytes held. */
  get byteLength(): number {
    let bytes = this.keys.byteLength;
    for (const column of Object.values(this.columns) as Column[]) bytes += column.byteLength;
    return bytes;
  }

  has(row: number): boolean {
    return this.keys.has(row);
  }

  find(key: Uint32Array, offset: number): number {
    return this.keys.find(key, offset);
  }

  /** As {@link KeyTable.upsert}; `keys.added` tells whether the row is new. */
  upsert(key: Uint32Array, offset: number): number {
    const row = this.keys.upsert(key, offset);
    if (row === NO_ROW || !this.keys.added) return row;
    if (this.keys.capacity > this.#capacity) this.#grow();
    for (let i = 0; i < this.#all.length; i++) {
      const width = this.#widths[i]!;
      if (width === 1) this.#all[i]![row] = 0;
      else this.#all[i]!.fill(0, row * width, (row + 1) * width);
    }
    return row;
  }

  delete(row: number): void {
    this.keys.delete(row);
  }

  snapshot(): Uint8Array {
    const packed: Record<string, Column> = { '': this.keys.snapshot() };
    for (const [name, { width }] of Object.entries(this.#shape))
      packed[name] = (this.columns as Record<string, Column>)[name]!.subarray(0, this.rows * width);
    return packSnapshot(packed, null);
  }

  /** Throws a RangeError when the snapshot lacks a column of this table; those of `later`, which came after it, are zeros then. */
  restore(state: Uint8Array, later: readonly (keyof Shape & string)[] = []): void {
    const { columns } = unpackSnapshot(state);
    this.keys.restore(columns.get('') as Uint8Array);
    this.#capacity = this.keys.capacity;
    for (const [name, { Kind, width }] of Object.entries(this.#shape)) {
      const column = columns.get(name) ?? (later.includes(name) ? new Kind(0) : undefined);
      if (!(column instanceof Kind)) throw new RangeError(`cannot restore state: no column ${name}`);
      (this.columns as Record<string, Column>)[name] = grown(column, this.#capacity * width);
    }
    this.#all = Object.values(this.columns);
  }

  #grow(): void {
    this.#capacity = this.keys.capacity;
    const columns = this.columns as Record<string, Column>;
    for (const [name, { width }] of Object.entries(this.#shape))
      columns[name] = grown(columns[name]!, this.#capacity * width);
    this.#all = Object.values(columns);
  }
}
