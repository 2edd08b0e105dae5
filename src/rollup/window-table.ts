import { DistinctCounts } from '../columns/distinct.ts';
import { grown, hashNumber, hashWords, KeyTable, NO_ROW } from '../columns/key-table.ts';
import type { SessionBatch, WindowBatch, WindowKey } from '../columns/session-batch.ts';
import { STATE } from '../columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';

/** Sketches for subjects with many peers or ports: 256 bytes each. */
const SKETCHES = 16_384;

/** One window of one size and key while it is open; the columns are those of {@link WindowBatch}. */
export class WindowTable {
  readonly size: number;
  readonly key: WindowKey;
  /** Unix seconds; -1 while nothing is in it. */
  start = -1;
  #table: KeyTable;
  #peers = new DistinctCounts(SKETCHES);
  #ports = new DistinctCounts(SKETCHES);
  #columns = columnsOf(64);
  readonly #words = new Uint32Array(8);

  constructor(size: number, key: WindowKey, limit: number) {
    this.size = size;
    this.key = key;
    this.#table = new KeyTable(key === 'pair' ? 8 : 4, limit);
  }

  /** Keys that found no place so far. */
  get overflow(): number {
    return this.#table.overflow;
  }

  get length(): number {
    return this.#table.rows;
  }

  /** Adds what the step gave row `i`, seen from its initiator (`outward`) or its responder. */
  add(sessions: SessionBatch, i: number, outward: boolean): void {
    const at = i * 4;
    const subject = outward ? sessions.srcAddr : sessions.dstAddr;
    const peer = outward ? sessions.dstAddr : sessions.srcAddr;
    const row = this.#row(subject, peer, at, outward ? sessions.dstScope[i]! : sessions.srcScope[i]!);
    if (row === NO_ROW) return;
    const c = this.#columns;
    const out = sessions.stepBytesOut[i]!;
    const back = sessions.stepBytesIn[i]!;
    const packetsOut = sessions.stepPacketsOut[i]!;
    const packetsIn = sessions.stepPacketsIn[i]!;
    c.bytesOut[row] = c.bytesOut[row]! + (outward ? out : back);
    c.bytesIn[row] = c.bytesIn[row]! + (outward ? back : out);
    c.packetsOut[row] = c.packetsOut[row]! + (outward ? packetsOut : packetsIn);
    c.packetsIn[row] = c.packetsIn[row]! + (outward ? packetsIn : packetsOut);
    const state = sessions.state[i]!;
    if ((state & STATE.rejectedNow) !== 0) c.rejects[row] = c.rejects[row]! + 1;
    if ((state & STATE.first) === 0) return;
    if (!outward) {
      c.sessionsIn[row] = c.sessionsIn[row]! + 1;
      return;
    }
    c.sessionsOut[row] = c.sessionsOut[row]! + 1;
    if (this.key === 'pair') return;
    this.#peers.add(row, hashWords(peer, at, 4));
    this.#ports.add(row, hashNumber((sessions.protocol[i]! << 16) | sessions.dstPort[i]!));
  }

  /** Adds a closed window of the same key and a smaller size. */
  merge(window: WindowTable): void {
    const from = window.#columns;
    for (let i = 0; i < window.length; i++) {
      const row = this.#row(from.subject, from.peer, i * 4, from.peerScope[i]!);
      if (row === NO_ROW) continue;
      const c = this.#columns;
      for (const name of SUMS) c[name][row] = c[name][row]! + from[name][i]!;
      if (this.key === 'pair') continue;
      this.#peers.merge(row, window.#peers, i);
      this.#ports.merge(row, window.#ports, i);
    }
  }

  #row(subject: Uint32Array, peer: Uint32Array, at: number, peerScope: number): number {
    const words = this.#words;
    for (let word = 0; word < 4; word++) {
      words[word] = subject[at + word]!;
      words[word + 4] = this.key === 'pair' ? peer[at + word]! : 0;
    }
    const row = this.#table.upsert(words, 0);
    if (row === NO_ROW || !this.#table.added) return row;
    if (row >= this.#columns.rejects.length) this.#columns = columnsOf(this.#table.capacity, this.#columns);
    const c = this.#columns;
    for (let word = 0; word < 4; word++) {
      c.subject[row * 4 + word] = words[word]!;
      c.peer[row * 4 + word] = words[word + 4]!;
    }
    c.peerScope[row] = this.key === 'pair' ? peerScope : 0;
    for (const name of SUMS) c[name][row] = 0;
    return row;
  }

  /** The window as a batch whose columns are this table's own: valid until the next `add`, `merge` or `clear`. */
  close(): WindowBatch {
    const c = this.#columns;
    for (let row = 0; row < this.length; row++) {
      c.distinctPeers[row] = this.key === 'pair' ? 0 : this.#peers.count(row);
      c.distinctPorts[row] = this.key === 'pair' ? 0 : this.#ports.count(row);
    }
    return { start: this.start, size: this.size, key: this.key, length: this.length, ...c };
  }

  clear(): void {
    this.#table.clear();
    this.#peers.clearAll();
    this.#ports.clearAll();
    this.start = -1;
  }

  snapshot(): Uint8Array {
    const columns = Object.fromEntries(
      Object.entries(this.#columns).map(([name, column]) => [name, column.slice()]),
    );
    return packSnapshot(
      {
        ...columns,
        table: this.#table.snapshot(),
        peers: this.#peers.snapshot(),
        ports: this.#ports.snapshot(),
      },
      { start: this.start },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.start = (meta as { start: number }).start;
    this.#table.restore(columns.get('table') as Uint8Array);
    this.#peers.restore(columns.get('peers') as Uint8Array);
    this.#ports.restore(columns.get('ports') as Uint8Array);
    const named = Object.fromEntries(columns) as unknown as Columns;
    this.#columns = columnsOf(named.rejects.length, named);
  }
}

const SUMS = [
  'bytesOut',
  'bytesIn',
  'packetsOut',
  'packetsIn',
  'sessionsOut',
  'sessionsIn',
  'rejects',
] as const;

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
