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
  /** Word offset of the row added to last: records of an interface mostly come together. -1 without one. */
  #last = -1;
  #batch = createInterfaceBatch(FIRST_ROWS);

  clear(): void {
    this.#slots.fill(0);
    this.#length = 0;
    this.#last = -1;
  }

  /** Adds a record: codes of its interface and account, its log-status and its fields. */
  add(interfaceId: number, accountId: number, status: number, present: number): void {
    const last = this.#last;
    const at = last >= 0 && this.#words[last] === interfaceId ? last : this.#find(interfaceId);
    this.#last = at;
    const words = this.#words;
    words[at + AT.records] = words[at + AT.records]! + 1;
    if (words[at + AT.accountId] === 0) words[at + AT.accountId] = accountId;
    if (status <= LOG_STATUS.ok) words[at + AT.present] = words[at + AT.present]! | present;
    else {
      const count = at + (status === LOG_STATUS.nodata ? AT.noData : AT.skipData);
      words[count] = words[count]! + 1;
    }
  }

  /** Word offset of the interface's row, made when there is none. */
  #find(interfaceId: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = spread(interfaceId) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const at = slots[slot]! - 1;
      if (this.#words[at] === interfaceId) return at;
    }
    return this.#append(interfaceId, slot);
  }

  #append(interfaceId: number, slot: number): number {
    const at = this.#length * WORDS;
    if (at === this.#words.length) {
      const words = new Uint32Array(this.#words.length * 2);
      words.set(this.#words);
      this.#words = words;
      this.#index();
      return this.#find(interfaceId);
    }
    this.#words.fill(0, at, at + WORDS);
    this.#words[at] = interfaceId;
    this.#slots[slot] = at + 1;
    this.#length++;
    return at;
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

  /** The rows as columns, valid until the next call. */
  batch(): InterfaceBatch {
    if (this.#batch.capacity < this.#length) this.#batch = createInterfaceBatch(this.#words.length / WORDS);
    const batch = this.#batch;
    batch.length = this.#length;
    const words = this.#words;
    for (let row = 0; row < this.#length; row++) {
      const at = row * WORDS;
      batch.interfaceId[row] = words[at + AT.interfaceId]!;
      batch.accountId[row] = words[at + AT.accountId]!;
      batch.records[row] = words[at + AT.records]!;
      batch.noData[row] = words[at + AT.noData]!;
      batch.skipData[row] = words[at + AT.skipData]!;
      batch.present[row] = words[at + AT.present]!;
    }
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
