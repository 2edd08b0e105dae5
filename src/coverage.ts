import { NO_ROW } from './columns/key-table.ts';
import type { Step } from './columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from './columns/snapshot.ts';
import { StateTable, u32 } from './columns/state-table.ts';
import type { Coverage, DetectorStanding, Stateful } from './contracts.ts';

/** Seconds of silence after which an interface is no longer expected. */
const EXPECTED_SECONDS = 86_400;
/** Aggregation intervals that flow logs can have, in seconds: records may teach the other one at any time. */
const INTERVALS = { shortest: 60, longest: 600 };
/** Most interfaces followed; further ones are not counted. */
const MAX_INTERFACES = 1 << 17;

const NOTHING = {
  from: 0,
  to: 0,
  /** End of the last step, with records or not. */
  now: 0,
  seen: 0,
  /** Seconds. */
  expected: 0,
  heard: 0,
  records: 0,
  skipData: 0,
  late: 0,
  rejected: 0,
};

/**
 * What the records of a data folder cover since its beginning: an alert that is not there says only as much as this. An interface is
 * expected from when it was first heard until it was silent for a day; its time has records when it is heard again within two aggregation
 * intervals. The minutes are counters: none of them ever goes back, for Prometheus takes that for a start at zero.
 */
export class CoverageBook implements Stateful {
  readonly #interval: () => number;
  readonly #table = new StateTable(1, MAX_INTERFACES, { last: u32() });
  readonly #key = new Uint32Array(1);
  #sums = { ...NOTHING };

  /** `interval`: the aggregation interval in seconds, as far as it is known. */
  constructor(interval: () => number) {
    this.#interval = interval;
  }

  step({ start, end, interfaces }: Step): void {
    const sums = this.#sums;
    sums.now = end;
    if (interfaces.length > 0) {
      if (sums.from === 0) sums.from = start;
      sums.to = start;
    }
    for (let i = 0; i < interfaces.length; i++) {
      sums.skipData += interfaces.skipData[i]!;
      if (interfaces.interfaceId[i] !== 0) this.#hear(interfaces.interfaceId[i]!, end);
    }
    if (end % 3600 === 0) this.#forget();
  }

  #hear(interfaceId: number, end: number): void {
    const sums = this.#sums;
    this.#key[0] = interfaceId;
    const row = this.#table.upsert(this.#key, 0);
    if (row === NO_ROW) return;
    const { last } = this.#table.columns;
    if (this.#table.keys.added) {
      sums.seen++;
      sums.expected += INTERVALS.shortest;
      sums.heard += INTERVALS.shortest;
    } else this.#settle(end - last[row]!);
    last[row] = end;
  }

  /** Counts the seconds from an interface's records to its next ones, or to its end. */
  #settle(seconds: number): void {
    this.#sums.expected += Math.min(seconds, EXPECTED_SECONDS);
    this.#sums.heard += this.#isGap(seconds) ? this.#interval() : seconds;
  }

  #isGap(seconds: number): boolean {
    return seconds > 2 * this.#interval();
  }

  #forget(): void {
    const { last } = this.#table.columns;
    for (let row = 0; row < this.#table.rows; row++) {
      if (!this.#table.has(row)) continue;
      const silence = this.#sums.now - last[row]!;
      if (silence <= EXPECTED_SECONDS) continue;
      this.#settle(silence);
      this.#table.delete(row);
    }
  }

  /** Counts records that were taken, and what of them came late or could not be used. */
  count(taken: { readonly records?: number; readonly late?: number; readonly rejected?: number }): void {
    const { records = 0, late = 0, rejected = 0 } = taken;
    this.#sums.records += records + rejected;
    this.#sums.late += late;
    this.#sums.rejected += rejected;
  }

  /** What holds now. A silence that goes on counts once it is one with any aggregation interval, as the least that will become of it. */
  figures(detectors: (from: number, to: number) => readonly DetectorStanding[]): Coverage {
    const { from, to, now, seen, records, skipData, late, rejected } = this.#sums;
    let { expected, heard } = this.#sums;
    let speaking = 0;
    const { last } = this.#table.columns;
    for (let row = 0; row < this.#table.rows; row++) {
      if (!this.#table.has(row)) continue;
      const silence = now - last[row]!;
      if (!this.#isGap(silence)) speaking++;
      if (silence <= 2 * INTERVALS.longest) continue;
      expected += Math.min(silence, EXPECTED_SECONDS);
      heard += INTERVALS.shortest;
    }
    return {
      from,
      to,
      interfaces: { seen, expected: this.#table.size, speaking },
      minutes: { expected: Math.round(expected / 60), heard: Math.round(heard / 60) },
      records,
      skipData,
      late,
      rejected,
      detectors: detectors(from, now),
    };
  }

  snapshot(): Uint8Array {
    return packSnapshot({ table: this.#table.snapshot() }, this.#sums);
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.#table.restore(columns.get('table') as Uint8Array);
    this.#sums = meta as typeof NOTHING;
  }
}
