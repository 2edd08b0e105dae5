import { isIpv4 } from '../../src/columns/address.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { StateTable, u32 } from '../../src/columns/state-table.ts';
import { admit } from '../admission.ts';

/** Addresses or networks that are known, since when, and when they were seen last. */
export class Known {
  readonly table: ReturnType<typeof knownTable>;
  readonly #key = new Uint32Array(4);

  constructor(limit: number) {
    this.table = knownTable(limit);
  }

  get overflow(): number {
    return this.table.keys.overflow;
  }

  /** Unix seconds since when the key is known; undefined when it is not. */
  since(key: Uint32Array): number | undefined {
    const at = this.table.find(key, 0);
    return at === NO_ROW ? undefined : this.table.columns.since[at]!;
  }

  /** Learns `count` keys at `time`; who finds no place does not depend on their order. */
  learn(count: number, time: number, fill: (item: number, key: Uint32Array) => void): void {
    const { table } = this;
    const places = {
      keys: table.keys,
      upsert: (key: Uint32Array, offset: number) => this.#upsert(key, offset, time),
      weigh: () => Number.POSITIVE_INFINITY,
      drop() {},
    };
    admit(places, count, fill);
    for (let item = 0; item < count; item++) {
      fill(item, this.#key);
      this.#upsert(this.#key, 0, time);
    }
  }

  /** Forgets what was not seen since `time`. */
  expire(time: number): void {
    for (let at = 0; at < this.table.rows; at++)
      if (this.table.has(at) && this.table.columns.last[at]! < time) this.table.delete(at);
  }

  #upsert(key: Uint32Array, offset: number, time: number): number {
    const at = this.table.upsert(key, offset);
    if (at === NO_ROW) return at;
    if (this.table.columns.since[at] === 0) this.table.columns.since[at] = time;
    this.table.columns.last[at] = time;
    return at;
  }
}

/** Writes the network of the address at `offset`: /24 or /48. */
export function putNetwork(words: Uint32Array, offset: number, key: Uint32Array): void {
  const v4 = isIpv4(words, offset);
  key[0] = words[offset]!;
  key[1] = v4 ? words[offset + 1]! : words[offset + 1]! & 0xffff0000;
  key[2] = v4 ? words[offset + 2]! : 0;
  key[3] = v4 ? words[offset + 3]! & 0xffffff00 : 0;
}

function knownTable(limit: number) {
  return new StateTable(4, limit, { since: u32(), last: u32() });
}
