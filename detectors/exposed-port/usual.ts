import { DistinctCounts } from '../../src/columns/distinct.ts';
import type { Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { f64, StateTable, u32 } from '../../src/columns/state-table.ts';
import { admit } from '../admission.ts';
import type { ExposedPortConfig } from './config.ts';

/** Seconds of a window, and windows of an hour. */
const WINDOW = 300;
const HOURLY = 12;
/** Sketches of distinct sources over all services. */
const SKETCHES = 4096;
/** Share of the newest window in what is usual: a hundred windows, a working day. Unusual ones move it so slowly that a new level takes two days. */
const WEIGHT = 0.01;
const UNUSUAL_WEIGHT = 0.002;
/** Mean deviation → standard deviation of a normal distribution (√(π/2)), and the least of it in the logarithm. */
const MEAN_TO_STANDARD = 1.2533;
const LEAST_DEVIATION = 0.1;
/** Windows without a probe after which a service is forgotten: a week. */
const FORGET = 7 * 24 * HOURLY;

/** What a service has in the window at hand beside its past. */
export interface Comparison {
  readonly sources: number;
  /** Sources in a window of its past. */
  readonly usual: number;
  readonly windows: number;
  /** Standard deviations of the logarithm above its past. */
  readonly deviations: number;
  readonly isUnusual: boolean;
}

/**
 * How many distinct sources probe a service in five minutes, against its own past: moving mean and mean deviation of log(1 + sources), windows
 * without any included. A key is five words.
 */
export class Usual {
  readonly #config: ExposedPortConfig;
  readonly #table: ReturnType<typeof usualTable>;
  readonly #sources = new DistinctCounts(SKETCHES);
  readonly #key = new Uint32Array(5);
  #window = 0;

  constructor(config: ExposedPortConfig) {
    this.#config = config;
    this.#table = usualTable(config.maxServices);
  }

  get overflow(): number {
    return this.#table.keys.overflow + this.#sources.overflow;
  }

  /** Moves to the step's time; a window that is over becomes past. Call it once a step, before anything else. */
  begin(step: Step): void {
    const window = Math.floor(step.start / WINDOW);
    if (window === this.#window) return;
    const { mean, deviation, windows, seen } = this.#table.columns;
    for (let row = 0; row < this.#table.rows; row++) {
      if (!this.#table.has(row)) continue;
      const sources = this.#sources.count(row);
      if (sources > 0) seen[row] = this.#window;
      else if (this.#window - seen[row]! > FORGET) {
        this.#table.delete(row);
        continue;
      }
      const value = Math.log1p(sources);
      const isUnusual = this.#compare(row).isUnusual;
      // The first hundred windows count alike.
      const share = isUnusual ? UNUSUAL_WEIGHT : Math.max(WEIGHT, 1 / (windows[row]! + 1));
      mean[row] = mean[row]! + share * (value - mean[row]!);
      if (!isUnusual)
        deviation[row] = deviation[row]! + share * (Math.abs(value - mean[row]!) - deviation[row]!);
      windows[row] = windows[row]! + 1;
      this.#sources.clear(row);
    }
    this.#window = window;
  }

  /** Adds `count` probes of the step: the key of each, and the hash of its source. */
  add(count: number, fill: (item: number, key: Uint32Array) => void, source: (item: number) => number): void {
    const places = {
      keys: this.#table.keys,
      upsert: (words: Uint32Array, offset: number) => this.#table.upsert(words, offset),
      weigh: () => Number.POSITIVE_INFINITY,
      drop: () => {},
    };
    admit(places, count, fill);
    for (let item = 0; item < count; item++) {
      fill(item, this.#key);
      const row = this.#table.upsert(this.#key, 0);
      if (row < 0) continue;
      if (this.#table.keys.added) this.#table.columns.seen[row] = this.#window;
      this.#sources.add(row, source(item));
    }
  }

  /** How the window at hand compares; undefined for a service that found no place. */
  compare(key: Uint32Array): Comparison | undefined {
    const row = this.#table.find(key, 0);
    return row < 0 ? undefined : this.#compare(row);
  }

  #compare(row: number): Comparison {
    const { mean, deviation, windows } = this.#table.columns;
    const { learnHours, surgeSources, deviations: least } = this.#config;
    const sources = this.#sources.count(row);
    const spread = Math.max(LEAST_DEVIATION, MEAN_TO_STANDARD * deviation[row]!);
    const deviations = (Math.log1p(sources) - mean[row]!) / spread;
    const hasPast = windows[row]! >= learnHours * HOURLY;
    return {
      sources,
      usual: Math.expm1(mean[row]!),
      windows: windows[row]!,
      deviations,
      isUnusual: hasPast && sources >= surgeSources && deviations >= least,
    };
  }

  snapshot(): Uint8Array {
    return packSnapshot(
      { table: this.#table.snapshot(), sources: this.#sources.snapshot() },
      { window: this.#window },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.#table.restore(columns.get('table') as Uint8Array);
    this.#sources.restore(columns.get('sources') as Uint8Array);
    this.#window = (meta as { window: number }).window;
  }
}

/** `mean`, `deviation`: of log(1 + sources) in the past; `windows`: how many; `seen`: number of the last one with a probe. */
function usualTable(limit: number) {
  return new StateTable(5, limit, { mean: f64(), deviation: f64(), windows: u32(), seen: u32() });
}
