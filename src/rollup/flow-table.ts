import type { FlowBatch } from '../columns/flow-batch.ts';
import { ACTION } from '../columns/flow-batch.ts';
import { InterfaceCounts } from './interface-counts.ts';

/**
 * One row = one connection (both directions) as one interface saw it in one 60 s step. Rows are interleaved, two cache lines each: an
 * upsert at a million records a second is bound by cache misses, and columns would cost one miss a column.
 */
export const FLOW_WORDS = 32;
const FLOW_DOUBLES = FLOW_WORDS / 2;

/** Word offsets in a row. "lo" is the smaller endpoint (address, then port), "hi" the other. */
export const FLOW = {
  lo: 0,
  hi: 4,
  /** lo port << 16 | hi port */
  ports: 8,
  protocol: 9,
  interfaceId: 10,
  accountId: 11,
  start: 12,
  end: 13,
  /** tcp-flags of lo → hi | of hi → lo << 8 | {@link SIDE} bits << 16 */
  flags: 14,
  rejects: 15,
  serviceLo: 26,
  serviceHi: 27,
  /** Earliest start of each direction; {@link NEVER} when it was not seen. */
  startLo: 28,
  startHi: 29,
  /** Row of its session, set while the step is closed. */
  session: 30,
  hash: 31,
} as const;
/** Double offsets in a row: accepted bytes and packets by direction, rejected packets of both. */
export const FLOW_F64 = {
  bytesLo: 8,
  bytesHi: 9,
  packetsLo: 10,
  packetsHi: 11,
  rejectedPackets: 12,
} as const;
/** Which directions were seen, and whether any record was accepted. */
export const SIDE = { lo: 1, hi: 2, accepted: 4 } as const;
export const NEVER = 0xffffffff;

/** Most steps of most people are small, and thousands may be open. */
const FIRST_ROWS = 64;

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
  /** Pairs: hash, row + 1. */
  #slots: Uint32Array;
  #capacity: number;

  constructor(capacity = FIRST_ROWS) {
    this.#capacity = capacity;
    const memory = new ArrayBuffer(capacity * FLOW_WORDS * 4);
    this.words = new Uint32Array(memory);
    this.doubles = new Float64Array(memory);
    this.#slots = new Uint32Array(capacity * 4);
  }

  get capacity(): number {
    return this.#capacity;
  }

  clear(): void {
    this.#slots.fill(0);
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
    srcService: number,
    dstService: number,
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
    const ports = forward ? ((srcPort << 16) | dstPort) >>> 0 : ((dstPort << 16) | srcPort) >>> 0;
    const lo3 = loWords[at + 3]!;
    const hi3 = hiWords[at + 3]!;
    const hash = hashTuple(loWords, at, hiWords, at, ports, protocol, interfaceId);

    let words = this.words;
    let slots = this.#slots;
    let mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    let row = -1;
    for (;;) {
      const found = slots[slot + 1]!;
      if (found === 0) break;
      if (slots[slot] === hash) {
        const base = (found - 1) * FLOW_WORDS;
        if (
          words[base + 3] === lo3 &&
          words[base + 7] === hi3 &&
          words[base + FLOW.ports] === ports &&
          words[base + FLOW.interfaceId] === interfaceId &&
          words[base + FLOW.protocol] === protocol &&
          words[base + 2] === loWords[at + 2] &&
          words[base + 6] === hiWords[at + 2] &&
          words[base + 1] === loWords[at + 1] &&
          words[base + 5] === hiWords[at + 1] &&
          words[base] === loWords[at] &&
          words[base + 4] === hiWords[at]
        ) {
          row = found - 1;
          break;
        }
      }
      slot = (slot + 2) & mask;
    }
    if (row < 0) {
      if (this.length === this.#capacity) {
        if (!mayGrow) return false;
        this.#grow();
        words = this.words;
        slots = this.#slots;
        mask = slots.length - 2;
        slot = (hash << 1) & mask;
        while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      }
      row = this.length++;
      slots[slot] = hash;
      slots[slot + 1] = row + 1;
      const base = row * FLOW_WORDS;
      words[base] = loWords[at]!;
      words[base + 1] = loWords[at + 1]!;
      words[base + 2] = loWords[at + 2]!;
      words[base + 3] = lo3;
      words[base + 4] = hiWords[at]!;
      words[base + 5] = hiWords[at + 1]!;
      words[base + 6] = hiWords[at + 2]!;
      words[base + 7] = hi3;
      words[base + FLOW.ports] = ports;
      words[base + FLOW.protocol] = protocol;
      words[base + FLOW.interfaceId] = interfaceId;
      words[base + FLOW.accountId] = batch.accountId[i]!;
      words[base + FLOW.start] = NEVER;
      words[base + FLOW.end] = 0;
      words[base + FLOW.flags] = 0;
      words[base + FLOW.rejects] = 0;
      // A loop: TypedArray.fill costs a call out of compiled code, more than the rest of the row.
      for (let word = base + 16; word < base + 26; word++) words[word] = 0;
      words[base + FLOW.serviceLo] = forward ? srcService : dstService;
      words[base + FLOW.serviceHi] = forward ? dstService : srcService;
      words[base + FLOW.startLo] = NEVER;
      words[base + FLOW.startHi] = NEVER;
      words[base + FLOW.hash] = hash;
    }

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

  #grow(): void {
    this.#capacity *= 2;
    const memory = new ArrayBuffer(this.#capacity * FLOW_WORDS * 4);
    const words = new Uint32Array(memory);
    words.set(this.words.subarray(0, this.length * FLOW_WORDS));
    this.words = words;
    this.doubles = new Float64Array(memory);
    this.#index();
  }

  #index(): void {
    const slots = new Uint32Array(this.#capacity * 4);
    const mask = slots.length - 2;
    for (let row = 0; row < this.length; row++) {
      const hash = this.words[row * FLOW_WORDS + FLOW.hash]!;
      let slot = (hash << 1) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      slots[slot] = hash;
      slots[slot + 1] = row + 1;
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
    table.words.set(rows);
    table.length = length;
    table.#index();
    return table;
  }
}

/** Whether the source endpoint is the lower one, by address, then by port. */
export function isLower(
  srcWords: Uint32Array,
  dstWords: Uint32Array,
  at: number,
  srcPort: number,
  dstPort: number,
): boolean {
  for (let word = 0; word < 4; word++) {
    const a = srcWords[at + word]!;
    const b = dstWords[at + word]!;
    if (a !== b) return a < b;
  }
  return srcPort <= dstPort;
}

/** Spreads a 5-tuple and an interface over 32 bits: multiply-xor with the odd constants of MurmurHash3 and xxHash32. */
export function hashTuple(
  loWords: Uint32Array,
  lo: number,
  hiWords: Uint32Array,
  hi: number,
  ports: number,
  protocol: number,
  interfaceId: number,
): number {
  let h = Math.imul(loWords[lo + 3]!, 0x9e3779b1) ^ Math.imul(hiWords[hi + 3]!, 0x85ebca77);
  h ^= Math.imul(ports, 0xc2b2ae3d) ^ Math.imul((protocol << 20) ^ interfaceId, 0x27d4eb2f);
  h ^= Math.imul(
    loWords[lo]! ^ Math.imul(loWords[lo + 1]!, 31) ^ Math.imul(loWords[lo + 2]!, 17),
    0x165667b1,
  );
  h ^= Math.imul(
    hiWords[hi]! ^ Math.imul(hiWords[hi + 1]!, 37) ^ Math.imul(hiWords[hi + 2]!, 13),
    0xcc9e2d51,
  );
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
