import { AgingCounts } from '../../src/columns/aging-counts.ts';
import { grown, hashNumber, hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { compareRows } from '../evidence.ts';
import { PROTOCOL, putPair } from '../sessions.ts';
import { bitOf } from './connections.ts';
import { callTable, FACT, FACTS, HOURS, KEY_WORDS, SAMPLES, SLOT, SLOT_WORDS, slotOf } from './layout.ts';

export const HOUR = 3600;
/** Counters of the gate: with 50,000 new pairs a day errors are rare, and an error only costs a place. */
const GATE_SIZE = 1 << 19;
const SECOND_SEED = 0x51ed270b;
/** Sizes are kept as 2,048 steps a doubling: 0.03 % each. */
const SIZE_STEPS = 2048;
/** Share of a record's time in which another one begins in the same capture window: windows overlap by seconds. */
const WINDOW_SHARE = 0.8;
const MOST_PORTS = 255;
const MOST_CALLS = 65_535;
const MOST_SECONDS = 65_535;
const MOST_SQUARES = 0xffffffff;

/** Stands in `shown` for a pair that called more than once in the step. */
const SEVERAL = 0xffffffff;

interface Call {
  readonly at: number;
  readonly row: number;
}

interface Sums {
  readonly calls: number;
  /** Moments at which calls began, and squares of the calls of each moment. */
  readonly moments: number;
  readonly squares: number;
  /** Calls of the hours that say by which connections, and these: a set of 16 bits, a hash each. */
  readonly placed: number;
  readonly connections: number;
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
  #rows = new Uint32Array(256);
  #hashes = new Uint32Array(256);
  #least = new Uint8Array(256);
  #noted = 0;
  #step = 0;
  readonly #hours = new Uint16Array(HOURS);
  readonly #unsorted = new Uint16Array(HOURS * SAMPLES);
  readonly #samples = {
    intervals: new Float64Array(HOURS * SAMPLES),
    sizes: new Float64Array(HOURS * SAMPLES),
  };

  constructor(limit: number) {
    this.#limit = limit;
    this.table = callTable(limit);
  }

  get overflow(): number {
    return this.table.keys.overflow;
  }

  begin(): void {
    this.#noted = 0;
    this.touched.length = 0;
    this.#step++;
  }

  /** Notes that row `row` of the step's sessions is a call of a pair that is followed from `least` calls in a day on. */
  note(sessions: SessionBatch, row: number, least: number): void {
    const hash = hashWords(this.#keyOf(sessions, row), 0, KEY_WORDS);
    if (this.#noted === this.#rows.length) this.#makeRoom();
    this.#rows[this.#noted] = row;
    this.#hashes[this.#noted] = hash;
    this.#least[this.#noted++] = least;
    this.#gate.add(hash, hashNumber(hash, SECOND_SEED));
  }

  /** Learns what was noted. */
  learn(sessions: SessionBatch): void {
    const fresh: number[] = [];
    const several: Call[] = [];
    for (let i = 0; i < this.#noted; i++) {
      const hash = this.#hashes[i]!;
      if (this.#gate.count(hash, hashNumber(hash, SECOND_SEED)) < this.#least[i]!) continue;
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
    const { facts } = this.table.columns;
    for (const at of this.touched) {
      const row = facts[at * FACTS + FACT.shown]!;
      if (row !== SEVERAL) this.#add(at, sessions, row);
    }
    several.sort(
      (a, b) =>
        a.at - b.at ||
        sessions.start[a.row]! - sessions.start[b.row]! ||
        compareRows(sessions, a.row, sessions, b.row),
    );
    for (const { at, row } of several) {
      this.#add(at, sessions, row);
      facts[at * FACTS + FACT.shown] = row;
    }
  }

  fact(at: number, which: keyof typeof FACT): number {
    return this.table.columns.facts[at * FACTS + FACT[which]]!;
  }

  /** Calls of each hour kept, oldest first, from the first one with calls to the last one that is over; valid until asked again. */
  hours(at: number): Uint16Array {
    const { slots } = this.table.columns;
    const hour = this.fact(at, 'hour');
    let length = 0;
    for (let each = hour - HOURS + 1; each < hour; each++) {
      const count = slots[slotOf(at, each) + SLOT.calls]!;
      if (count > 0 || length > 0) this.#hours[length++] = count;
    }
    return this.#hours.subarray(0, length);
  }

  /** Sums over the hours kept, the hour at hand included. */
  sums(at: number): Sums {
    const { slots } = this.table.columns;
    const sums = { calls: 0, moments: 0, squares: 0, placed: 0, connections: 0 };
    for (let slot = slotOf(at, 0); slot < slotOf(at + 1, 0); slot += SLOT_WORDS) {
      sums.calls += slots[slot + SLOT.calls]!;
      sums.moments += slots[slot + SLOT.moments]!;
      sums.squares += slots[slot + SLOT.squaresLow]! + slots[slot + SLOT.squaresHigh]! * 65_536;
      const connections = slots[slot + SLOT.connections]!;
      if (connections !== 0) sums.placed += slots[slot + SLOT.calls]!;
      sums.connections |= connections;
    }
    return sums;
  }

  /** Sorted samples: intervals in seconds, or sizes in bytes; valid until the same are asked again. */
  samples(at: number, what: 'intervals' | 'sizes'): Float64Array {
    const { slots } = this.table.columns;
    const offset = SLOT[what];
    let length = 0;
    for (let slot = slotOf(at, 0); slot < slotOf(at + 1, 0); slot += SLOT_WORDS) {
      const first = slot + offset;
      const end = first + slots[slot + SLOT.used]!;
      for (let each = first; each < end; each++) this.#unsorted[length++] = slots[each]!;
    }
    // As integers: V8 compares doubles by a call each.
    const sorted = this.#unsorted.subarray(0, length).sort();
    const samples = this.#samples[what];
    // The steps of sizes stand in the order of the sizes.
    if (what === 'sizes') for (let i = 0; i < length; i++) samples[i] = 2 ** (sorted[i]! / SIZE_STEPS) - 1;
    else samples.set(sorted);
    return samples.subarray(0, length);
  }

  /** Forgets pairs that have not called since `time`. */
  expire(time: number): void {
    for (let at = 0; at < this.table.rows; at++)
      if (this.table.has(at) && this.fact(at, 'last') < time) this.table.delete(at);
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

  #makeRoom(): void {
    const length = this.#rows.length * 2;
    this.#rows = grown(this.#rows, length);
    this.#hashes = grown(this.#hashes, length);
    this.#least = grown(this.#least, length);
  }

  #keyOf(sessions: SessionBatch, row: number): Uint32Array {
    putPair(sessions, row, sessions.dstPort[row]! | (sessions.protocol[row]! << 16), this.#key);
    return this.#key;
  }

  #touch(at: number, row: number, several: Call[]): void {
    const { facts } = this.table.columns;
    const base = at * FACTS;
    const shown = facts[base + FACT.shown]!;
    if (facts[base + FACT.step] !== this.#step) {
      facts[base + FACT.step] = this.#step;
      facts[base + FACT.shown] = row;
      this.touched.push(at);
      return;
    }
    if (shown !== SEVERAL) several.push({ at, row: shown });
    facts[base + FACT.shown] = SEVERAL;
    several.push({ at, row });
  }

  #add(at: number, sessions: SessionBatch, row: number): void {
    const { facts, slots } = this.table.columns;
    const base = at * FACTS;
    const start = sessions.start[row]!;
    const end = sessions.end[row]!;
    const before = facts[base + FACT.last]!;
    // A session seen late may have begun in an hour that was left already.
    const hour = Math.max(Math.floor(start / HOUR), facts[base + FACT.hour]!);
    if (hour > facts[base + FACT.hour]!) this.#advance(at, hour);
    const slot = slotOf(at, hour);
    if (slots[slot]! < MOST_CALLS) slots[slot] = slots[slot]! + 1;
    facts[base + FACT.calls] = facts[base + FACT.calls]! + 1;
    if (before === 0) facts[base + FACT.first] = start;
    // Calls of one capture window cannot be put in order: they are one moment.
    if (start > facts[base + FACT.moment]! && start >= facts[base + FACT.until]!) {
      if (before !== 0) this.#sample(slot, start - facts[base + FACT.moment]!, sessions.bytesOut[row]!);
      slots[slot + SLOT.moments] = slots[slot + SLOT.moments]! + 1;
      facts[base + FACT.together] = 0;
      facts[base + FACT.moment] = start;
      facts[base + FACT.until] = start + Math.floor(WINDOW_SHARE * (end - start));
    }
    const together = facts[base + FACT.together]!;
    facts[base + FACT.together] = together + 1;
    this.#square(slot, together);
    if (start > before) facts[base + FACT.last] = start;
    if (end > facts[base + FACT.end]!) facts[base + FACT.end] = end;
    const port = sessions.srcPort[row]!;
    const ports = facts[base + FACT.ports]!;
    if ((before === 0 || facts[base + FACT.port] !== port) && ports < MOST_PORTS)
      facts[base + FACT.ports] = ports + 1;
    facts[base + FACT.port] = port;
    const connections = slots[slot + SLOT.connections]!;
    // Half a set, of an hour that an older state began, would look like few connections.
    if (sessions.protocol[row] === PROTOCOL.tcp && (connections !== 0 || slots[slot] === 1))
      slots[slot + SLOT.connections] = connections | bitOf(sessions, row);
  }

  /** Adds (n + 1)² − n². */
  #square(slot: number, n: number): void {
    const { slots } = this.table.columns;
    const squares = slots[slot + SLOT.squaresLow]! + slots[slot + SLOT.squaresHigh]! * 65_536 + 2 * n + 1;
    if (squares > MOST_SQUARES) return;
    slots[slot + SLOT.squaresLow] = squares & 0xffff;
    slots[slot + SLOT.squaresHigh] = squares >>> 16;
  }

  #sample(slot: number, seconds: number, bytes: number): void {
    const { slots } = this.table.columns;
    const used = slots[slot + SLOT.used]!;
    if (used === SAMPLES) return;
    slots[slot + SLOT.intervals + used] = Math.min(MOST_SECONDS, seconds);
    slots[slot + SLOT.sizes + used] = Math.round(Math.log2(1 + bytes) * SIZE_STEPS);
    slots[slot + SLOT.used] = used + 1;
  }

  /** Empties the slots of the hours that have come. */
  #advance(at: number, hour: number): void {
    const { facts, slots } = this.table.columns;
    const before = facts[at * FACTS + FACT.hour]!;
    // A new row is empty already.
    if (before !== 0)
      for (let each = Math.max(before + 1, hour - HOURS + 1); each <= hour; each++)
        slots.fill(0, slotOf(at, each), slotOf(at, each) + SLOT_WORDS);
    facts[at * FACTS + FACT.hour] = hour;
  }
}
