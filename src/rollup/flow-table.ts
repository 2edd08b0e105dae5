import type { FlowBatch } from '../columns/flow-batch.ts';
import { ACTION } from '../columns/flow-batch.ts';
import {
  ENCRYPTION_SHIFT,
  FLOW,
  FLOW_DOUBLES,
  FLOW_F64,
  FLOW_WORDS,
  hashConnection,
  isLower,
  NEVER,
  SIDE,
} from './flow-row.ts';
import { InterfaceCounts } from './interface-counts.ts';
import type { LaterFields } from './later-fields.ts';

const NONE = -1;
/** In the place of an interface: whichever. */
const ANY = -1;
/** Most steps of most people are small, and thousands may be open. */
const FIRST_ROWS = 64;
/** Memory of up to so many rows is kept when a table has grown out of it: the next step grows through the same sizes. */
const SPARE_ROWS = 4096;
/** By rows, one of each size. */
const spare = new Map<number, ArrayBuffer>();

/** The records of one open step, joined by connection and interface. Grows by doubling. */
export class FlowTable {
  length = 0;
  /** Records added, and how many of them were too long for a 60 s aggregation interval. */
  records = 0;
  longRecords = 0;
  /** Of all records of the step, also those that are no connection. */
  interfaces = new InterfaceCounts();
  words: Uint32Array;
  doubles: Float64Array;
  /** Of a connection: first row + 1 in the lower bits, which tell the slot, and the upper bits of the hash; 0 = empty. At most half are used. */
  #slots: Int32Array;
  /** The row added to last: the two directions of a connection mostly come one after the other. */
  #last = NONE;
  #capacity: number;

  constructor(capacity = FIRST_ROWS) {
    this.#capacity = capacity;
    const memory = new ArrayBuffer(capacity * FLOW_WORDS * 4);
    this.words = new Uint32Array(memory);
    this.doubles = new Float64Array(memory);
    this.#slots = new Int32Array(capacity * 2);
  }

  get capacity(): number {
    return this.#capacity;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#last = NONE;
    this.length = 0;
    this.records = 0;
    this.longRecords = 0;
    this.interfaces.clear();
  }

  /**
   * Adds row `i` of the batch, whose effective addresses stand at `src` and `dst` of the two word arrays; `mayGrow` false refuses new rows.
   * False when the row found no place.
   */
  add(
    batch: FlowBatch,
    i: number,
    srcWords: Uint32Array,
    dstWords: Uint32Array,
    fields: LaterFields,
    mayGrow: boolean,
  ): boolean {
    const at = i * 4;
    const srcPort = batch.srcPort[i]!;
    const dstPort = batch.dstPort[i]!;
    const protocol = batch.protocol[i]!;
    const interfaceId = batch.interfaceId[i]!;
    const forward = isLower(srcWords, dstWords, at, srcPort, dstPort);
    const loWords = forward ? srcWords : dstWords;
    const hiWords = forward ? dstWords : srcWords;
    // Signed, as the hash is: V8 boxes a number from 2^31 on that a call takes or gives.
    const ports = forward ? (srcPort << 16) | dstPort : (dstPort << 16) | srcPort;
    let row = this.#last;
    if (row === NONE || !this.#is(row, loWords, at, hiWords, at, ports, protocol, interfaceId)) {
      const before = this.length;
      row = this.#findOrAdd(loWords, hiWords, at, ports, protocol, interfaceId, mayGrow);
      if (row === NONE) return false;
      this.#last = row;
      if (this.length !== before) this.words[row * FLOW_WORDS + FLOW.accountId] = batch.accountId[i]!;
    }

    const words = this.words;
    const base = row * FLOW_WORDS;
    const base64 = row * FLOW_DOUBLES;
    const doubles = this.doubles;
    const start = batch.start[i]!;
    const end = batch.end[i]!;
    if (start < words[base + FLOW.start]!) words[base + FLOW.start] = start;
    if (end > words[base + FLOW.end]!) words[base + FLOW.end] = end;
    const side = forward ? FLOW.startLo : FLOW.startHi;
    if (start < words[base + side]!) words[base + side] = start;
    let flags = forward ? batch.tcpFlags[i]! : batch.tcpFlags[i]! << 8;
    flags |= (forward ? SIDE.lo : SIDE.hi) << 16;
    const statuses = fields.encryptionStatuses;
    if (statuses !== undefined) flags |= fields.encryptionOf(statuses[i]!) << ENCRYPTION_SHIFT;
    const { srcServices, dstServices } = fields;
    if (srcServices !== undefined) {
      const named = base + (forward ? FLOW.serviceLo : FLOW.serviceHi);
      words[named] = fields.names.firstOf(words[named]!, srcServices[i]!);
    }
    if (dstServices !== undefined) {
      const named = base + (forward ? FLOW.serviceHi : FLOW.serviceLo);
      words[named] = fields.names.firstOf(words[named]!, dstServices[i]!);
    }
    if (batch.action[i] === ACTION.reject) {
      words[base + FLOW.rejects] = words[base + FLOW.rejects]! + 1;
      const at64 = base64 + FLOW_F64.rejectedPackets;
      doubles[at64] = doubles[at64]! + batch.packets[i]!;
    } else {
      flags |= SIDE.accepted << 16;
      const at64 = base64 + (forward ? FLOW_F64.bytesLo : FLOW_F64.bytesHi);
      doubles[at64] = doubles[at64]! + batch.bytes[i]!;
      doubles[at64 + 2] = doubles[at64 + 2]! + batch.packets[i]!;
    }
    words[base + FLOW.flags] = words[base + FLOW.flags]! | flags;
    return true;
  }

  /** Row of the connection and interface, made when there is none; -1 when it would have to grow and may not. */
  #findOrAdd(
    loWords: Uint32Array,
    hiWords: Uint32Array,
    at: number,
    ports: number,
    protocol: number,
    interfaceId: number,
    mayGrow: boolean,
  ): number {
    const hash = hashConnection(loWords, at, hiWords, at, ports, protocol);
    let slot = this.#slotOf(hash, loWords, at, hiWords, at, ports, protocol);
    const first = this.#rowAt(slot);
    let words = this.words;
    for (let row = first; row !== NONE; row = words[row * FLOW_WORDS + FLOW.next]! - 1)
      if (words[row * FLOW_WORDS + FLOW.interfaceId] === interfaceId) return row;
    if (this.length === this.#capacity) {
      if (!mayGrow) return NONE;
      this.#grow();
      words = this.words;
      slot = this.#slotOf(hash, loWords, at, hiWords, at, ports, protocol);
    }
    const row = this.length++;
    const base = row * FLOW_WORDS;
    for (let word = 0; word < 4; word++) {
      words[base + word] = loWords[at + word]!;
      words[base + 4 + word] = hiWords[at + word]!;
    }
    words[base + FLOW.ports] = ports;
    words[base + FLOW.protocol] = protocol;
    words[base + FLOW.interfaceId] = interfaceId;
    words[base + FLOW.start] = NEVER;
    words[base + FLOW.end] = 0;
    words[base + FLOW.flags] = 0;
    words[base + FLOW.rejects] = 0;
    // A loop: TypedArray.fill costs a call out of compiled code, more than the rest of the row.
    for (let word = base + 16; word < base + 28; word++) words[word] = 0;
    words[base + FLOW.startLo] = NEVER;
    words[base + FLOW.startHi] = NEVER;
    words[base + FLOW.hash] = hash;
    this.#place(slot, row);
    return row;
  }

  /** Puts a row where {@link #slotOf} says: there, or behind the first row of its connection. */
  #place(slot: number, row: number): void {
    const words = this.words;
    const slots = this.#slots;
    const base = row * FLOW_WORDS;
    const first = this.#rowAt(slot);
    if (first === NONE) {
      slots[slot] = (words[base + FLOW.hash]! & -slots.length) | (row + 1);
      words[base + FLOW.next] = 0;
      return;
    }
    words[base + FLOW.flags] = SIDE.chained << 16;
    words[base + FLOW.next] = words[first * FLOW_WORDS + FLOW.next]!;
    words[first * FLOW_WORDS + FLOW.next] = row + 1;
  }

  #rowAt(slot: number): number {
    return (this.#slots[slot]! & (this.#slots.length - 1)) - 1;
  }

  /** The slot that holds the first row of the connection, or the free one where it belongs. */
  #slotOf(
    hash: number,
    loWords: Uint32Array,
    lo: number,
    hiWords: Uint32Array,
    hi: number,
    ports: number,
    protocol: number,
  ): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      if (this.#is((entry & mask) - 1, loWords, lo, hiWords, hi, ports, protocol, ANY)) break;
    }
    return slot;
  }

  /** Whether a row is of the connection and interface. */
  #is(
    row: number,
    loWords: Uint32Array,
    lo: number,
    hiWords: Uint32Array,
    hi: number,
    ports: number,
    protocol: number,
    interfaceId: number,
  ): boolean {
    const words = this.words;
    const base = row * FLOW_WORDS;
    return (
      (words[base + FLOW.ports]! | 0) === ports &&
      words[base + 3] === loWords[lo + 3] &&
      words[base + 7] === hiWords[hi + 3] &&
      words[base + FLOW.protocol] === protocol &&
      (interfaceId === ANY || words[base + FLOW.interfaceId] === interfaceId) &&
      words[base + 2] === loWords[lo + 2] &&
      words[base + 6] === hiWords[hi + 2] &&
      words[base + 1] === loWords[lo + 1] &&
      words[base + 5] === hiWords[hi + 1] &&
      words[base] === loWords[lo] &&
      words[base + 4] === hiWords[hi]
    );
  }

  #grow(): void {
    const outgrown = this.words;
    this.#capacity *= 2;
    const memory = spare.get(this.#capacity) ?? new ArrayBuffer(this.#capacity * FLOW_WORDS * 4);
    spare.delete(this.#capacity);
    const words = new Uint32Array(memory);
    words.set(outgrown.subarray(0, this.length * FLOW_WORDS));
    if (this.length <= SPARE_ROWS) spare.set(this.length, outgrown.buffer as ArrayBuffer);
    this.words = words;
    this.doubles = new Float64Array(memory);
    const slots = new Int32Array(this.#capacity * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.length; row++) {
      const base = row * FLOW_WORDS;
      if ((words[base + FLOW.flags]! & (SIDE.chained << 16)) !== 0) continue;
      const hash = words[base + FLOW.hash]!;
      let slot = hash & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = (hash & ~mask) | (row + 1);
    }
    this.#slots = slots;
  }

  /** The rows that {@link FlowTable.from} reads back, valid until the next `add`. */
  rows(): Uint32Array {
    return this.words.subarray(0, this.length * FLOW_WORDS);
  }

  static from(rows: Uint32Array): FlowTable {
    let capacity = FIRST_ROWS;
    const length = rows.length / FLOW_WORDS;
    while (capacity < length) capacity *= 2;
    const table = new FlowTable(capacity);
    const { words } = table;
    words.set(rows);
    table.length = length;
    for (let row = 0; row < length; row++) {
      const base = row * FLOW_WORDS;
      const ports = words[base + FLOW.ports]! | 0;
      const protocol = words[base + FLOW.protocol]!;
      const hash = hashConnection(words, base, words, base + 4, ports, protocol);
      // In folders of before rows were chained it is another one.
      words[base + FLOW.hash] = hash;
      const flags = words[base + FLOW.flags]! & ~(SIDE.chained << 16);
      table.#place(table.#slotOf(hash, words, base, words, base + 4, ports, protocol), row);
      words[base + FLOW.flags] = flags | (words[base + FLOW.flags]! & (SIDE.chained << 16));
    }
    return table;
  }
}
