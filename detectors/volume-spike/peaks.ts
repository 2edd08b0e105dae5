import { type Column, packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { StateTable, u8, u16, u32 } from '../../src/columns/state-table.ts';

/** What is compared with its history: each in windows of one size. */
export const MEASURES = [
  { name: 'bytes out', unit: 'bytes', size: 300 },
  { name: 'bytes in', unit: 'bytes', size: 300 },
  { name: 'packets', unit: 'packets', size: 300 },
  { name: 'sessions', unit: 'sessions', size: 300 },
  { name: 'bytes out', unit: 'bytes', size: 3600 },
  { name: 'bytes in', unit: 'bytes', size: 3600 },
] as const;
export const MEASURE = { out: 0, in: 1, packets: 2, sessions: 3, hourOut: 4, hourIn: 5 } as const;
const COUNT = MEASURES.length;

/** What every window touches, a cache line a row: word offsets in the `hot` column. `today` and `top` have a word a measure. */
const HOT_WORDS = 16;
const HOT = { since: 0, day: 1, alerted: 2, fetched: 3, today: 4, top: 4 + COUNT } as const;

/** Days of peaks kept: four weeks, so that weekly jobs are known. */
export const PEAK_DAYS = 28;
const DAY = 86_400;
const BULK_DAYS = 14;
/** Logarithms are kept in thousandths: 0.1 % is finer than any spread. */
const SCALE = 1000;
/** Least spread of daily peaks (natural log): below it every ripple of a quiet subject would count. */
const LEAST_SPREAD = 0.2;
/** MAD to standard deviation of a normal distribution. */
const MAD_FACTOR = 1.4826;
/** What an alerting day teaches at most: 40 % more than the highest peak, so that an attacker cannot move the baseline in one day. */
const SLOW_LEARNING = Math.round(Math.log(1.4) * SCALE);

/** log1p in thousandths, as stored. */
export function toLog(value: number): number {
  return value === 0 ? 0 : Math.round(Math.log1p(value) * SCALE);
}

export function fromLog(log: number): number {
  return Math.expm1(log / SCALE);
}

/** What the last four weeks say of one measure. Logarithms in thousandths. */
export interface PeakBaseline {
  readonly median: number;
  readonly spread: number;
  readonly highest: number;
  /** Days with traffic behind it. */
  readonly days: number;
  /** Where the subject is too young for days of its own: the others of its role, a peak each. */
  readonly alike?: { readonly role: string; readonly subjects: number };
}

/** The highest window of each day and measure, for subjects or pairs. */
export class Peaks {
  readonly table: ReturnType<typeof peakTable>;
  pruned = 0;
  readonly #values: number[] = [];

  constructor(words: number, limit: number) {
    this.table = peakTable(words, limit);
  }

  get overflow(): number {
    return this.table.keys.overflow + this.pruned;
  }

  /** Start of the row's first window. */
  since(row: number): number {
    return this.table.columns.hot[row * HOT_WORDS + HOT.since]!;
  }

  /** Whether it is watched for less than `learnDays`. */
  isYoung(row: number, time: number, learnDays: number): boolean {
    return time - this.since(row) < learnDays * DAY;
  }

  /** Notes that the open day has a finding: it is learnt slowly. */
  setAlerted(row: number): void {
    this.table.columns.hot[row * HOT_WORDS + HOT.alerted] = 1;
  }

  /** Whether the peer of a pair opened its last sessions. */
  isFetched(row: number): boolean {
    return this.table.columns.hot[row * HOT_WORDS + HOT.fetched] === 1;
  }

  setFetched(row: number, fetched: boolean): void {
    this.table.columns.hot[row * HOT_WORDS + HOT.fetched] = fetched ? 1 : 0;
  }

  /** Highest window so far, the open day's included, as stored. */
  highest(row: number, measure: number): number {
    const { hot } = this.table.columns;
    const at = row * HOT_WORDS + measure;
    return Math.max(hot[at + HOT.top]!, hot[at + HOT.today]!);
  }

  /** Highest window of the days before the one that holds `time`, as stored. */
  highestBefore(row: number, measure: number, time: number): number {
    const { hot } = this.table.columns;
    const isOver = hot[row * HOT_WORDS + HOT.day]! < Math.floor(time / DAY);
    return isOver ? this.highest(row, measure) : hot[row * HOT_WORDS + HOT.top + measure]!;
  }

  /** Brings a row to `day`: the day that was open becomes history, days without traffic are zeros. */
  turn(row: number, time: number): void {
    const { hot, peaks } = this.table.columns;
    const base = row * HOT_WORDS;
    const day = Math.floor(time / DAY);
    if (hot[base + HOT.since] === 0) {
      hot[base + HOT.since] = time;
      hot[base + HOT.day] = day;
      return;
    }
    const open = hot[base + HOT.day]!;
    if (open >= day) return;
    const alerted = hot[base + HOT.alerted] === 1;
    for (let measure = 0; measure < COUNT; measure++) {
      const today = hot[base + HOT.today + measure]!;
      const top = hot[base + HOT.top + measure]!;
      const at = (row * COUNT + measure) * PEAK_DAYS;
      peaks[at + (open % PEAK_DAYS)] = alerted && top > 0 ? Math.min(today, top + SLOW_LEARNING) : today;
      for (let gap = open + 1; gap < day && gap <= open + PEAK_DAYS; gap++) peaks[at + (gap % PEAK_DAYS)] = 0;
      // The slot of the new day holds what is four weeks old.
      peaks[at + (day % PEAK_DAYS)] = 0;
      let highest = 0;
      for (let i = at; i < at + PEAK_DAYS; i++) highest = Math.max(highest, peaks[i]!);
      hot[base + HOT.top + measure] = highest;
      hot[base + HOT.today + measure] = 0;
    }
    hot[base + HOT.day] = day;
    hot[base + HOT.alerted] = 0;
  }

  /** Notes a window's value; true when it is above every peak by enough to deserve a closer look. */
  note(row: number, measure: number, log: number, leastAbove: number): boolean {
    const { hot } = this.table.columns;
    const at = row * HOT_WORDS + measure;
    if (log > hot[at + HOT.today]!) hot[at + HOT.today] = log;
    return log >= hot[at + HOT.top]! + leastAbove;
  }

  /** Undefined when there is too little history: fewer than `least` days, or days with traffic. */
  baseline(row: number, measure: number, time: number, learnDays: number): PeakBaseline | undefined {
    const { hot, peaks } = this.table.columns;
    if (this.isYoung(row, time, learnDays)) return undefined;
    // No day has ended yet, or none had traffic.
    if (hot[row * HOT_WORDS + HOT.top + measure] === 0) return undefined;
    const values = this.#values;
    values.length = 0;
    const at = (row * COUNT + measure) * PEAK_DAYS;
    for (let i = at; i < at + PEAK_DAYS; i++) if (peaks[i]! > 0) values.push(peaks[i]!);
    if (values.length === 0 || values.length < Math.floor(learnDays)) return undefined;
    return { ...spreadOf(values), days: values.length };
  }

  /** Counts an address that got bulk from the subject for the first time; how many in two weeks that makes. */
  countBulk(row: number, time: number): number {
    const { bulkCount, bulkDay } = this.table.columns;
    const day = Math.floor(time / DAY);
    if (day - bulkDay[row]! > BULK_DAYS) bulkCount[row] = 0;
    bulkDay[row] = day;
    bulkCount[row] = Math.min(bulkCount[row]! + 1, 255);
    return bulkCount[row]!;
  }

  /** Makes room when the table is nearly full: drops what was idle for four weeks, then the keys with the lowest peaks, whole levels at once. */
  prune(time: number): void {
    const { table } = this;
    const { limit } = table.keys;
    if (table.size < limit - limit / 16) return;
    const oldest = Math.floor(time / DAY) - PEAK_DAYS;
    for (let row = 0; row < table.rows; row++)
      if (table.has(row) && table.columns.hot[row * HOT_WORDS + HOT.day]! < oldest) table.delete(row);
    for (let level = 8 * SCALE; table.size > (limit * 3) / 4 && level < 40 * SCALE; level += SCALE / 2) {
      for (let row = 0; row < table.rows; row++) {
        if (!table.has(row) || this.#height(row) > level) continue;
        table.delete(row);
        this.pruned++;
      }
    }
  }

  #height(row: number): number {
    let height = 0;
    for (let measure = 0; measure < COUNT; measure++) height = Math.max(height, this.highest(row, measure));
    return height;
  }

  /** Folders of before `hot` have its parts as columns of their own. */
  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    const since = columns.get('since');
    if (since === undefined) {
      this.table.restore(state);
      return;
    }
    const hot = new Uint32Array(since.length * HOT_WORDS);
    for (const [name, at] of Object.entries(HOT)) {
      const column = columns.get(name)!;
      const width = column.length / since.length;
      for (let i = 0; i < column.length; i++)
        hot[Math.floor(i / width) * HOT_WORDS + at + (i % width)] = column[i]!;
    }
    this.table.restore(packSnapshot({ ...Object.fromEntries<Column>(columns), hot }, null));
  }
}

/** Median, spread and maximum of at least one peak, as stored. Changes `peaks`. */
export function spreadOf(peaks: number[]): Pick<PeakBaseline, 'median' | 'spread' | 'highest'> {
  const median = medianOf(peaks);
  const highest = peaks.at(-1)!;
  for (let i = 0; i < peaks.length; i++) peaks[i] = Math.abs(peaks[i]! - median);
  return { median, spread: Math.max(MAD_FACTOR * medianOf(peaks), LEAST_SPREAD * SCALE), highest };
}

/** Sorts `values`. */
function medianOf(values: number[]): number {
  values.sort((a, b) => a - b);
  const half = values.length >> 1;
  return values.length % 2 === 1 ? values[half]! : (values[half - 1]! + values[half]!) / 2;
}

/**
 * `hot`: start of the first window, the day that is open and whether it has a finding, whether the peer opened a pair's last sessions, the
 * highest window of the open day and of the days before; `peaks`: of each day; `told*`: the last finding; `bulk*`: new addresses that
 * got bulk from the subject.
 */
function peakTable(words: number, limit: number) {
  return new StateTable(words, limit, {
    hot: u32(HOT_WORDS),
    peaks: u16(COUNT * PEAK_DAYS),
    toldAt: u32(),
    toldFirst: u32(),
    toldLog: u16(),
    toldSeverity: u8(),
    bulkCount: u8(),
    bulkDay: u32(),
  });
}
