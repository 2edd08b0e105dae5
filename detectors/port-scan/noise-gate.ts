import { hashWords } from '../../src/columns/key-table.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';

const CELLS = 1 << 17;
const SEED = 0x68e31da4;

/**
 * Counts attempts of sources in two rows of small counters (a count-min sketch), so that the hundred thousand sources that knock once
 * never take a place in a table. It can only count too much. 256 kB, allocated at the first attempt.
 */
export class NoiseGate {
  #cells: Uint8Array = new Uint8Array(0);

  count(key: Uint32Array): void {
    if (this.#cells.length === 0) this.#cells = new Uint8Array(CELLS * 2);
    const first = hashWords(key, 0, 4) & (CELLS - 1);
    const second = CELLS + (hashWords(key, 0, 4, SEED) & (CELLS - 1));
    if (this.#cells[first]! < 255) this.#cells[first] = this.#cells[first]! + 1;
    if (this.#cells[second]! < 255) this.#cells[second] = this.#cells[second]! + 1;
  }

  /** Attempts of the source since the last {@link reset}, or more; at most 255. */
  estimate(key: Uint32Array): number {
    if (this.#cells.length === 0) return 0;
    return Math.min(
      this.#cells[hashWords(key, 0, 4) & (CELLS - 1)]!,
      this.#cells[CELLS + (hashWords(key, 0, 4, SEED) & (CELLS - 1))]!,
    );
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
