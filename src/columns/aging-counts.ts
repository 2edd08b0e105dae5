import { Generations } from './generations.ts';

const MOST = 255;

/**
 * Two generations of a count-min sketch (Cormode, Muthukrishnan 2005) over pairs of 32-bit hashes: how often something was added since the
 * turn before the last one, never too low, and too high only when both of its counters are shared. {@link turn} forgets the older generation.
 * What it says depends on what was added, not on the order. Fixed memory: twice `size` bytes; it counts to 255.
 */
export class AgingCounts extends Generations<Uint8Array> {
  readonly size: number;

  /** `size`: counters of a generation, a power of two; a tenth of it in keys keeps errors rare. */
  constructor(size: number) {
    super(new Uint8Array(size), new Uint8Array(size));
    this.size = size;
  }

  add(first: number, second: number): void {
    const mask = this.size - 1;
    const { now } = this;
    const a = first & mask;
    const b = second & mask;
    if (now[a]! < MOST) now[a] = now[a]! + 1;
    if (b !== a && now[b]! < MOST) now[b] = now[b]! + 1;
  }

  count(first: number, second: number): number {
    const mask = this.size - 1;
    const { now, before } = this;
    const a = first & mask;
    const b = second & mask;
    return Math.min(now[a]! + before[a]!, now[b]! + before[b]!);
  }
}
