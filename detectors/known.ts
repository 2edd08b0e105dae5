import { NO_ROW } from '../src/columns/key-table.ts';
import { StateTable, u32 } from '../src/columns/state-table.ts';
import { admit } from './admission.ts';

const DAY = 86_400;

/** Keys that were seen, since when, and when last: what is known is no news. Unix seconds throughout. */
export class Known {
  readonly #forgetSeconds: number;
  readonly #table: ReturnType<typeof knownTable>;
  readonly #key: Uint32Array;

  /** `words`: words of a key; `limit`: most keys; `forgetSeconds`: without a sight after which a key is forgotten. */
  constructor(words: number, limit: number, forgetSeconds: number) {
    this.#forgetSeconds = forgetSeconds;
    this.#table = knownTable(words, limit);
    this.#key = new Uint32Array(words);
  }

  get overflow(): number {
    return this.#table.keys.overflow;
  }

  /** Whether nothing more can be learnt: what is not known then may still be old. */
  get isFull(): boolean {
    return this.#table.size >= this.#table.keys.limit;
  }

  /** When the key was seen first; undefined: never. */
  since(key: Uint32Array): number | undefined {
    const row = this.#table.find(key, 0);
    return row === NO_ROW ? undefined : this.#table.columns.first[row]!;
  }

  /** Learns the keys of `count` items, all seen at `time`. */
  learn(count: number, fill: (item: number, key: Uint32Array) => void, time: number): void {
    const table = this.#table;
    const places = {
      keys: table.keys,
      upsert: (words: Uint32Array, offset: number) => table.upsert(words, offset),
      weigh: () => Number.POSITIVE_INFINITY,
      drop: () => {},
    };
    admit(places, count, fill);
    for (let item = 0; item < count; item++) {
      fill(item, this.#key);
      const row = table.upsert(this.#key, 0);
      if (row === NO_ROW) continue;
      if (table.columns.first[row] === 0) table.columns.first[row] = time;
      table.columns.last[row] = time;
    }
  }

  /** Forgets what was not seen for long. Call it each step: it looks once a day. */
  forget(stepStart: number): void {
    if (stepStart % DAY !== 0) return;
    for (let row = 0; row < this.#table.rows; row++)
      if (this.#table.has(row) && stepStart - this.#table.columns.last[row]! > this.#forgetSeconds)
        this.#table.delete(row);
  }

  snapshot(): Uint8Array {
    return this.#table.snapshot();
  }

  restore(state: Uint8Array): void {
    this.#table.restore(state);
  }
}

function knownTable(words: number, limit: number) {
  return new StateTable(words, limit, { first: u32(), last: u32() });
}
