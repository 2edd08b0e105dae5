import type { InterfaceBatch } from '../../src/columns/interface-batch.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { f64, StateTable, u8, u32 } from '../../src/columns/state-table.ts';
import type { TelemetryConfig } from './config.ts';

const DAY = 86_400;
const HOUR = 3600;
/** Days that interfaces of an account that fell silent as a whole are still expected. */
const OUTAGE_DAYS = 7;

/** What is made of an interface. Those from `silent` on have no records. */
export const STATE = {
  speaks: 0,
  /** Silent, and not decided yet. */
  silent: 1,
  /** Silent, and nothing to tell: it was deleted by all one can see. */
  gone: 2,
  /** Told as one that may have been deleted. */
  told: 3,
  /** Told as one that others still see. */
  proven: 4,
  /** Told with the rest of its account. */
  outage: 5,
} as const;

const SHAPE = {
  account: u32(),
  /** Ends of the first and of the last step with records, Unix seconds. */
  first: u32(),
  last: u32(),
  /** Longest gap between steps with records, this day and on earlier ones, seconds. */
  gap: u32(),
  gapBefore: u32(),
  day: u32(),
  state: u8(),
  /** When it was told last, Unix seconds. */
  toldAt: u32(),
  /** Of the running quarter of an hour: records with data, those with SKIPDATA, fields that some record had. */
  data: u32(),
  skip: u32(),
  seen: u32(),
  /** Fields of this day and of the one before. */
  fields: u32(),
  fieldsBefore: u32(),
  /** Its own address of either family: how much is known of it, and both candidates (see addresses.ts). */
  own: u8(2),
  candidates: u32(16),
  /** When others last logged packets from its address; since it is silent: when first, and how many. */
  witnessed: u32(),
  witnessedFrom: u32(),
  packets: f64(),
};

/** Every interface that was heard, and when it should be heard again. */
export class Interfaces {
  readonly table: StateTable<typeof SHAPE>;
  readonly #config: TelemetryConfig;
  readonly #precedes: (a: number, b: number) => boolean;
  readonly #key = new Uint32Array(1);

  /** `precedes`: an order of dictionary codes that does not depend on arrival. */
  constructor(config: TelemetryConfig, precedes: (a: number, b: number) => boolean) {
    this.#config = config;
    this.#precedes = precedes;
    this.table = new StateTable(1, config.maxInterfaces, SHAPE);
  }

  /** Row of an interface, {@link NO_ROW} when it is not followed. */
  find(interfaceId: number): number {
    this.#key[0] = interfaceId;
    return this.table.find(this.#key, 0);
  }

  /** Dictionary code of a row. */
  codeOf(row: number): number {
    return this.table.keys.keys[row]!;
  }

  /** An order of rows that depends on names alone. */
  precedes(a: number, b: number): boolean {
    return this.#precedes(this.codeOf(a), this.codeOf(b));
  }

  /** Whether an interface that is expected has records. */
  anySpeaks(): boolean {
    const { state } = this.table.columns;
    for (let row = 0; row < this.table.rows; row++)
      if (this.table.has(row) && state[row] === STATE.speaks && this.hasLearnt(row)) return true;
    return false;
  }

  /** Takes the interfaces that spoke in the step that ended at `end`. */
  hear(batch: InterfaceBatch, end: number): void {
    for (const i of this.#inOrder(batch)) {
      this.#key[0] = batch.interfaceId[i]!;
      if (this.#key[0] === 0) continue;
      const row = this.table.upsert(this.#key, 0);
      if (row === NO_ROW) continue;
      const c = this.table.columns;
      if (this.table.keys.added) {
        c.first[row] = end;
        c.last[row] = end;
        c.day[row] = Math.floor(end / DAY);
      }
      c.account[row] = batch.accountId[i]!;
      this.#learnGap(row, end);
      c.last[row] = end;
      c.state[row] = STATE.speaks;
      c.packets[row] = 0;
      const blank = batch.noData[i]! + batch.skipData[i]!;
      c.data[row] = c.data[row]! + batch.records[i]! - blank;
      c.skip[row] = c.skip[row]! + batch.skipData[i]!;
      c.seen[row] = c.seen[row]! | batch.present[i]!;
    }
  }

  /** A day stretches the gap one gets used to no further than the days before let it go unnoticed. */
  #learnGap(row: number, end: number): void {
    const c = this.table.columns;
    const day = Math.floor(end / DAY);
    if (day !== c.day[row]) {
      c.gapBefore[row] = c.gap[row]!;
      c.gap[row] = 0;
      c.fieldsBefore[row] = c.fields[row]!;
      c.fields[row] = 0;
      c.day[row] = day;
    }
    if (c.state[row] === STATE.outage) return;
    const most = this.hasLearnt(row) ? this.#patienceWith(c.gapBefore[row]! || c.gap[row]!) : DAY;
    c.gap[row] = Math.max(c.gap[row]!, Math.min(end - c.last[row]!, most));
  }

  /** Rows in an order of their own when some will find no place, else as they come. */
  #inOrder(batch: InterfaceBatch): number[] {
    const rows = Array.from({ length: batch.length }, (_, i) => i);
    if (this.table.size + batch.length <= this.#config.maxInterfaces) return rows;
    const { interfaceId } = batch;
    return rows.sort((a, b) => (this.#precedes(interfaceId[a]!, interfaceId[b]!) ? -1 : 1));
  }

  /** Whether it was heard for long enough to be expected. */
  hasLearnt(row: number): boolean {
    const { first, last } = this.table.columns;
    return last[row]! - first[row]! >= this.#config.learnHours * HOUR;
  }

  /** Seconds without records after which the interface is silent. */
  patience(row: number): number {
    return this.#patienceWith(this.usualGap(row));
  }

  /** Longest gap of late, seconds. */
  usualGap(row: number): number {
    const { gap, gapBefore } = this.table.columns;
    return Math.max(gap[row]!, gapBefore[row]!);
  }

  #patienceWith(gap: number): number {
    return Math.max(this.#config.silenceMinutes * 60, this.#config.gaps * gap);
  }

  /** Forgets what was silent for long, and notices what falls silent with the step that ends at `end`: all rows without records. */
  silentAt(end: number, onForget: (row: number) => void): number[] {
    const { columns: c } = this.table;
    const silent: number[] = [];
    for (let row = 0; row < this.table.rows; row++) {
      if (!this.table.has(row)) continue;
      const silence = end - c.last[row]!;
      if (silence >= this.#keptFor(row, end)) {
        onForget(row);
        this.table.delete(row);
        continue;
      }
      if (c.state[row] === STATE.speaks && silence > this.patience(row) && this.hasLearnt(row)) {
        c.state[row] = STATE.silent;
        c.packets[row] = 0;
        c.witnessedFrom[row] = 0;
      }
      if (c.state[row] !== STATE.speaks) silent.push(row);
    }
    return silent;
  }

  #keptFor(row: number, end: number): number {
    const { state, witnessed } = this.table.columns;
    if (state[row] === STATE.outage) return OUTAGE_DAYS * DAY;
    const kept = this.#config.forgetHours * HOUR;
    const isAlive = state[row] === STATE.proven && end - witnessed[row]! < kept;
    return isAlive ? Number.POSITIVE_INFINITY : kept;
  }
}
