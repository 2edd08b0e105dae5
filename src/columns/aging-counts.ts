import { packSnapshot, unpackSnapshot } from './snapshot.ts';

const MOST = 255;

/**
 * Two generations of a count-min sketch (Cormode, Muthukrishnan 2005) over pairs of 32-bit hashes: how often something was added since the
 * turn before the last one, never too low, and too high only when both of its counters are shared. {@link turn} forgets the older generation.
 * What it says depends on what was added, not on the order. Fixed memory: twice `size` bytes; it counts to 255.
 */
export class AgingCounts {
  readonly size: number;
  #now: Uint8Array;
  #before: Uint8Array;

  /** `size`: counters of a generation, a power of two; a tenth of it in keys keeps errors rare. */
  constructor(size: number) {
    this.size = size;
    this.#now = new Uint8Array(size);
    this.#before = new Uint8Array(size);
  }

  add(first: number, second: number): void {
    const mask = this.size - 1;
    const now = this.#now;
    const a = first & mask;
    const b = second & mask;
    if (now[a]! < MOST) now[a] = now[a]! + 1;
    if (b !== a && now[b]! < MOST) now[b] = now[b]! + 1;
  }

  count(first: number, second: number): number {
    const mask = this.size - 1;
    const a = first & mask;
    const b = second & mask;
    return Math.min(this.#now[a]! + this.#before[a]!, this.#now[b]! + this.#before[b]!);
  }

  turn(): void {
    const oldest = this.#before;
    this.#before = this.#now;
    this.#now = oldest;
    oldest.fill(0);
  }

  snapshot(): Uint8Array {
    return packSnapshot({ now: this.#now, before: this.#before }, null);
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.#now.set(columns.get('now') as Uint8Array);
    this.#before.set(columns.get('before') as Uint8Array);
  }
}
