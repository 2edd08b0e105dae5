import { isIpv4 } from '../../src/columns/address.ts';
import { hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import { StateTable, u32 } from '../../src/columns/state-table.ts';
import { Callers } from './callers.ts';

/** Destinations with more than 16 callers. */
const SKETCHES = 1024;

/** What is called regularly: networks (/24, /48), since when, and by how many. */
export class Destinations {
  readonly #table: ReturnType<typeof destinationTable>;
  readonly #callers: Callers;
  readonly #key = new Uint32Array(4);

  constructor(limit: number) {
    this.#table = destinationTable(limit);
    this.#callers = new Callers(this.#table, SKETCHES);
  }

  get overflow(): number {
    return this.#callers.overflow;
  }

  /** Notes that the address at `caller` calls the one at `called`, since `first`. */
  note(words: Uint32Array, caller: number, called: number, first: number, last: number): void {
    const at = this.#table.upsert(this.#keyOf(words, called), 0);
    if (at === NO_ROW) return;
    const { columns } = this.#table;
    if (this.#table.keys.added) columns.first[at] = first;
    columns.first[at] = Math.min(columns.first[at]!, first);
    columns.last[at] = Math.max(columns.last[at]!, last);
    this.#callers.add(at, hashWords(words, caller, 4));
  }

  /** When the destination was first called regularly, and by how many so far; undefined when it found no place. */
  find(words: Uint32Array, called: number): { readonly first: number; readonly callers: number } | undefined {
    const at = this.#table.find(this.#keyOf(words, called), 0);
    if (at === NO_ROW) return undefined;
    return { first: this.#table.columns.first[at]!, callers: this.#callers.count(at) };
  }

  /** Forgets what was not called since `time`. */
  expire(time: number): void {
    this.#callers.expire(time);
  }

  snapshot(): Uint8Array {
    return this.#callers.snapshot();
  }

  restore(state: Uint8Array): void {
    this.#callers.restore(state);
  }

  #keyOf(words: Uint32Array, offset: number): Uint32Array {
    const key = this.#key;
    const v4 = isIpv4(words, offset);
    key[0] = words[offset]!;
    key[1] = v4 ? words[offset + 1]! : words[offset + 1]! & 0xffff0000;
    key[2] = v4 ? words[offset + 2]! : 0;
    key[3] = v4 ? words[offset + 3]! & 0xffffff00 : 0;
    return key;
  }
}

function destinationTable(limit: number) {
  return new StateTable(4, limit, { first: u32(), last: u32() });
}
