import { grown } from './key-table.ts';
import { packParts, type SnapshotParts, unpackSnapshot } from './snapshot.ts';

/**
 * Memory in equal blocks of `size` words: taken from a free list, grown by doubling. A taken block is zeros; `words` and `bytes` are
 * valid until the next `take`.
 */
export class Blocks {
  readonly size: number;
  words: Uint32Array;
  /** The same memory as bytes. */
  bytes: Uint8Array;
  live = 0;
  #end = 0;
  #free: number[] = [];

  constructor(size: number) {
    this.size = size;
    this.words = new Uint32Array(size * 8);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  get byteLength(): number {
    return this.words.byteLength + this.#free.length * 8;
  }

  take(): number {
    this.live++;
    const block = this.#free.pop();
    if (block !== undefined) {
      this.words.fill(0, block * this.size, (block + 1) * this.size);
      return block;
    }
    if ((this.#end + 1) * this.size > this.words.length) this.#own(grown(this.words, this.words.length * 2));
    return this.#end++;
  }

  free(block: number): void {
    this.live--;
    this.#free.push(block);
  }

  clear(): void {
    this.words.fill(0, 0, this.#end * this.size);
    this.#free = [];
    this.#end = 0;
    this.live = 0;
  }

  snapshot(): SnapshotParts {
    return packParts(
      { words: this.words.subarray(0, this.#end * this.size), free: Uint32Array.from(this.#free) },
      null,
    );
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    const words = columns.get('words') as Uint32Array;
    this.#end = words.length / this.size;
    let length = this.size * 8;
    while (length < words.length) length *= 2;
    this.#own(grown(words, length));
    this.#free = [...(columns.get('free') as Uint32Array)];
    this.live = this.#end - this.#free.length;
  }

  #own(words: Uint32Array): void {
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
  }
}
