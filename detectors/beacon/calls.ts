import { AgingCounts } from '../../src/columns/aging-counts.ts';
import { hashNumber, hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { f64, StateTable, u8, u16, u32 } from '../../src/columns/state-table.ts';
import { compareRows } from '../evidence.ts';
import { putPair } from '../sessions.ts';

export const HOUR = 3600;
/** Hours that are kept of a pair, the current one included. */
export const HOURS = 24;
/** Intervals and sizes kept of each hour, the first ones: the median of a day needs no more. */
const SAMPLES = 6;
/** Calls in one or two days before a pair is followed: fewer are nobody's rhythm. RITA's least number of connections. */
const GATE_CALLS = 4;
/** Counters of the gate: with 50,000 new pairs a day errors are rare, and an error only costs a place. */
const GATE_SIZE = 1 << 19;
/** Source, destination, server port with protocol. */
export const KEY_WORDS = 9;
const SECOND_SEED = 0x51ed270b;
/** Sizes are kept as 2,048 steps a doubling: 0.03 % each. */
const SIZE_STEPS = 2048;
/** Share of a record's time in which another one begins in the same capture window: windows overlap by seconds. */
const WINDOW_SHARE = 0.8;
const MOST_PORTS = 255;
const MOST_CALLS = 65_535;
const MOST_SECONDS = 65_535;

/** Stands in `shown` for a pair that called more than once in the step. */
const SEVERAL = 0xffffffff;

interface Call {
  readonly at: number;
  readonly row: number;
}

/**
 * The calls of each pair of subject and peer (and server port) in the last 24 hours: how many in each hour, and samples of their intervals
 * and sizes. Only pairs that call again and again get a place; the others are a count in a sketch.
 */
export class Calls {
  readonly table: ReturnType<typeof callTable>;
  /** Rows of the table called in the step, each once. */
  touched: number[] = [];
  readonly #gate = new AgingCounts(GATE_SIZE);
  readonly #limit: number;
  readonly #key = new Uint32Array(KEY_WORDS);
  /** Rows of the batch that are calls, and hashes of their pairs. */
  #rows: number[] = [];
  #hashes: number[] = [];
  #step = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.table = callTable(limit);
  }

  get overflow(): number {
    return this.table.keys.overflow;
  }

  begin(): void {
    this.#rows.length = 0;
    this.#hashes.length = 0;
    this.touched.length = 0;
    this.#step++;
  }

  /** Notes that row `row` of the step's sessions is a call; nothing is learnt before {@link learn}. */
  note(sessions: SessionBatch, row: number): void {
    const hash = hashWords(this.#keyOf(sessions, row), 0, KEY_WORDS);
    this.#rows.push(row);
    this.#hashes.push(hash);
    this.#gate.add(hash, hashNumber(hash, SECOND_SEED));
  }

  /** Learns what was noted. */
  learn(sessions: SessionBatch): void {
    const fresh: number[] = [];
    const several: Call[] = [];
    for (let i = 0; i < this.#rows.length; i++) {
      const hash = this.#hashes[i]!;
      if (this.#gate.count(hash, hashNumber(hash, SECOND_SEED)) < GATE_CALLS) continue;
      const row = this.#rows[i]!;
      const at = this.table.find(this.#keyOf(sessions, row), 0);
      if (at === NO_ROW) fresh.push(row);
      else this.#touch(at, row, several);
    }
    // Who gets the last places must not depend on who comes first.
    if (fresh.length > this.#limit - this.table.size)
      fresh.sort((a, b) => compareRows(sessions, a, sessions, b));
    for (const row of fresh) {
      const at = this.table.upsert(this.#keyOf(sessions, row), 0);
      if (at !== NO_ROW) this.#touch(at, row, several);
    }
    const { shown } = this.table.columns;
    for (const at of this.touched) if (shown[at] !== SEVERAL) this.#add(at, sessions, shown[at]!);
    several.sort(
      (a, b) =>
        a.at - b.at ||
        sessions.start[a.row]! - sessions.start[b.row]! ||
        compareRows(sessions, a.row, sessions, b.row),
    );
    for (const { at, row } of several) {
      this.#add(at, sessions, row);
      shown[at] = row;
    }
  }

  /** Calls of each hour kept, oldest first, from the first one with calls to the last one that is over. */
  hours(at: number): number[] {
    const { counts, hour } = this.table.columns;
    const bars: number[] = [];
    for (let each = hour[at]! - HOURS + 1; each < hour[at]!; each++) {
      const count = counts[at * HOURS + (each % HOURS)]!;
      if (count > 0 || bars.length > 0) bars.push(count);
    }
    return bars;
  }

  /** Sums over the hours kept, the hour at hand included: calls, moments at which calls began, squares of the calls of each moment. */
  sums(at: number): { readonly calls: number; readonly moments: number; readonly squares: number } {
    const { counts, moments, squares } = this.table.columns;
    const sums = { calls: 0, moments: 0, squares: 0 };
    for (let slot = at * HOURS; slot < (at + 1) * HOURS; slot++) {
      sums.calls += counts[slot]!;
      sums.moments += moments[slot]!;
      sums.squares += squares[slot]!;
    }
    return sums;
  }

  /** Sorted samples: intervals in seconds, or sizes in bytes. */
  samples(at: number, what: 'intervals' | 'sizes'): Float64Array {
    const { used } = this.table.columns;
    const column = this.table.columns[what];
    const values: number[] = [];
    for (let slot = at * HOURS; slot < (at + 1) * HOURS; slot++)
      for (let i = slot * SAMPLES; i < slot * SAMPLES + used[slot]!; i++)
        values.push(what === 'sizes' ? 2 ** (column[i]! / SIZE_STEPS) - 1 : column[i]!);
    return Float64Array.from(values).sort();
  }

  /** Forgets pairs that have not called since `time`. */
  expire(time: number): void {
    const { last } = this.table.columns;
    for (let at = 0; at < this.table.rows; at++)
      if (this.table.has(at) && last[at]! < time) this.table.delete(at);
  }

  /** Begins a new generation of the gate: what is not called again is forgotten with the next. */
  turn(): void {
    this.#gate.turn();
  }

  /** Orders rows of the table by their keys: by what they are, not by when they came. */
  compare(a: number, b: number): number {
    const { keys } = this.table.keys;
    for (let word = 0; word < KEY_WORDS; word++) {
      const difference = keys[a * KEY_WORDS + word]! - keys[b * KEY_WORDS + word]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  snapshot(): Uint8Array {
    return packSnapshot({ table: this.table.snapshot(), gate: this.#gate.snapshot() }, { step: this.#step });
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.table.restore(columns.get('table') as Uint8Array);
    this.#gate.restore(columns.get('gate') as Uint8Array);
    this.#step = (meta as { step: number }).step;
  }

  #keyOf(sessions: SessionBatch, row: number): Uint32Array {
    putPair(sessions, row, sessions.dstPort[row]! | (sessions.protocol[row]! << 16), this.#key);
    return this.#key;
  }

  #touch(at: number, row: number, several: Call[]): void {
    const { shown, step } = this.table.columns;
    if (step[at] !== this.#step) {
      step[at] = this.#step;
      shown[at] = row;
      this.touched.push(at);
      return;
    }
    if (shown[at] !== SEVERAL) several.push({ at, row: shown[at]! });
    shown[at] = SEVERAL;
    several.push({ at, row });
  }

  #add(at: number, sessions: SessionBatch, row: number): void {
    const { columns } = this.table;
    const start = sessions.start[row]!;
    const before = columns.last[at]!;
    // A session seen late may have begun in an hour that was left already.
    const hour = Math.max(Math.floor(start / HOUR), columns.hour[at]!);
    this.#advance(at, hour);
    const slot = at * HOURS + (hour % HOURS);
    columns.counts[slot] = Math.min(MOST_CALLS, columns.counts[slot]! + 1);
    columns.calls[at] = columns.calls[at]! + 1;
    if (before === 0) columns.first[at] = start;
    // Calls of one capture window cannot be put in order: they are one moment.
    if (start > columns.moment[at]! && start >= columns.until[at]!) {
      if (before !== 0) this.#sample(slot, start - columns.moment[at]!, sessions.bytesOut[row]!);
      columns.moments[slot] = columns.moments[slot]! + 1;
      columns.together[at] = 0;
      columns.moment[at] = start;
      columns.until[at] = start + Math.floor(WINDOW_SHARE * (sessions.end[row]! - start));
    }
    // (n + 1)² − n² of the calls of the moment.
    columns.squares[slot] = columns.squares[slot]! + 2 * columns.together[at]! + 1;
    columns.together[at] = columns.together[at]! + 1;
    columns.last[at] = Math.max(start, before);
    columns.end[at] = Math.max(sessions.end[row]!, columns.end[at]!);
    const port = sessions.srcPort[row]!;
    if (before === 0 || columns.port[at] !== port)
      columns.ports[at] = Math.min(MOST_PORTS, columns.ports[at]! + 1);
    columns.port[at] = port;
  }

  #sample(slot: number, seconds: number, bytes: number): void {
    const { columns } = this.table;
    if (columns.used[slot]! === SAMPLES) return;
    const sample = slot * SAMPLES + columns.used[slot]!;
    columns.intervals[sample] = Math.min(MOST_SECONDS, seconds);
    columns.sizes[sample] = Math.round(Math.log2(1 + bytes) * SIZE_STEPS);
    columns.used[slot] = columns.used[slot]! + 1;
  }

  /** Empties the slots of the hours that have come. */
  #advance(at: number, hour: number): void {
    const { columns } = this.table;
    for (let each = Math.max(columns.hour[at]! + 1, hour - HOURS + 1); each <= hour; each++) {
      columns.counts[at * HOURS + (each % HOURS)] = 0;
      columns.used[at * HOURS + (each % HOURS)] = 0;
      columns.moments[at * HOURS + (each % HOURS)] = 0;
      columns.squares[at * HOURS + (each % HOURS)] = 0;
    }
    columns.hour[at] = hour;
  }
}

/**
 * `first`, `last`: when the first and last call began, `end`: latest end; `hour`: hours since 1970 of the newest slot; `counts`,
 * `moments`, `squares`, `used`: calls, moments, squares and samples by hour; `together`,
 * `moment`, `until`: calls of the last moment, its start and end; `intervals`, `sizes`: samples; `port`, `ports`: last source port, how often it changed; `calls`: since the beginning;
 * `judged`: hour in which it was judged last; `told*`: time, severity and calls when it was told last; `step`, `shown`: the step and row seen last.
 */
function callTable(limit: number) {
  return new StateTable(KEY_WORDS, limit, {
    first: u32(),
    last: u32(),
    end: u32(),
    hour: u32(),
    counts: u16(HOURS),
    moments: u16(HOURS),
    squares: f64(HOURS),
    together: u16(),
    moment: u32(),
    until: u32(),
    used: u8(HOURS),
    intervals: u16(HOURS * SAMPLES),
    sizes: u16(HOURS * SAMPLES),
    port: u16(),
    ports: u8(),
    calls: u32(),
    judged: u32(),
    told: u32(),
    toldSeverity: u8(),
    toldCalls: u32(),
    step: u32(),
    shown: u32(),
  });
}
