import { grown } from '../columns/key-table.ts';
import { FLOW } from './flow-row.ts';

/** Sessions are kept as flows are: interleaved rows of two cache lines. Words 0–9 are the key, as in {@link FLOW}. */
export const SESSION_WORDS = 32;
export const SESSION = {
  lo: 0,
  hi: 4,
  ports: 8,
  /** protocol | scope of lo << 8 | scope of hi << 16; scopes are 0 until the session begins */
  protocol: 9,
  /** The interface whose volumes are counted. */
  interfaceId: 10,
  accountId: 11,
  start: 12,
  end: 13,
  /** tcp-flags of lo → hi | of hi → lo << 8 | STATE bits << 16 | ENCRYPTION bits << 24, where {@link FLOW} has them */
  flags: 14,
  rejects: 15,
  serviceLo: 26,
  serviceHi: 27,
  startLo: 28,
  startHi: 29,
  /** As in {@link FLOW}. */
  hash: 24,
  rejectedPackets: 25,
} as const;
export const SESSION_F64 = { bytesLo: 8, bytesHi: 9, packetsLo: 10, packetsHi: 11 } as const;

const NONE = -1;

/** The sessions that are alive: a hash table from connection to row, bounded by `limit` rows. */
export class SessionTable {
  readonly limit: number;
  words: Uint32Array;
  doubles: Float64Array;
  /** Rows in use. */
  size = 0;
  /** Rows that were ever in use: free ones are among them. */
  #high = 0;
  /** A stack: a list through the rows would wait for each to come from memory. */
  #free: Uint32Array = new Uint32Array(256);
  #freeCount = 0;
  #capacity: number;
  /** Pairs: hash, row + 1. */
  #slots: Int32Array;

  constructor(limit: number, capacity = 1024) {
    this.limit = limit;
    this.#capacity = Math.min(capacity, limit);
    const memory = new ArrayBuffer(this.#capacity * SESSION_WORDS * 4);
    this.words = new Uint32Array(memory);
    this.doubles = new Float64Array(memory);
    this.#slots = new Int32Array(slotsFor(this.#capacity));
  }

  /**
   * Row of the connection that flow row `at` (word offset in `flows`) belongs to; a new row is all zeros but the key and its hash. -1 when
   * the table is full.
   */
  findOrAdd(flows: Uint32Array, at: number): number {
    const hash = flows[at + FLOW.hash]! | 0;
    let words = this.words;
    let slots = this.#slots;
    let mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    for (;;) {
      const found = slots[slot + 1]!;
      if (found === 0) break;
      if (slots[slot] === hash) {
        const base = (found - 1) * SESSION_WORDS;
        if (
          words[base + 3] === flows[at + 3] &&
          words[base + 7] === flows[at + 7] &&
          words[base + SESSION.ports] === flows[at + FLOW.ports] &&
          (words[base + SESSION.protocol]! & 255) === flows[at + FLOW.protocol] &&
          words[base + 2] === flows[at + 2] &&
          words[base + 6] === flows[at + 6] &&
          words[base + 1] === flows[at + 1] &&
          words[base + 5] === flows[at + 5] &&
          words[base] === flows[at] &&
          words[base + 4] === flows[at + 4]
        )
          return found - 1;
      }
      slot = (slot + 2) & mask;
    }
    if (this.#freeCount === 0 && this.#high === this.#capacity) {
      if (this.#capacity >= this.limit) return NONE;
      this.#grow();
      words = this.words;
      slots = this.#slots;
      mask = slots.length - 2;
      slot = (hash << 1) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
    }
    const row = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#high++;
    this.size++;
    slots[slot] = hash;
    slots[slot + 1] = row + 1;
    const base = row * SESSION_WORDS;
    for (let word = 0; word < 9; word++) words[base + word] = flows[at + word]!;
    words[base + SESSION.protocol] = flows[at + FLOW.protocol]!;
    for (let word = base + SESSION.interfaceId; word < base + SESSION_WORDS; word++) words[word] = 0;
    words[base + SESSION.hash] = hash;
    return row;
  }

  /** Forgets a session; its row may be given to another one at once. */
  remove(row: number): void {
    const base = row * SESSION_WORDS;
    const words = this.words;
    const slots = this.#slots;
    const mask = slots.length - 2;
    let slot = (words[base + SESSION.hash]! << 1) & mask;
    while (slots[slot + 1] !== row + 1) slot = (slot + 2) & mask;
    // Backward shift keeps probe chains whole without tombstones (Knuth, TAOCP 6.4, algorithm R).
    for (let next = (slot + 2) & mask; slots[next + 1] !== 0; next = (next + 2) & mask) {
      const home = (slots[next]! << 1) & mask;
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      slots[slot] = slots[next]!;
      slots[slot + 1] = slots[next + 1]!;
      slot = next;
    }
    slots[slot + 1] = 0;
    slots[slot] = 0;
    if (this.#freeCount === this.#free.length) this.#free = grown(this.#free, this.#freeCount * 2);
    this.#free[this.#freeCount++] = row;
    this.size--;
  }

  #grow(): void {
    this.#capacity = Math.min(this.#capacity * 2, this.limit);
    const memory = new ArrayBuffer(this.#capacity * SESSION_WORDS * 4);
    const words = new Uint32Array(memory);
    words.set(this.words.subarray(0, this.#high * SESSION_WORDS));
    this.words = words;
    this.doubles = new Float64Array(memory);
    const slots = new Int32Array(slotsFor(this.#capacity));
    const mask = slots.length - 2;
    const old = this.#slots;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let slot = (old[from]! << 1) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      slots[slot] = old[from]!;
      slots[slot + 1] = old[from + 1]!;
    }
    this.#slots = slots;
  }
}

/** Two words a slot, at most half of the slots used. */
function slotsFor(capacity: number): number {
  let slots = 2;
  while (slots < capacity * 2) slots *= 2;
  return slots * 2;
}
