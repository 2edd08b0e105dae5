import { NO_ROW } from '../../src/columns/key-table.ts';
import { StateTable, u8, u32 } from '../../src/columns/state-table.ts';
import type { TelemetryConfig } from './config.ts';
import { type Interfaces, STATE } from './interfaces.ts';

const HOUR = 3600;

/** An account whose interfaces fell silent together. */
export interface Outage {
  /** Dictionary code. */
  readonly account: number;
  /** Its rows without records, and how many interfaces were expected when it began. */
  readonly rows: readonly number[];
  readonly expected: number;
  /** Of the rows, those whose packets others have logged since. */
  readonly seen: number;
  /** End of the last step with records of any of the rows, Unix seconds. */
  readonly since: number;
}

/** The interfaces of an account by what they are at. */
interface Standing {
  speaking: number;
  /** Fell silent within the last hour or so. */
  readonly fallen: number[];
  readonly out: number[];
}

const SHAPE = {
  /** Interfaces expected when it began. */
  expected: u32(),
  toldAt: u32(),
  /** Whether it was told that others still see some. */
  seen: u8(),
};

/** Tells accounts that fall silent from single interfaces that do. */
export class Outages {
  readonly table: StateTable<typeof SHAPE>;
  readonly #config: TelemetryConfig;
  readonly #interfaces: Interfaces;
  readonly #key = new Uint32Array(1);

  constructor(config: TelemetryConfig, interfaces: Interfaces) {
    this.#config = config;
    this.#interfaces = interfaces;
    // An outage holds at least one interface.
    this.table = new StateTable(1, config.maxInterfaces, SHAPE);
  }

  /** Accounts that are to be told at `end`, in no particular order: new outages, those that others turn out to see, and each hour those that go on. */
  judge(silent: readonly number[], end: number): Outage[] {
    const { state } = this.#interfaces.table.columns;
    if (this.table.size === 0 && !silent.some((row) => state[row] === STATE.silent)) return [];
    const outages: Outage[] = [];
    const standings = this.#standings(silent, end);
    for (let row = 0; row < this.table.rows; row++)
      if (this.table.has(row) && !standings.has(this.table.keys.keys[row]!)) this.table.delete(row);
    for (const [account, standing] of standings) {
      this.#key[0] = account;
      if (this.table.find(this.#key, 0) === NO_ROW) {
        if (!this.#isOut(standing)) continue;
        this.#begin(standing);
      } else if (!this.#goesOn(standing)) continue;
      const row = this.table.find(this.#key, 0);
      const c = this.table.columns;
      const { last, packets } = this.#interfaces.table.columns;
      const seen = standing.out.filter((each) => packets[each]! > 0).length;
      const isSeen = seen > 0 ? 1 : 0;
      if (end - c.toldAt[row]! < HOUR && c.seen[row] === isSeen) continue;
      c.toldAt[row] = end;
      c.seen[row] = isSeen;
      const since = standing.out.reduce((latest, each) => Math.max(latest, last[each]!), 0);
      outages.push({ account, rows: standing.out, expected: c.expected[row]!, seen, since });
    }
    return outages;
  }

  #standings(silent: readonly number[], end: number): Map<number, Standing> {
    const { table } = this.#interfaces;
    const c = table.columns;
    const standings = new Map<number, Standing>();
    const of = (row: number): Standing => {
      const standing = standings.get(c.account[row]!) ?? { speaking: 0, fallen: [], out: [] };
      standings.set(c.account[row]!, standing);
      return standing;
    };
    for (let row = 0; row < table.rows; row++)
      if (table.has(row) && c.state[row] === STATE.speaks && this.#interfaces.hasLearnt(row))
        of(row).speaking++;
    for (const row of silent) {
      if (c.state[row] === STATE.outage) of(row).out.push(row);
      // One that has been silent for longer fell silent on its own.
      else if (end - c.last[row]! <= this.#interfaces.patience(row) + HOUR) of(row).fallen.push(row);
    }
    return standings;
  }

  #isOut({ speaking, fallen }: Standing): boolean {
    const { leastInterfaces, share } = this.#config;
    return fallen.length >= leastInterfaces && fallen.length >= share * (fallen.length + speaking);
  }

  #begin(standing: Standing): void {
    const row = this.table.upsert(this.#key, 0);
    this.table.columns.expected[row] = standing.fallen.length + standing.speaking;
    this.#join(standing);
  }

  #join({ fallen, out }: Standing): void {
    const { state } = this.#interfaces.table.columns;
    for (const row of fallen) state[row] = STATE.outage;
    out.push(...fallen);
  }

  /** Whether an account is still silent: neither did most of its interfaces speak again, nor have as many new ones taken their place. */
  #goesOn(standing: Standing): boolean {
    const row = this.table.find(this.#key, 0);
    this.#join(standing);
    const { out, speaking } = standing;
    const { share } = this.#config;
    const isBack = out.length < share * this.table.columns.expected[row]!;
    if (!isBack && out.length >= share * (out.length + speaking)) return true;
    // What did not come back is judged alone; what was replaced is gone.
    const { state } = this.#interfaces.table.columns;
    for (const each of out) state[each] = isBack ? STATE.silent : STATE.gone;
    this.table.delete(row);
    return false;
  }
}
