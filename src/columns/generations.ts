import { packSnapshot, unpackSnapshot } from './snapshot.ts';

/**
 * Two blocks of memory of one size, of which {@link turn} empties the older one and makes it the newer: what is only written to `now` and
 * read from both is forgotten after one to two turns.
 */
export class Generations<T extends Uint8Array | Uint32Array> {
  now: T;
  before: T;

  /** Two blocks of zeros that nobody else holds. */
  constructor(now: T, before: T) {
    this.now = now;
    this.before = before;
  }

  turn(): void {
    const oldest = this.before;
    this.before = this.now;
    this.now = oldest;
    oldest.fill(0);
  }

  snapshot(): Uint8Array {
    return packSnapshot({ now: this.now, before: this.before }, null);
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.now.set(columns.get('now') as T);
    this.before.set(columns.get('before') as T);
  }
}
