import { f64, StateTable, u16, u32 } from '../../src/columns/state-table.ts';
import type { SlowConfig } from './config.ts';

/** Periods remembered: four weeks of days. */
const PERIODS = 28;
/** The weekly pattern, in periods. */
const WEEK = 7;
const SCALE = 1000;
/** Bytes below which uploads are alike: y = ln(1 + bytes / 1 MB). */
const UNIT = 1_000_000;
/** Least spread (natural log): a third up or down from day to day is usual. */
const LEAST_SPREAD = 0.35;
const MAD_FACTOR = 1.4826;
/** One period counts for at most this many deviations, so that a single large one is no drift: that is a spike, and told as one. */
const MOST = 2.5;

/** What a period means for a host. */
export interface Drift {
  /** Sum of deviations with this period. */
  readonly sum: number;
  /** Deviations of this period. */
  readonly z: number;
  /** Bytes that were to be expected. */
  readonly expected: number;
  readonly spread: number;
  /** Periods in a row that add to the sum, with this one. */
  readonly periods: number;
}

/**
 * CUSUM (Page 1954) of what hosts upload in a period, on a log scale, against the median of the last week or the same day a week before,
 * whichever is more: what happens every week is no drift.
 */
export class DriftTable {
  readonly table: ReturnType<typeof driftTable>;
  readonly #config: SlowConfig;
  readonly #past: number[] = [];

  constructor(config: SlowConfig) {
    this.#config = config;
    this.table = driftTable(config.maxUploaders);
  }

  /** The period at hand, with `bytes` uploaded so far, of a host watched since period `since`. Undefined: watched for too short. */
  judge(row: number, period: number, since: number, bytes: number): Drift | undefined {
    const age = period - since;
    if (age < this.#config.learnPeriods) return undefined;
    const { columns } = this.table;
    const past = this.#read(row, period, Math.min(age, PERIODS));
    const recent = median(past.slice(0, WEEK));
    const expected = Math.max(recent, past[WEEK - 1] ?? 0);
    const middle = median(past);
    const spread = Math.max(
      LEAST_SPREAD * SCALE,
      MAD_FACTOR * median(past.map((value) => Math.abs(value - middle))),
    );
    const z = Math.max(-MOST, Math.min(MOST, (toLog(bytes) - expected) / spread));
    const sum = Math.max(0, columns.sum[row]! + z - this.#config.slack);
    const periods = sum === 0 ? 0 : columns.rising[row]! + 1;
    return { sum, z, expected: fromLog(expected), spread: spread / SCALE, periods };
  }

  /** Learns a period that is over. */
  learn(row: number, period: number, drift: Drift | undefined, bytes: number): void {
    const { columns } = this.table;
    columns.sum[row] = Math.min(drift?.sum ?? 0, 2 * this.#config.limit);
    columns.rising[row] = drift?.periods ?? 0;
    columns.past[row * PERIODS + (period % PERIODS)] = Math.round(toLog(bytes));
    columns.bytes[row] = 0;
  }

  /** Whether the host uploaded nothing in all the periods remembered. */
  isOver(row: number): boolean {
    const { past } = this.table.columns;
    for (let at = row * PERIODS; at < (row + 1) * PERIODS; at++) if (past[at] !== 0) return false;
    return true;
  }

  /** The last `count` periods before `period`, newest first. */
  #read(row: number, period: number, count: number): number[] {
    this.#past.length = 0;
    for (let back = 1; back <= count; back++)
      this.#past.push(this.table.columns.past[row * PERIODS + ((period - back + PERIODS) % PERIODS)]!);
    return this.#past;
  }
}

function toLog(bytes: number): number {
  return Math.min(65_535, SCALE * Math.log1p(bytes / UNIT));
}

function fromLog(log: number): number {
  return UNIT * Math.expm1(log / SCALE);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * `bytes`: of the period at hand; `sum`, `rising`: the CUSUM up to the last period, and how many periods it has risen; `past`: logs of the last
 * periods; `first`, `last`: unix seconds of the uploads of this rise; `told`: period in which it was told last, and with how many bytes.
 */
function driftTable(limit: number) {
  return new StateTable(4, limit, {
    bytes: f64(),
    sessions: u32(),
    sum: f64(),
    rising: u16(),
    past: u16(PERIODS),
    first: u32(),
    last: u32(),
    told: u32(),
    toldBytes: f64(),
  });
}
