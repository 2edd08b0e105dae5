import { DistinctCounts } from '../../src/columns/distinct.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch } from '../../src/columns/session-batch.ts';
import { SlidingDistinct } from '../../src/columns/sliding-distinct.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { StateTable, u8, u16, u32 } from '../../src/columns/state-table.ts';

/** Bits of the `flags` column. */
export const SCAN = {
  /** Findings have been emitted. */
  open: 1,
  /** Of a source: more than one address of its /64 was seen. */
  manyAddresses: 2,
  /** Of a source: outside the network. */
  external: 4,
  /** Some attempt went to a public address. */
  publicTarget: 8,
  /** Some attempt was let through and not answered. */
  accepted: 16,
  /** Of a source: its hosts, its ports are worth following one by one in this step. */
  followPairs: 32,
  followSweeps: 64,
} as const;

/** Counters of many distinct values, for the windows twice as many; who is outside gets half of them, since whoever likes comes by the thousand. */
export const SKETCHES = 2048;

/** Sketches that may be in use for a session's source to get one. */
export function sketchesFor(sessions: SessionBatch, row: number): number {
  return sessions.srcScope[row] === SCOPE.internal ? SKETCHES : SKETCHES / 2;
}

/**
 * Failed attempts by some key: distinct values within the window and since the row began, and what is needed to tell it. What it adds up
 * is commutative, so the order of rows does not matter.
 */
export class ScanRows {
  readonly table: ReturnType<typeof scanTable>;
  /** Distinct values (ports of a pair, hosts of a sweep) in the last minutes. */
  readonly window: SlidingDistinct;
  /** Distinct values since the row began. */
  readonly total = new DistinctCounts(SKETCHES);
  /** Rows touched in this step, each once. */
  touched: number[] = [];

  constructor(words: number, limit: number, minutes: number) {
    this.table = scanTable(words, limit);
    this.window = new SlidingDistinct(minutes, SKETCHES * 2);
  }

  get room(): number {
    return this.table.keys.limit - this.table.size;
  }

  get overflow(): number {
    return this.table.keys.overflow + this.window.overflow + this.total.overflow;
  }

  get byteLength(): number {
    return this.table.byteLength + this.window.byteLength + this.total.byteLength;
  }

  /** Counts one failed attempt under the key; {@link NO_ROW} when there is no room. `tick`: number of the step. */
  touch(
    key: Uint32Array,
    sessions: SessionBatch,
    row: number,
    hash: number,
    rejected: boolean,
    tick: number,
  ): number {
    const at = this.table.upsert(key, 0);
    if (at === NO_ROW) return at;
    const { columns } = this.table;
    const first = columns.attempts[at] === 0 ? sessions.start[row]! : columns.first[at]!;
    columns.first[at] = Math.min(first, sessions.start[row]!);
    columns.last[at] = Math.max(columns.last[at]!, sessions.end[row]!);
    columns.attempts[at] = columns.attempts[at]! + 1;
    let flags = rejected ? 0 : SCAN.accepted;
    if (sessions.dstScope[row] !== SCOPE.internal) flags |= SCAN.publicTarget;
    columns.flags[at] = columns.flags[at]! | flags;
    if (columns.tick[at] !== tick) {
      columns.tick[at] = tick;
      columns.sensitive[at] = 0;
      this.touched.push(at);
    }
    const most = sketchesFor(sessions, row);
    this.window.add(at, hash, tick, 2 * most);
    this.total.add(at, hash, most);
    return at;
  }

  /** Frees the row; what it counted is gone, so that its next key starts from nothing. */
  drop(row: number): void {
    this.window.clear(row);
    this.total.clear(row);
    this.table.delete(row);
  }

  /** Drops rows that were quiet: unless told, since `idle`; told ones since `idleOpen` (ticks). */
  expire(idle: number, idleOpen: number, onDrop?: (row: number) => void): void {
    const { columns } = this.table;
    for (let row = 0; row < this.table.rows; row++) {
      if (!this.table.has(row)) continue;
      const open = (columns.flags[row]! & SCAN.open) !== 0;
      if (columns.tick[row]! >= (open ? idleOpen : idle)) continue;
      onDrop?.(row);
      this.drop(row);
    }
  }

  snapshot(): Uint8Array {
    return packSnapshot(
      { table: this.table.snapshot(), window: this.window.snapshot(), total: this.total.snapshot() },
      null,
    );
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.table.restore(columns.get('table') as Uint8Array, ['sentTick']);
    this.window.restore(columns.get('window') as Uint8Array);
    this.total.restore(columns.get('total') as Uint8Array);
  }
}

/**
 * `tick`: last touched; `sensitive`: bits of the sensitive ports touched in that step; `sent*`: what the last finding said; `alerts`: of a
 * source, the scans told apart; `address`: of a source, one of its addresses.
 */
function scanTable(words: number, limit: number) {
  return new StateTable(words, limit, {
    first: u32(),
    last: u32(),
    attempts: u32(),
    flags: u8(),
    tick: u32(),
    sensitive: u32(),
    sentCount: u32(),
    sentSeverity: u8(),
    sentAttempts: u32(),
    sentTick: u32(),
    alerts: u16(),
    address: u32(4),
  });
}
