import { hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import { StateTable, u32 } from '../../src/columns/state-table.ts';
import { hashRole, ROLE_WORDS } from '../role-hash.ts';
import { Callers } from './callers.ts';

/** Destinations with more than 16 callers of one role. */
const SKETCHES = 512;
/** Role, address, server port with protocol; all zeros behind the role: whatever it calls. */
const KEY_WORDS = ROLE_WORDS + 5;

/** What a role's subjects have to do with a destination. */
export interface Habit {
  /** When another subject of the role first called it regularly, as far as is known; undefined: none did before this one. */
  readonly othersSince: number | undefined;
  /** Subjects of the role that have called it regularly, and that have called anything. */
  readonly callers: number;
  readonly ofRole: number;
}

/** What each role calls regularly: addresses and server ports, since when, by whom first, and by how many. */
export class Habits {
  readonly #table: ReturnType<typeof habitTable>;
  readonly #callers: Callers;
  readonly #key = new Uint32Array(KEY_WORDS);

  constructor(limit: number) {
    this.#table = habitTable(limit);
    this.#callers = new Callers(this.#table, SKETCHES);
  }

  get overflow(): number {
    return this.#callers.overflow;
  }

  /** Notes that the pair at `pair` (caller, called, port) of `role` has called since `first`. */
  note(role: string, words: Uint32Array, pair: number, first: number, last: number): void {
    this.#putKey(role, words, pair);
    const caller = hashWords(words, pair, 4);
    this.#add(caller, first, last);
    this.#key.fill(0, ROLE_WORDS);
    this.#add(caller, first, last);
  }

  find(role: string, words: Uint32Array, pair: number): Habit | undefined {
    this.#putKey(role, words, pair);
    const at = this.#table.find(this.#key, 0);
    this.#key.fill(0, ROLE_WORDS);
    const all = this.#table.find(this.#key, 0);
    if (at === NO_ROW || all === NO_ROW) return undefined;
    const { first, by } = this.#table.columns;
    return {
      othersSince: by[at] === hashWords(words, pair, 4) ? undefined : first[at]!,
      callers: this.#callers.count(at),
      ofRole: this.#callers.count(all),
    };
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

  #add(caller: number, first: number, last: number): void {
    const at = this.#table.upsert(this.#key, 0);
    if (at === NO_ROW) return;
    const { columns } = this.#table;
    // Of those that began at once it is always the same one.
    const isFirst =
      this.#table.keys.added ||
      first < columns.first[at]! ||
      (first === columns.first[at] && caller >>> 0 < columns.by[at]!);
    if (isFirst) {
      columns.first[at] = first;
      columns.by[at] = caller;
    }
    columns.last[at] = Math.max(columns.last[at]!, last);
    this.#callers.add(at, caller);
  }

  #putKey(role: string, words: Uint32Array, pair: number): void {
    hashRole(role, this.#key, 0);
    for (let word = 0; word < 5; word++) this.#key[ROLE_WORDS + word] = words[pair + 4 + word]!;
  }
}

/** `first`, `by`: when it was first called, and a hash of who did; `last`: when it was called last. Unix seconds. */
function habitTable(limit: number) {
  return new StateTable(KEY_WORDS, limit, { first: u32(), by: u32(), last: u32() });
}
