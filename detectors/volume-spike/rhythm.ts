import { f64, StateTable, u8, u16, u32 } from '../../src/columns/state-table.ts';

/** Hours kept: three weeks. */
const HOURS = 21 * 24;
const WEEK = 7 * 24;
const HOUR = 3600;
const SCALE = 1000;
/** An hour in which the whole network had no traffic: the logs were missing, not the traffic. */
const MISSING = 0xffff;
/** Least spread of hours (natural log). */
const LEAST_SPREAD = 0.1;
/** Share of an hour's deviation that the spread takes in: a memory of about a week. */
const LEARNING = 1 / 168;
/** Mean absolute deviation to standard deviation of a normal distribution. */
const MEAN_FACTOR = 1.2533;
/** Hours, from the first on, before the same hour of earlier days says something, and of earlier weeks. */
const DAYS_HISTORY = 5 * 24;
const WEEKS_HISTORY = 15 * 24;
const GONE_HOURS = 48;
/** An hour that deviates teaches at most a factor e. */
const SLOW_LEARNING = 1 * SCALE;

/** What the same hours of the past say. Logarithms in thousandths. */
export interface HourVerdict {
  /** Deviations outside the range of those hours; 0 within it. */
  readonly z: number;
  readonly log: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly spread: number;
  /** Hours compared, and of what. */
  readonly hours: number;
  readonly by: 'day' | 'week';
}

/** Traffic of each hour of the last three weeks, for subjects whose traffic has a rhythm. */
export class Rhythm {
  readonly table: ReturnType<typeof rhythmTable>;
  readonly #past: number[] = [];

  constructor(limit: number) {
    this.table = rhythmTable(limit);
  }

  /** Row of the subject, made with room; negative without. */
  rowOf(key: Uint32Array, at: number, hour: number): number {
    const row = this.table.upsert(key, at);
    if (row >= 0 && this.table.keys.added) {
      this.table.columns.first[row] = hour;
      this.table.columns.last[row] = hour - 1;
    }
    return row;
  }

  /** Compares an hour with the same hours before, then learns it. Undefined while there is too little history or no rhythm. */
  judge(
    row: number,
    hour: number,
    log: number,
    config: { rhythmZ: number; rhythmSpread: number },
  ): HourVerdict | undefined {
    const { columns } = this.table;
    this.#fill(row, hour, 0);
    const verdict = this.#compare(row, hour, log);
    const spread = columns.spread[row]!;
    const known = columns.judged[row]! >= 24 && spread / SCALE <= config.rhythmSpread;
    const deviates = verdict !== undefined && known && Math.abs(verdict.z) >= config.rhythmZ;
    let learnt = log;
    if (verdict !== undefined) {
      const distance = Math.abs(log - verdict.median);
      // Clipped, so that an anomaly does not make its successors look normal.
      const clipped = columns.judged[row]! < 24 ? distance : Math.min(distance, 3 * spread + 300);
      const weight = Math.max(LEARNING, 1 / (columns.judged[row]! + 1));
      columns.spread[row] = spread + weight * (MEAN_FACTOR * clipped - spread);
      columns.judged[row] = Math.min(columns.judged[row]! + 1, 0xffff);
      if (deviates && log > 0) {
        const { median } = verdict;
        learnt = Math.min(Math.max(log, median - SLOW_LEARNING), median + SLOW_LEARNING);
      }
    }
    columns.hours[row * HOURS + (hour % HOURS)] = Math.round(Math.min(learnt, MISSING - 1));
    columns.last[row] = hour;
    columns.up[row] = ((columns.up[row]! << 1) | (deviates && verdict.z > 0 ? 1 : 0)) & 63;
    columns.down[row] = ((columns.down[row]! << 1) | (deviates && verdict.z < 0 ? 1 : 0)) & 63;
    return deviates ? verdict : undefined;
  }

  /** Hours of the last six that deviated the same way. */
  lasting(row: number, up: boolean): number {
    const { columns } = this.table;
    let count = 0;
    for (let bits = up ? columns.up[row]! : columns.down[row]!; bits !== 0; bits &= bits - 1) count++;
    return count;
  }

  /** Forgets a subject that was silent for two days: it is gone, which was told when it stopped. */
  dropSilent(row: number, hour: number): boolean {
    const { hours } = this.table.columns;
    for (let back = 0; back < GONE_HOURS; back++) {
      const value = hours[row * HOURS + ((hour - back) % HOURS)]!;
      if (value !== 0 && value !== MISSING) return false;
    }
    this.table.delete(row);
    return true;
  }

  /** Notes that the hours from `from` to `to` (exclusive) were missing for everybody. */
  noteMissing(from: number, to: number): void {
    for (let row = 0; row < this.table.rows; row++) {
      if (!this.table.has(row)) continue;
      this.#fill(row, from, 0);
      this.#fill(row, to, MISSING);
    }
  }

  #compare(row: number, hour: number, log: number): HourVerdict | undefined {
    const { columns } = this.table;
    const age = hour - columns.first[row]!;
    if (age < DAYS_HISTORY) return undefined;
    const by = age >= WEEKS_HISTORY ? 'week' : 'day';
    const step = by === 'week' ? WEEK : 24;
    const past = this.#past;
    past.length = 0;
    for (let back = step; back <= Math.min(age, by === 'week' ? HOURS - 1 : WEEK); back += step) {
      const value = columns.hours[row * HOURS + ((hour - back) % HOURS)]!;
      if (value !== MISSING) past.push(value);
    }
    // Three weeks exactly is the slot about to be written: still the oldest value.
    if (by === 'week' && age >= HOURS) {
      const value = columns.hours[row * HOURS + (hour % HOURS)]!;
      if (value !== MISSING) past.push(value);
    }
    if (past.length < (by === 'week' ? 2 : 4)) return undefined;
    past.sort((a, b) => a - b);
    const half = past.length >> 1;
    const median = past.length % 2 === 1 ? past[half]! : (past[half - 1]! + past[half]!) / 2;
    const low = past[0]!;
    const high = past.at(-1)!;
    const spread = Math.max(columns.spread[row]!, LEAST_SPREAD * SCALE);
    const outside = log > high ? log - high : log < low ? log - low : 0;
    return { z: outside / spread, log, median, low, high, spread, hours: past.length, by };
  }

  /** Writes `value` for the hours after the last one known, up to `hour` (exclusive). */
  #fill(row: number, hour: number, value: number): void {
    const { columns } = this.table;
    const from = Math.max(columns.last[row]! + 1, hour - HOURS);
    for (let gap = from; gap < hour; gap++) columns.hours[row * HOURS + (gap % HOURS)] = value;
    if (hour - 1 > columns.last[row]!) columns.last[row] = hour - 1;
  }
}

/** Number of the hour since 1970. */
export function hourOf(time: number): number {
  return Math.floor(time / HOUR);
}

/**
 * `first`, `last`: hours known; `hours`: their logs; `spread`: usual distance from the same hours before; `judged`: hours behind the spread;
 * `up`, `down`: the last six hours, a bit each.
 */
function rhythmTable(limit: number) {
  return new StateTable(4, limit, {
    first: u32(),
    last: u32(),
    hours: u16(HOURS),
    spread: f64(),
    judged: u16(),
    up: u8(),
    down: u8(),
    toldAt: u32(),
    toldFirst: u32(),
    toldLog: u16(),
    toldSeverity: u8(),
  });
}
