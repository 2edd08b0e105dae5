/**
 * A seeded stream of numbers: sfc32 by Chris Doty-Humphrey (PractRand 0.95, public domain; period at least 2^32, passes BigCrush).
 * Streams are made by name, so that drawing more numbers for one entity never changes what another one does.
 */
export class Random {
  a: number;
  b: number;
  c: number;
  counter = 1;

  constructor(seed: number, stream: string) {
    this.a = hash(`${seed}/${stream}`, 0x811c9dc5);
    this.b = hash(`${stream}/${seed}`, 0x9e3779b9);
    this.c = hash(`${seed}:${stream}`, 0x85ebca6b);
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** 0 to 2^32 − 1. */
  u32(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** 0 inclusive to 1 exclusive. */
  unit(): number {
    return this.u32() / 4294967296;
  }

  /** A whole number, 0 inclusive to `below` exclusive. */
  int(below: number): number {
    return Math.floor((this.u32() / 4294967296) * below);
  }

  between(low: number, high: number): number {
    return low + this.unit() * (high - low);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new RangeError('cannot pick: the list is empty');
    return item;
  }

  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }

  /** Log-normal with the given median; `sigma` 1 puts 95 % of the draws within a factor of 7. */
  around(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal());
  }

  /** Pareto: the tail of response and file sizes (shape 1.2 is what web objects are measured at). */
  pareto(smallest: number, shape: number, cap: number): number {
    return Math.min(cap, smallest * (1 - this.unit()) ** (-1 / shape));
  }

  /** How many events of rate `mean` happen; the normal approximation above 60. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.unit(); product > limit; product *= this.unit()) count++;
    return count;
  }
}

/** FNV-1a with MurmurHash3's finaliser: seeds that differ in one bit give streams that differ in half of theirs. */
function hash(text: string, basis: number): number {
  let h = basis | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h) | 0;
}

/** A well-spread 32-bit number from one 32-bit number (MurmurHash3's finaliser). */
export function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
