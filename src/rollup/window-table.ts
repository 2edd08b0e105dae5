import { DistinctCounts } from '../columns/distinct.ts';
import { hashNumber } from '../columns/key-table.ts';
import {
  SCOPE,
  type SessionBatch,
  STATE,
  type WindowBatch,
  type WindowKey,
} from '../columns/session-batch.ts';
import { type Column, packParts, type SnapshotParts, unpackSnapshot } from '../columns/snapshot.ts';
import { hashAddress, hashPair } from './hash-address.ts';
import { type WindowColumns, windowColumns } from './window-columns.ts';

/** Sketches for subjects with many peers or ports: 256 bytes each. */
const SKETCHES = 16_384;
const FIRST_ROWS = 64;
const NO_ROW = -1;

/** Rows are interleaved, as flows are, and become columns when the window closes: an add touches two cache lines and not ten. */
const ROW_WORDS = 24;
const ROW_DOUBLES = ROW_WORDS / 2;
/** Word offsets in a row; subject and peer are four words each. */
const AT = {
  subject: 0,
  peer: 4,
  hash: 8,
  peerScope: 9,
  sessionsOut: 10,
  sessionsIn: 11,
  rejects: 20,
} as const;
/** Double offsets in a row. */
const AT_F64 = { bytesOut: 6, bytesIn: 7, packetsOut: 8, packetsIn: 9 } as const;

/**
 * One window of one size and key while it is open. Every session of every step passes here up to four times, so hashing and probing are
 * written out instead of going through a general table.
 */
export class WindowTable {
  readonly size: number;
  readonly key: WindowKey;
  /** Unix seconds; -1 while nothing is in it. */
  start = -1;
  length = 0;
  /** Keys that found no place so far. */
  overflow = 0;
  readonly #limit: number;
  readonly #isPair: boolean;
  #capacity = FIRST_ROWS;
  #words = new Uint32Array(FIRST_ROWS * ROW_WORDS);
  /** The same memory. */
  #doubles = new Float64Array(this.#words.buffer);
  /** At each slot row + 1 in the lower bits, which tell the slot, and the upper bits of the hash; 0 = empty. At most half are used. */
  #slots = new Int32Array(FIRST_ROWS * 2);
  /** What {@link close} hands over. */
  #columns = windowColumns(FIRST_ROWS);
  readonly #peers = new DistinctCounts(SKETCHES);
  readonly #ports = new DistinctCounts(SKETCHES);

  constructor(size: number, key: WindowKey, limit: number) {
    this.size = size;
    this.key = key;
    this.#isPair = key === 'pair';
    this.#limit = limit;
  }

  /** Adds what the step gave each row, whose addresses have these hashes (see `hashAddress`), as each internal end sees it. */
  addAll(sessions: SessionBatch, srcHashes: Int32Array, dstHashes: Int32Array): void {
    const { length, srcScope, dstScope } = sessions;
    for (let i = 0; i < length; i++) {
      if (srcScope[i] === SCOPE.internal) this.#add(sessions, i, true, srcHashes[i]!, dstHashes[i]!);
      if (dstScope[i] === SCOPE.internal) this.#add(sessions, i, false, dstHashes[i]!, srcHashes[i]!);
    }
  }

  /** Adds row `i`, seen from its initiator (`outward`) or its responder. */
  #add(sessions: SessionBatch, i: number, outward: boolean, subjectHash: number, peerHash: number): void {
    const subject = outward ? sessions.srcAddr : sessions.dstAddr;
    const peer = outward ? sessions.dstAddr : sessions.srcAddr;
    const hash = this.#isPair ? hashPair(subjectHash, peerHash) : subjectHash;
    const row = this.#row(subject, peer, i * 4, hash);
    if (row === NO_ROW) return;
    const words = this.#words;
    const doubles = this.#doubles;
    const base = row * ROW_WORDS;
    const out = row * ROW_DOUBLES + (outward ? AT_F64.bytesOut : AT_F64.bytesIn);
    const back = row * ROW_DOUBLES + (outward ? AT_F64.bytesIn : AT_F64.bytesOut);
    doubles[out] = doubles[out]! + sessions.stepBytesOut[i]!;
    doubles[back] = doubles[back]! + sessions.stepBytesIn[i]!;
    doubles[out + 2] = doubles[out + 2]! + sessions.stepPacketsOut[i]!;
    doubles[back + 2] = doubles[back + 2]! + sessions.stepPacketsIn[i]!;
    const state = sessions.state[i]!;
    if (this.#isPair) {
      // A log that names AWS services may name it for one record and not for another: the lowest counts, whatever came first.
      const scope = outward ? sessions.dstScope[i]! : sessions.srcScope[i]!;
      if (scope < words[base + AT.peerScope]!) words[base + AT.peerScope] = scope;
    }
    if ((state & STATE.rejectedNow) !== 0) words[base + AT.rejects] = words[base + AT.rejects]! + 1;
    if ((state & STATE.first) === 0) return;
    if (!outward) {
      words[base + AT.sessionsIn] = words[base + AT.sessionsIn]! + 1;
      return;
    }
    words[base + AT.sessionsOut] = words[base + AT.sessionsOut]! + 1;
    if (this.#isPair) return;
    this.#peers.add(row, peerHash >>> 0);
    this.#ports.add(row, hashNumber((sessions.protocol[i]! << 16) | sessions.dstPort[i]!));
  }

  /** Adds a closed window of the same key and a smaller size. */
  merge(window: WindowTable): void {
    const from = window.#words;
    const fromDoubles = window.#doubles;
    for (let i = 0; i < window.length; i++) {
      const at = i * ROW_WORDS;
      const row = this.#row(from, from, at, from[at + AT.hash]! | 0, AT.peer);
      if (row === NO_ROW) continue;
      const words = this.#words;
      const doubles = this.#doubles;
      const base = row * ROW_WORDS;
      for (let k = AT_F64.bytesOut; k <= AT_F64.packetsIn; k++) {
        const to = row * ROW_DOUBLES + k;
        doubles[to] = doubles[to]! + fromDoubles[i * ROW_DOUBLES + k]!;
      }
      if (from[at + AT.peerScope]! < words[base + AT.peerScope]!)
        words[base + AT.peerScope] = from[at + AT.peerScope]!;
      words[base + AT.sessionsOut] = words[base + AT.sessionsOut]! + from[at + AT.sessionsOut]!;
      words[base + AT.sessionsIn] = words[base + AT.sessionsIn]! + from[at + AT.sessionsIn]!;
      words[base + AT.rejects] = words[base + AT.rejects]! + from[at + AT.rejects]!;
      if (this.#isPair) continue;
      this.#peers.merge(row, window.#peers, i);
      this.#ports.merge(row, window.#ports, i);
    }
  }

  /** Row of the key at `at` of `subject` and `at + peerAt` of `peer`, a new one with zeros; -1, counted, when the window is full. */
  #row(subject: Uint32Array, peer: Uint32Array, at: number, hash: number, peerAt = 0): number {
    const isPair = this.#isPair;
    const words = this.#words;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const peerFrom = at + peerAt;
    let slot = hash & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      const base = ((entry & mask) - 1) * ROW_WORDS;
      if (
        words[base + 3] === subject[at + 3] &&
        words[base + 2] === subject[at + 2] &&
        words[base + 1] === subject[at + 1] &&
        words[base] === subject[at] &&
        (!isPair ||
          (words[base + 7] === peer[peerFrom + 3] &&
            words[base + 6] === peer[peerFrom + 2] &&
            words[base + 5] === peer[peerFrom + 1] &&
            words[base + 4] === peer[peerFrom]))
      )
        return (entry & mask) - 1;
    }
    if (this.length >= this.#limit) {
      this.overflow++;
      return NO_ROW;
    }
    return this.#addRow(subject, peer, at, peerFrom, hash);
  }

  #addRow(
    subject: Uint32Array,
    peer: Uint32Array,
    subjectFrom: number,
    peerFrom: number,
    hash: number,
  ): number {
    if (this.length === this.#capacity) this.#reserve(this.length + 1);
    const row = this.length++;
    const words = this.#words;
    const base = row * ROW_WORDS;
    for (let word = 0; word < 4; word++) {
      words[base + word] = subject[subjectFrom + word]!;
      words[base + 4 + word] = this.#isPair ? peer[peerFrom + word]! : 0;
    }
    for (let word = base + AT.peerScope; word < base + ROW_WORDS; word++) words[word] = 0;
    if (this.#isPair) words[base + AT.peerScope] = 255;
    words[base + AT.hash] = hash;
    this.#place(row, hash);
    return row;
  }

  #place(row: number, hash: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = (hash & ~mask) | (row + 1);
  }

  /** Makes room for `rows` rows, a power of two. */
  #reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    while (this.#capacity < rows) this.#capacity *= 2;
    const words = new Uint32Array(this.#capacity * ROW_WORDS);
    words.set(this.#words.subarray(0, this.length * ROW_WORDS));
    this.#words = words;
    this.#doubles = new Float64Array(words.buffer);
    this.#slots = new Int32Array(this.#capacity * 2);
    for (let row = 0; row < this.length; row++) this.#place(row, words[row * ROW_WORDS + AT.hash]! | 0);
  }

  /** The window as a batch whose columns are this table's own: valid until the next window of this table closes. */
  close(): WindowBatch {
    const c = this.#toColumns();
    for (let row = 0; row < this.length; row++) {
      c.distinctPeers[row] = this.#isPair ? 0 : this.#peers.count(row);
      c.distinctPorts[row] = this.#isPair ? 0 : this.#ports.count(row);
    }
    return { start: this.start, size: this.size, key: this.key, length: this.length, ...c };
  }

  #toColumns(): WindowColumns {
    if (this.#columns.peerScope.length < this.length) this.#columns = windowColumns(this.#capacity);
    const c = this.#columns;
    const words = this.#words;
    const doubles = this.#doubles;
    for (let row = 0; row < this.length; row++) {
      const base = row * ROW_WORDS;
      const half = row * ROW_DOUBLES;
      for (let word = 0; word < 4; word++) {
        c.subject[row * 4 + word] = words[base + word]!;
        c.peer[row * 4 + word] = words[base + 4 + word]!;
      }
      c.peerScope[row] = words[base + AT.peerScope]!;
      c.bytesOut[row] = doubles[half + AT_F64.bytesOut]!;
      c.bytesIn[row] = doubles[half + AT_F64.bytesIn]!;
      c.packetsOut[row] = doubles[half + AT_F64.packetsOut]!;
      c.packetsIn[row] = doubles[half + AT_F64.packetsIn]!;
      c.sessionsOut[row] = words[base + AT.sessionsOut]!;
      c.sessionsIn[row] = words[base + AT.sessionsIn]!;
      c.rejects[row] = words[base + AT.rejects]!;
    }
    return c;
  }

  clear(): void {
    this.#slots.fill(0);
    this.length = 0;
    this.#peers.clearAll();
    this.#ports.clearAll();
    this.start = -1;
  }

  snapshot(): SnapshotParts {
    return packParts(
      { ...this.#toColumns(), peers: this.#peers.snapshot(), ports: this.#ports.snapshot() },
      { start: this.start, length: this.length, overflow: this.overflow },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    const saved = meta as { start: number; length: number; overflow: number };
    this.clear();
    this.start = saved.start;
    this.overflow = saved.overflow;
    this.#peers.restore(columns.get('peers') as Uint8Array);
    this.#ports.restore(columns.get('ports') as Uint8Array);
    const c = Object.fromEntries(columns) as Record<string, Column> as unknown as WindowColumns;
    for (let row = 0; row < saved.length; row++) {
      const subjectHash = hashAddress(c.subject, row * 4);
      const hash = this.#isPair ? hashPair(subjectHash, hashAddress(c.peer, row * 4)) : subjectHash;
      const base = this.#addRow(c.subject, c.peer, row * 4, row * 4, hash) * ROW_WORDS;
      const words = this.#words;
      words[base + AT.peerScope] = c.peerScope[row]!;
      words[base + AT.sessionsOut] = c.sessionsOut[row]!;
      words[base + AT.sessionsIn] = c.sessionsIn[row]!;
      words[base + AT.rejects] = c.rejects[row]!;
      const half = base >>> 1;
      this.#doubles[half + AT_F64.bytesOut] = c.bytesOut[row]!;
      this.#doubles[half + AT_F64.bytesIn] = c.bytesIn[row]!;
      this.#doubles[half + AT_F64.packetsOut] = c.packetsOut[row]!;
      this.#doubles[half + AT_F64.packetsIn] = c.packetsIn[row]!;
    }
  }
}
