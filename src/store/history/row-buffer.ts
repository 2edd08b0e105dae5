import { type ColumnSpec, type RowColumn, type RowSet, type TableName, widthOf } from './table-spec.ts';

const ROWS = 8192;

type Flush = (rows: RowSet, transfer: ArrayBuffer[]) => void;

const KINDS = {
  address: Uint32Array,
  u8: Uint8Array,
  label: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  time: Uint32Array,
  code: Uint32Array,
  int: Uint32Array,
  bigint: Uint32Array,
  count: Float64Array,
} as const;

/** Collects small sets of rows until there are enough to hand over. */
export class RowBuffer {
  readonly table: TableName;
  readonly #specs: readonly ColumnSpec[];
  #columns: Map<string, RowColumn>;
  #length = 0;

  constructor(table: TableName, specs: readonly ColumnSpec[]) {
    this.table = table;
    this.#specs = specs;
    this.#columns = this.#fresh();
  }

  #fresh(): Map<string, RowColumn> {
    return new Map(this.#specs.map((spec) => [spec.from, new KINDS[spec.source](ROWS * widthOf(spec))]));
  }

  /** Copies `length` rows of `source`, an object of typed arrays; hands over whatever is full. */
  append(source: object, length: number, flush: Flush): void {
    const named = source as Readonly<Record<string, RowColumn>>;
    for (let from = 0; from < length; ) {
      const count = Math.min(ROWS - this.#length, length - from);
      for (const spec of this.#specs) {
        const width = widthOf(spec);
        const rows = named[spec.from]!.subarray(from * width, (from + count) * width);
        this.#columns.get(spec.from)!.set(rows, this.#length * width);
      }
      this.#length += count;
      from += count;
      if (this.#length === ROWS) this.flush(flush);
    }
  }

  flush(flush: Flush): void {
    if (this.#length === 0) return;
    const columns = this.#columns;
    const length = this.#length;
    this.#columns = this.#fresh();
    this.#length = 0;
    flush(
      { length, columns },
      [...columns.values()].map((column) => column.buffer as ArrayBuffer),
    );
  }
}
