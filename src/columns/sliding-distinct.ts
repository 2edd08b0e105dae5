import { DistinctCounts } from './distinct.ts';
import { grown } from './key-table.ts';
import { packSnapshot, unpackSnapshot } from './snapshot.ts';

/**
 * Distinct counts over the last `buckets` ticks, one a row: a {@link DistinctCounts} counter a tick, joined when asked. Ticks count up from 1
 * (minutes, say); what is older is forgotten without a sweep.
 */
export class SlidingDistinct {
  readonly buckets: number;
  readonly #counts: DistinctCounts;
  readonly #joined = new DistinctCounts(1);
  /** Tick of each bucket; 0 = never used. */
  #ticks: Uint32Array;

  /** `sketches`: most sketches over all rows and buckets, 256 bytes each. */
  constructor(buckets: number, sketches: number) {
    this.buckets = buckets;
    this.#counts = new DistinctCounts(sketches);
    this.#ticks = new Uint32Array(64 * buckets);
  }

  get overflow(): number {
    return this.#counts.overflow;
  }

  get byteLength(): number {
    return this.#counts.byteLength + this.#ticks.byteLength;
  }

  /** `most`: as in {@link DistinctCounts.add}. */
  add(row: number, hash: number, tick: number, most?: number): void {
    const at = row * this.buckets + (tick % this.buckets);
    if (at >= this.#ticks.length) {
      let length = this.#ticks.length;
      while (length <= at) length *= 2;
      this.#ticks = grown(this.#ticks, length);
    }
    if (this.#ticks[at] !== tick) {
      this.#counts.clear(at);
      this.#ticks[at] = tick;
    }
    this.#counts.add(at, hash, most);
  }

  /** Distinct values of the ticks (tick − buckets, tick]. */
  count(row: number, tick: number): number {
    const first = row * this.buckets;
    let live = 0;
    let only = -1;
    for (let at = first; at < first + this.buckets; at++) {
      if (!this.#isLive(at, tick)) continue;
      live++;
      only = at;
    }
    if (live <= 1) return only < 0 ? 0 : this.#counts.count(only);
    this.#joined.clear(0);
    for (let at = first; at < first + this.buckets; at++)
      if (this.#isLive(at, tick)) this.#joined.merge(0, this.#counts, at);
    return this.#joined.count(0);
  }

  clear(row: number): void {
    const first = row * this.buckets;
    for (let at = first; at < first + this.buckets && at < this.#ticks.length; at++) {
      this.#counts.clear(at);
      this.#ticks[at] = 0;
    }
  }

  snapshot(): Uint8Array {
    return packSnapshot({ counts: this.#counts.snapshot(), ticks: this.#ticks }, null);
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.#counts.restore(columns.get('counts') as Uint8Array);
    this.#ticks = columns.get('ticks') as Uint32Array;
  }

  #isLive(at: number, tick: number): boolean {
    const stamp = this.#ticks[at] ?? 0;
    return stamp !== 0 && tick - stamp < this.buckets;
  }
}
