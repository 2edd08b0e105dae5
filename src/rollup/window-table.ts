import { DistinctCounts } from '../columns/distinct.ts';
import { grown, hashNumber } from '../columns/key-table.ts';
import { type SessionBatch, STATE, type WindowBatch, type WindowKey } from '../columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';

/** Sketches for subjects with many peers or ports: 256 bytes each. */
const SKETCHES = 16_384;
const FIRST_ROWS = 64;
const NO_ROW = -1;

/**
 * One window of one size and key while it is open; the columns are those of {@link WindowBatch}. Every session of every step passes here
 * up to four times, so hashing and probing are written out instead of going through a general table.
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
  #columns = columnsOf(FIRST_ROWS);
  #hashes: Uint32Array = new Uint32Array(FIRST_ROWS);
  /** Row + 1 at each slot, 0 = empty; at most half of the slots are used. */
  #slots: Uint32Array = new Uint32Array(FIRST_ROWS * 2);
  readonly #peers = new DistinctCounts(SKETCHES);
  readonly #ports = new DistinctCounts(SKETCHES);

  constructor(size: number, key: WindowKey, limit: number) {
    this.size = size;
    this.key = key;
    this.#isPair = key === 'pair';
    this.#limit = limit;
  }

  /**
   * Adds what the step gave row `i`, seen from its initiator (`outward`) or its responder, whose address hashes (see {@link hashAddress})
   * are `subjectHash` and `peerHash`.
   */
  add(sessions: SessionBatch, i: number, outward: boolean, subjectHash: number, peerHash: number): void {
    const at = i * 4;
    const subject = outward ? sessions.srcAddr : sessions.dstAddr;
    const peer = outward ? sessions.dstAddr : sessions.srcAddr;
    const scope = outward ? sessions.dstScope[i]! : sessions.srcScope[i]!;
    const row = this.#row(subject, peer, at, subjectHash, peerHash, scope);
    if (row === NO_ROW) return;
    const c = this.#columns;
    if (outward) {
      c.bytesOut[row] = c.bytesOut[row]! + sessions.stepBytesOut[i]!;
      c.bytesIn[row] = c.bytesIn[row]! + sessions.stepBytesIn[i]!;
      c.packetsOut[row] = c.packetsOut[row]! + sessions.stepPacketsOut[i]!;
      c.packetsIn[row] = c.packetsIn[row]! + sessions.stepPacketsIn[i]!;
    } else {
      c.bytesOut[row] = c.bytesOut[row]! + sessions.stepBytesIn[i]!;
      c.bytesIn[row] = c.bytesIn[row]! + sessions.stepBytesOut[i]!;
      c.packetsOut[row] = c.packetsOut[row]! + sessions.stepPacketsIn[i]!;
      c.packetsIn[row] = c.packetsIn[row]! + sessions.stepPacketsOut[i]!;
    }
    const state = sessions.state[i]!;
    if ((state & STATE.rejectedNow) !== 0) c.rejects[row] = c.rejects[row]! + 1;
    if ((state & STATE.first) === 0) return;
    if (!outward) {
      c.sessionsIn[row] = c.sessionsIn[row]! + 1;
      return;
    }
    c.sessionsOut[row] = c.sessionsOut[row]! + 1;
    if (this.#isPair) return;
    this.#peers.add(row, peerHash);
    this.#ports.add(row, hashNumber((sessions.protocol[i]! << 16) | sessions.dstPort[i]!));
  }

  /** Adds a closed window of the same key and a smaller size. */
  merge(window: WindowTable): void {
    const from = window.#columns;
    for (let i = 0; i < window.length; i++) {
      const at = i * 4;
      const subjectHash = hashAddress(from.subject, at);
      const peerHash = this.#isPair ? hashAddress(from.peer, at) : 0;
      const row = this.#row(from.subject, from.peer, at, subjectHash, peerHash, from.peerScope[i]!);
      if (row === NO_ROW) continue;
      const c = this.#columns;
      c.bytesOut[row] = c.bytesOut[row]! + from.bytesOut[i]!;
      c.bytesIn[row] = c.bytesIn[row]! + from.bytesIn[i]!;
      c.packetsOut[row] = c.packetsOut[row]! + from.packetsOut[i]!;
      c.packetsIn[row] = c.packetsIn[row]! + from.packetsIn[i]!;
      c.sessionsOut[row] = c.sessionsOut[row]! + from.sessionsOut[i]!;
      c.sessionsIn[row] = c.sessionsIn[row]! + from.sessionsIn[i]!;
      c.rejects[row] = c.rejects[row]! + from.rejects[i]!;
      if (this.#isPair) continue;
      this.#peers.merge(row, window.#peers, i);
      this.#ports.merge(row, window.#ports, i);
    }
  }

  /** Row of a key, a new one with zeros; -1, counted, when the window is full. */
  #row(
    subject: Uint32Array,
    peer: Uint32Array,
    at: number,
    subjectHash: number,
    peerHash: number,
    peerScope: number,
  ): number {
    const isPair = this.#isPair;
    const hash = isPair ? (Math.imul(subjectHash, 0x9e3779b1) ^ peerHash) >>> 0 : subjectHash;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const known = this.#columns.subject;
    const peers = this.#columns.peer;
    let slot = hash & mask;
    for (; ; slot = (slot + 1) & mask) {
      const row = slots[slot]! - 1;
      if (row < 0) break;
      if (this.#hashes[row] !== hash) continue;
      const to = row * 4;
      if (
        known[to + 3] === subject[at + 3] &&
        known[to + 2] === subject[at + 2] &&
        known[to + 1] === subject[at + 1] &&
        known[to] === subject[at] &&
        (!isPair ||
          (peers[to + 3] === peer[at + 3] &&
            peers[to + 2] === peer[at + 2] &&
            peers[to + 1] === peer[at + 1] &&
            peers[to] === peer[at]))
      )
        return row;
    }
    if (this.length >= this.#limit) {
      this.overflow++;
      return NO_ROW;
    }
    if (this.length === this.#hashes.length) {
      this.#grow();
      slot = this.#freeSlot(hash);
    }
    const row = this.length++;
    this.#slots[slot] = row + 1;
    this.#hashes[row] = hash;
    const c = this.#columns;
    for (let word = 0; word < 4; word++) {
      c.subject[row * 4 + word] = subject[at + word]!;
      c.peer[row * 4 + word] = isPair ? peer[at + word]! : 0;
    }
    c.peerScope[row] = isPair ? peerScope : 0;
    c.bytesOut[row] = 0;
    c.bytesIn[row] = 0;
    c.packetsOut[row] = 0;
    c.packetsIn[row] = 0;
    c.sessionsOut[row] = 0;
    c.sessionsIn[row] = 0;
    c.rejects[row] = 0;
    return row;
  }

  #freeSlot(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const rows = this.#hashes.length * 2;
    this.#hashes = grown(this.#hashes, rows);
    this.#columns = columnsOf(rows, this.#columns);
    this.#index();
  }

  #index(): void {
    this.#slots = new Uint32Array(this.#hashes.length * 2);
    for (let row = 0; row < this.length; row++) this.#slots[this.#freeSlot(this.#hashes[row]!)] = row + 1;
  }

  /** The window as a batch whose columns are this table's own: valid until the next `add`, `merge` or `clear`. */
  close(): WindowBatch {
    const c = this.#columns;
    for (let row = 0; row < this.length; row++) {
      c.distinctPeers[row] = this.#isPair ? 0 : this.#peers.count(row);
      c.distinctPorts[row] = this.#isPair ? 0 : this.#ports.count(row);
    }
    return { start: this.start, size: this.size, key: this.key, length: this.length, ...c };
  }

  clear(): void {
    this.#slots.fill(0);
    this.length = 0;
    this.#peers.clearAll();
    this.#ports.clearAll();
    this.start = -1;
  }

  snapshot(): Uint8Array {
    return packSnapshot(
      {
        ...this.#columns,
        hashes: this.#hashes,
        peers: this.#peers.snapshot(),
        ports: this.#ports.snapshot(),
      },
      { start: this.start, length: this.length, overflow: this.overflow },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    const saved = meta as { start: number; length: number; overflow: number };
    this.start = saved.start;
    this.length = saved.length;
    this.overflow = saved.overflow;
    this.#peers.restore(columns.get('peers') as Uint8Array);
    this.#ports.restore(columns.get('ports') as Uint8Array);
    this.#hashes = columns.get('hashes') as Uint32Array;
    this.#columns = columnsOf(this.#hashes.length, Object.fromEntries(columns) as unknown as Columns);
    this.#index();
  }
}

/** A well-spread hash of the four words at `offset` (MurmurHash3's finaliser over multiplied words). */
export function hashAddress(words: Uint32Array, offset: number): number {
  let h = Math.imul(words[offset + 3]!, 0x9e3779b1) ^ Math.imul(words[offset]!, 0x165667b1);
  h ^= Math.imul(words[offset + 1]!, 0x27d4eb2f) ^ Math.imul(words[offset + 2]!, 0xcc9e2d51);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

type Columns = Omit<WindowBatch, 'start' | 'size' | 'key' | 'length'>;

function columnsOf(rows: number, old?: Columns): Columns {
  const f64 = (column?: Float64Array): Float64Array =>
    column === undefined ? new Float64Array(rows) : grown(column, rows);
  const u32 = (column?: Uint32Array, width = 1): Uint32Array =>
    column === undefined ? new Uint32Array(rows * width) : grown(column, rows * width);
  return {
    subject: u32(old?.subject, 4),
    peer: u32(old?.peer, 4),
    peerScope: old === undefined ? new Uint8Array(rows) : grown(old.peerScope, rows),
    bytesOut: f64(old?.bytesOut),
    bytesIn: f64(old?.bytesIn),
    packetsOut: f64(old?.packetsOut),
    packetsIn: f64(old?.packetsIn),
    sessionsOut: u32(old?.sessionsOut),
    sessionsIn: u32(old?.sessionsIn),
    rejects: u32(old?.rejects),
    distinctPeers: f64(old?.distinctPeers),
    distinctPorts: f64(old?.distinctPorts),
  };
}
