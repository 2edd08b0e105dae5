import type { SessionBatch, Step } from '../src/columns/session-batch.ts';
import { SlidingDistinct } from '../src/columns/sliding-distinct.ts';
import { packSnapshot, unpackSnapshot } from '../src/columns/snapshot.ts';
import { f64, StateTable, u8, u32 } from '../src/columns/state-table.ts';
import { SEVERITIES, type Severity } from '../src/contracts.ts';
import { admit } from './admission.ts';

/** Minutes between sweeps for cases that are over. */
const SWEEP = 5;
/** Sketches of distinct counts over all cases. */
const SKETCHES = 4096;
/** Most minutes after which a case that goes on is told again, so that its alert does not resolve. */
const REMIND = 360;

export interface CaseOptions {
  /** 32-bit words of a key. */
  readonly words: number;
  /** Most cases at once. */
  readonly limit: number;
  /** Minutes over which sums and distinct values count: a multiple of `bucketMinutes`. */
  readonly minutes: number;
  /** Default 1. */
  readonly bucketMinutes?: number;
  /** Quantities summed for each case; the first is its weight when places are few. */
  readonly sums: number;
  /** Minutes without a session after which a case is forgotten (default: `minutes`), and one that was told. */
  readonly keep?: number;
  readonly keepTold: number;
  /** Writes the key of a row. */
  key(sessions: SessionBatch, row: number, key: Uint32Array): void;
}

/** A case and the rows of the step that belong to it. */
export interface Sighting {
  readonly at: number;
  readonly rows: readonly number[];
}

/**
 * What a detector suspects, by key: sums and distinct values over the last minutes, sums since the case began, and what was told of it.
 * Everything adds up commutatively, and when there are more cases than places the heaviest have them: the order of rows does not matter.
 */
export class Cases {
  readonly table: ReturnType<typeof caseTable>;
  /** Distinct values within the window, by case; add 32-bit hashes with {@link tick}. */
  readonly distinct: SlidingDistinct;
  /** Number of the bucket of time at hand. */
  tick = 0;
  /** Unix seconds of the first step: what is older than a case may only be older than this. */
  since = 0;
  readonly #options: CaseOptions;
  readonly #buckets: number;
  readonly #bucketMinutes: number;
  readonly #key: Uint32Array;
  #minute = 0;
  #dropped = 0;

  constructor(options: CaseOptions) {
    this.#options = options;
    this.#bucketMinutes = options.bucketMinutes ?? 1;
    this.#buckets = options.minutes / this.#bucketMinutes;
    this.table = caseTable(options, this.#buckets);
    this.distinct = new SlidingDistinct(this.#buckets, SKETCHES);
    this.#key = new Uint32Array(options.words);
  }

  get overflow(): number {
    return this.table.keys.overflow + this.distinct.overflow + this.#dropped;
  }

  get size(): number {
    return this.table.size;
  }

  /** Moves to the step's time and forgets what is over. Call it once a step, before anything else. */
  begin(step: Step): void {
    if (this.since === 0) this.since = step.start;
    this.#minute = Math.floor(step.start / 60);
    this.tick = Math.floor(this.#minute / this.#bucketMinutes);
    if (this.table.size === 0 || this.#minute % SWEEP !== 0) return;
    const { columns } = this.table;
    for (let at = 0; at < this.table.rows; at++) {
      if (!this.table.has(at)) continue;
      const { minutes, keep = minutes, keepTold } = this.#options;
      if (this.#minute - columns.minute[at]! > (this.isTold(at) ? keepTold : keep)) this.#drop(at);
    }
  }

  /** Gives each of the rows its case, making room first: the cases that have a place, by key, with their rows. */
  group(sessions: SessionBatch, rows: readonly number[]): Sighting[] {
    if (rows.length === 0) return [];
    const { key } = this.#options;
    const places = {
      keys: this.table.keys,
      upsert: (words: Uint32Array, offset: number) => this.table.upsert(words, offset),
      weigh: (at: number) => (this.isTold(at) ? Number.POSITIVE_INFINITY : this.sum(at, 0)),
      drop: (at: number) => this.#drop(at),
    };
    this.#dropped += admit(places, rows.length, (item, into) => key(sessions, rows[item]!, into));
    const grouped = new Map<number, number[]>();
    for (const row of rows) {
      key(sessions, row, this.#key);
      const at = this.table.upsert(this.#key, 0);
      if (at < 0) continue;
      this.#see(at, sessions, row);
      const group = grouped.get(at);
      if (group === undefined) grouped.set(at, [row]);
      else group.push(row);
    }
    return [...grouped].map(([at, rows]) => ({ at, rows })).sort((a, b) => this.#compareKeys(a.at, b.at));
  }

  /** The case of a row, if there is one; nothing changes. */
  find(sessions: SessionBatch, row: number): number {
    this.#options.key(sessions, row, this.#key);
    return this.table.find(this.#key, 0);
  }

  /** Adds to the sum `which` of a case. */
  add(at: number, which: number, amount: number): void {
    const { columns } = this.table;
    const { sums } = this.#options;
    const bucket = at * this.#buckets + (this.tick % this.#buckets);
    if (columns.stamp[bucket] !== this.tick) {
      columns.stamp[bucket] = this.tick;
      columns.recent.fill(0, bucket * sums, (bucket + 1) * sums);
    }
    columns.recent[bucket * sums + which] = columns.recent[bucket * sums + which]! + amount;
    columns.total[at * sums + which] = columns.total[at * sums + which]! + amount;
  }

  /** Sum `which` within the window. */
  sum(at: number, which: number): number {
    const { recent, stamp } = this.table.columns;
    const { sums } = this.#options;
    let sum = 0;
    for (let bucket = at * this.#buckets; bucket < (at + 1) * this.#buckets; bucket++)
      if (stamp[bucket]! + this.#buckets > this.tick) sum += recent[bucket * sums + which]!;
    return sum;
  }

  /** Sum `which` since the case began. */
  total(at: number, which: number): number {
    return this.table.columns.total[at * this.#options.sums + which]!;
  }

  isTold(at: number): boolean {
    return this.table.columns.told[at]! > 0;
  }

  /** Whether to tell a case: it is new, twice what it was when it was told last, worse, or was told hours ago. */
  isNews(at: number, extent: number, severity: Severity): boolean {
    const { told, toldSeverity, toldMinute } = this.table.columns;
    if (told[at] === 0 || extent >= 2 * told[at]!) return true;
    const remind = Math.min(REMIND, this.#options.keepTold / 2);
    return SEVERITIES.indexOf(severity) > toldSeverity[at]! || this.#minute - toldMinute[at]! >= remind;
  }

  /** Remembers that a case is told; the sessions that it adds to its alert. */
  tell(at: number, extent: number, severity: Severity): number {
    const { told, toldSeverity, toldMinute, toldSessions, sessions } = this.table.columns;
    const fresh = sessions[at]! - toldSessions[at]!;
    told[at] = Math.max(told[at]!, extent);
    toldSeverity[at] = Math.max(toldSeverity[at]!, SEVERITIES.indexOf(severity));
    toldMinute[at] = this.#minute;
    toldSessions[at] = sessions[at]!;
    return Math.max(1, fresh);
  }

  snapshot(): Uint8Array {
    return packSnapshot(
      { table: this.table.snapshot(), distinct: this.distinct.snapshot() },
      { tick: this.tick, since: this.since, minute: this.#minute, dropped: this.#dropped },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    const { tick, since, minute, dropped } = meta as Record<'tick' | 'since' | 'minute' | 'dropped', number>;
    this.table.restore(columns.get('table') as Uint8Array);
    this.distinct.restore(columns.get('distinct') as Uint8Array);
    this.tick = tick;
    this.since = since;
    this.#minute = minute;
    this.#dropped = dropped;
  }

  #see(at: number, sessions: SessionBatch, row: number): void {
    const { columns } = this.table;
    const fresh = columns.sessions[at] === 0;
    columns.first[at] = fresh ? sessions.start[row]! : Math.min(columns.first[at]!, sessions.start[row]!);
    columns.last[at] = Math.max(columns.last[at]!, sessions.end[row]!);
    columns.sessions[at] = columns.sessions[at]! + 1;
    columns.minute[at] = this.#minute;
  }

  #compareKeys(a: number, b: number): number {
    const { keys, words } = this.table.keys;
    for (let word = 0; word < words; word++) {
      const difference = keys[a * words + word]! - keys[b * words + word]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #drop(at: number): void {
    this.distinct.clear(at);
    this.table.delete(at);
  }
}

/**
 * `first`, `last`: unix seconds of its sessions; `minute`: when it was seen last; `told*`: extent, severity, minute and sessions when it was
 * told last, all 0 before; `recent`, `stamp`: sums and ticks of the buckets of the window; `total`: sums since it began.
 */
function caseTable({ words, limit, sums }: CaseOptions, buckets: number) {
  return new StateTable(words, limit, {
    first: u32(),
    last: u32(),
    minute: u32(),
    sessions: u32(),
    told: f64(),
    toldSeverity: u8(),
    toldMinute: u32(),
    toldSessions: u32(),
    stamp: u32(buckets),
    recent: f64(buckets * sums),
    total: f64(sums),
  });
}
