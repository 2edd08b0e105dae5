import { KeyFilter } from '../../src/columns/key-filter.ts';
import { hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import { f64, StateTable, u8, u16, u32 } from '../../src/columns/state-table.ts';
import { compareRows } from '../evidence.ts';
import { THING_WORDS } from './things.ts';

/** Bits of the `flags` column. */
export const WATCH = {
  /** It is news: findings have been emitted. Without it, a destination still waits for enough bytes. */
  open: 1,
  /** More than one address of the destination was used. */
  manyPeers: 2,
  /** The server port is new as well. */
  newPort: 4,
  /** The thing is a server port, not a destination. */
  port: 8,
  /** Told in a digest: it grows, but without findings of its own. */
  digest: 16,
  /** The destination was learnt when it was first used, since the role has just begun with IPv6: only bulk makes it news. */
  learnt: 32,
} as const;

const KEY_WORDS = 4 + THING_WORDS;

/**
 * Pairs of subject and thing that are new: destinations waiting for enough bytes, and open alerts, which grow. Everything it
 * accumulates is commutative, so the order of rows does not matter.
 */
export class Watch {
  readonly table: ReturnType<typeof watchTable>;
  /** Rows of the table touched in this step, each once. */
  touched: number[] = [];
  readonly #filter = new KeyFilter();
  #filtered = 0;
  readonly #key = new Uint32Array(KEY_WORDS);
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.table = watchTable(limit);
  }

  get overflow(): number {
    return this.table.keys.overflow;
  }

  get room(): number {
    return this.#limit - this.table.size;
  }

  /** Row of the pair, {@link NO_ROW} when it is not watched. Cheap when it is not. */
  find(sessions: SessionBatch, row: number, thing: Uint32Array): number {
    if (this.table.size === 0) return NO_ROW;
    const key = this.#keyOf(sessions, row, thing);
    return this.#filter.maybe(hashWords(key, 0, KEY_WORDS)) ? this.table.find(key, 0) : NO_ROW;
  }

  /** Row of the pair, watched from now on; {@link NO_ROW} when there is no room. */
  add(sessions: SessionBatch, row: number, thing: Uint32Array): number {
    const key = this.#keyOf(sessions, row, thing);
    const at = this.table.upsert(key, 0);
    if (at !== NO_ROW && this.table.keys.added) {
      this.#filter.add(hashWords(key, 0, KEY_WORDS));
      if (++this.#filtered > 512 && this.#filtered > this.table.size * 2) this.rebuildFilter();
    }
    return at;
  }

  /** Adds a session's row of the step numbered `stamp` (not 0) to what is known of the pair. */
  touch(at: number, sessions: SessionBatch, row: number, flags: number, stamp: number): void {
    const columns = this.table.columns;
    const fresh = columns.first[at] === 0;
    const peer = columns.peer;
    if (fresh) {
      columns.first[at] = sessions.start[row]!;
      for (let word = 0; word < 4; word++) peer[at * 4 + word] = sessions.dstAddr[row * 4 + word]!;
    }
    columns.first[at] = Math.min(columns.first[at]!, sessions.start[row]!);
    columns.last[at] = Math.max(columns.last[at]!, sessions.end[row]!);
    let many = 0;
    for (let word = 0; word < 4; word++)
      if (peer[at * 4 + word] !== sessions.dstAddr[row * 4 + word]) many = WATCH.manyPeers;
    columns.flags[at] = columns.flags[at]! | flags | many;
    if (fresh) columns.born[at] = stamp;
    // In its first step a pair counts whole sessions: what they had before they were watched is part of it.
    const whole = columns.born[at] === stamp;
    columns.bytes[at] = columns.bytes[at]! + (whole ? sessions.bytesOut[row]! : sessions.stepBytesOut[row]!);
    if (whole || (sessions.state[row]! & STATE.establishedNow) !== 0)
      columns.sessions[at] = columns.sessions[at]! + 1;
    if (columns.stamp[at] !== stamp) {
      columns.stamp[at] = stamp;
      columns.best[at] = row;
      this.touched.push(at);
      return;
    }
    const best = columns.best[at]!;
    const difference = sessions.bytesOut[row]! - sessions.bytesOut[best]!;
    if (difference > 0 || (difference === 0 && compareRows(sessions, row, sessions, best) < 0))
      columns.best[at] = row;
  }

  /** Orders rows of the table by their keys: by what they are, not by when they came. */
  compare(a: number, b: number): number {
    const keys = this.table.keys.keys;
    for (let word = 0; word < KEY_WORDS; word++) {
      const difference = keys[a * KEY_WORDS + word]! - keys[b * KEY_WORDS + word]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Offset of the row's subject, and of its thing 4 words on, in the table's keys. */
  keyAt(row: number): number {
    return row * KEY_WORDS;
  }

  /** Drops what was last seen before `time`. */
  expire(time: number): void {
    for (let row = 0; row < this.table.rows; row++)
      if (this.table.has(row) && this.table.columns.last[row]! < time) this.table.delete(row);
    this.rebuildFilter();
  }

  rebuildFilter(): void {
    const { table } = this;
    this.#filter.rebuild(table.size * 2);
    for (let row = 0; row < table.rows; row++)
      if (table.has(row)) this.#filter.add(hashWords(table.keys.keys, row * KEY_WORDS, KEY_WORDS));
    this.#filtered = table.size;
  }

  #keyOf(sessions: SessionBatch, row: number, thing: Uint32Array): Uint32Array {
    const key = this.#key;
    for (let word = 0; word < 4; word++) {
      key[word] = sessions.srcAddr[row * 4 + word]!;
      key[4 + word] = thing[word]!;
    }
    return key;
  }
}

function watchTable(limit: number) {
  return new StateTable(KEY_WORDS, limit, {
    first: u32(),
    last: u32(),
    bytes: f64(),
    sessions: u32(),
    flags: u8(),
    peer: u32(4),
    port: u16(),
    protocol: u8(),
    sentSessions: u32(),
    sentSeverity: u8(),
    sentAt: u32(),
    born: u32(),
    stamp: u32(),
    best: u32(),
  });
}
