import { NO_ROW } from '../../src/columns/key-table.ts';
import { StateTable, u8, u32 } from '../../src/columns/state-table.ts';

/** Subject (4 words) and two hashes of rule, zones and direction. */
export const PATH_WORDS = 6;
/** Most ports of a path that can be told apart: the limit of the configuration. */
const MOST_PORTS = 16;

const SHAPE = {
  /** Ports told apart: protocol << 16 | port. */
  told: u32(MOST_PORTS),
  toldCount: u8(),
  last: u32(),
};

/** What is remembered of violating paths: 120 bytes each. */
export class Paths {
  readonly table: StateTable<typeof SHAPE>;

  constructor(limit: number) {
    this.table = new StateTable(PATH_WORDS, limit, SHAPE);
  }

  get overflow(): number {
    return this.table.keys.overflow;
  }

  /** The row of a path, made when it is new; NO_ROW, counted, when there is no place. */
  find(key: Uint32Array, seen: number): number {
    const row = this.table.upsert(key, 0);
    if (row !== NO_ROW && seen > this.table.columns.last[row]!) this.table.columns.last[row] = seen;
    return row;
  }

  toldPorts(row: number): Set<number> {
    const at = row * MOST_PORTS;
    return new Set(this.table.columns.told.subarray(at, at + this.table.columns.toldCount[row]!));
  }

  tell(row: number, port: number): void {
    const { told, toldCount } = this.table.columns;
    told[row * MOST_PORTS + toldCount[row]!] = port;
    toldCount[row] = toldCount[row]! + 1;
  }

  /** Drops the paths last seen before `time`. */
  forget(time: number): void {
    for (let row = 0; row < this.table.rows; row++)
      if (this.table.has(row) && this.table.columns.last[row]! < time) this.table.delete(row);
  }
}
