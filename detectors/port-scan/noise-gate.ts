import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';

const CELLS = 1 << 17;
/** Golden ratio in 32 bits (Knuth 6.4): makes a second hash of the first. */
const SECOND = 0x9e3779b1;

/**
 * Counts attempts of sources in two rows of small counters (a count-min sketch), so that the hundred thousand sources that knock once
 * never take a place in a table. It can only count too much. 256 kB, allocated at the first attempt.
 */
export class NoiseGate {
  #cells: Uint8Array = new Uint8Array(0);

  /** Counts an attempt of the source with this hash. */
  count(hash: number): void {
    if (this.#cells.length === 0) this.#cells = new Uint8Array(CELLS * 2);
    const cells = this.#cells;
    const first = hash & (CELLS - 1);
    const second = CELLS + (Math.imul(hash, SECOND) >>> 15);
    if (cells[first]! < 255) cells[first] = cells[first]! + 1;
    if (cells[second]! < 255) cells[second] = cells[second]! + 1;
  }

  /** Attempts of the source since the last {@link reset}, or more; at most 255. */
  estimate(hash: number): number {
    if (this.#cells.length === 0) return 0;
    return Math.min(this.#cells[hash & (CELLS - 1)]!, this.#cells[CELLS + (Math.imul(hash, SECOND) >>> 15)]!);
  }

  reset(): void {
    this.#cells.fill(0);
  }

  snapshot(): Uint8Array {
    return packSnapshot({ cells: this.#cells }, null);
  }

  restore(state: Uint8Array): void {
    this.#cells = unpackSnapshot(state).columns.get('cells') as Uint8Array;
  }
}
