import { LOG_STATUS } from '../columns/flow-batch.ts';
import { createInterfaceBatch, type InterfaceBatch } from '../columns/interface-batch.ts';

/** Words of a row: half a cache line, since this is touched by every record. */
const WORDS = 8;
const AT = { interfaceId: 0, accountId: 1, records: 2, noData: 3, skipData: 4, present: 5 } as const;
const FIRST_ROWS = 8;

/** What the records of one step say of the interfaces that wrote them. Grows by doubling. */
export class InterfaceCounts {
  #words = new Uint32Array(FIRST_ROWS * WORDS);
  #length = 0;
  /** Word offset of a row + 1 by interface, open addressing, at most half full. */
  #slots = new Uint32Array(FIRST_ROWS * 2);

  clear(): void {
    this.#slots.fill(0);
    this.#length = 0;
  }

  /** Adds a record: codes of its interface and account, its log-status and its fields. */
  add(interfaceId: number, accountId: number, status: number, present: number): void {
    const slots = this.#slots;
    const words = this.#words;
    const mask = slots.length - 1;
    let slot = spread(interfaceId) & mask;
    let at = slots[slot]! - 1;
    while (at >= 0 && words[at] !== interfaceId) {
      slot = (slot + 1) & mask;
      at = slots[slot]! - 1;
    }
    if (at < 0) {
      this.#append(interfaceId, slot);
      this.add(interfaceId, accountId, status, present);
      return;
    }
    words[at + AT.records] = words[at + AT.records]! + 1;
    if (words[at + AT.accountId] === 0) words[at + AT.accountId] = accountId;
    if (status <= LOG_STATUS.ok) words[at + AT.present] = words[at + AT.present]! | present;
    else {
      const count = at + (status === LOG_STATUS.nodata ? AT.noData : AT.skipData);
      words[count] = words[count]! + 1;
    }
  }

  #append(interfaceId: number, slot: number): void {
    const at = this.#length * WORDS;
    if (at === this.#words.length) {
      const words = new Uint32Array(this.#words.length * 2);
      words.set(this.#words);
      this.#words = words;
      this.#index();
      return;
    }
    this.#words.fill(0, at, at + WORDS);
    this.#words[at] = interfaceId;
    this.#slots[slot] = at + 1;
    this.#length++;
  }

  #index(): void {
    const slots = new Uint32Array((this.#words.length / WORDS) * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.#length; row++) {
      let slot = spread(this.#words[row * WORDS]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row * WORDS + 1;
    }
    this.#slots = slots;
  }

  /** The rows as columns. */
  batch(): InterfaceBatch {
    const batch = createInterfaceBatch(this.#length);
    batch.length = this.#length;
    for (const name of ['interfaceId', 'accountId', 'records', 'noData', 'skipData', 'present'] as const)
      for (let row = 0; row < this.#length; row++) batch[name][row] = this.#words[row * WORDS + AT[name]]!;
    return batch;
  }

  /** The rows that {@link InterfaceCounts.from} reads back, valid until the next `add`. */
  rows(): Uint32Array {
    return this.#words.subarray(0, this.#length * WORDS);
  }

  static from(rows: Uint32Array): InterfaceCounts {
    const counts = new InterfaceCounts();
    let length = counts.#words.length;
    while (length < rows.length) length *= 2;
    counts.#words = new Uint32Array(length);
    counts.#words.set(rows);
    counts.#length = rows.length / WORDS;
    counts.#index();
    return counts;
  }
}

/** Codes count up from 1: a multiplication by the golden ratio spreads them. */
function spread(code: number): number {
  const mixed = Math.imul(code, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
