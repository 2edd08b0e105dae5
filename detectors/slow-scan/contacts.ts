import { AgingCounts } from '../../src/columns/aging-counts.ts';
import { AgingFilter } from '../../src/columns/aging-filter.ts';
import { hashNumber, hashWords, KeyTable } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { isRejectedAttempt, isSuccess, isUnanswered } from '../attempts.ts';
import { compareRows } from '../evidence.ts';
import { putAddress } from '../sessions.ts';

/** Pairs are remembered for one to two days. */
const DAY = 86_400;
/** Eight hundred thousand pairs, and 26,000 hosts that fail, a day. */
const PAIR_BITS = 1 << 23;
const HOST_COUNTS = 1 << 18;
const PAIR_SEED = 0x2f6b1c35;
/** Pairs met last, by the lower bits of their hash: most sessions repeat a pair, and this stays in the cache, which the filter does not. */
const NOTED = 1 << 12;

/** The first contact of a source with a host. */
export interface Contact {
  readonly sessions: SessionBatch;
  readonly row: number;
  readonly failed: boolean;
}

/** Whom each host of ours has contacted in the last day or two, and how many sources failed on a host. */
export class Contacts {
  readonly #met = new AgingFilter(PAIR_BITS);
  readonly #failing = new AgingCounts(HOST_COUNTS);
  readonly #noted = new Int32Array(NOTED);
  readonly #key = new Uint32Array(8);
  #day = 0;

  constructor() {
    this.#forgetNoted();
  }

  /** Contacts past what memory of them is made for. */
  get overflow(): number {
    return this.#met.overflow;
  }

  /** First contacts of the step, one a pair: it failed when nothing of the step worked. Remembers them. */
  take(step: Step): Contact[] {
    const day = Math.floor(step.start / DAY);
    if (day !== this.#day) {
      this.#day = day;
      this.#met.turn();
      this.#failing.turn();
      this.#forgetNoted();
    }
    const { active, ended } = step;
    const worked: number[] = [];
    const failed: number[] = [];
    for (let row = 0; row < active.length; row++) {
      const state = active.state[row]!;
      if (
        (state & (STATE.rejectedNow | STATE.establishedNow)) === 0 ||
        active.srcScope[row] !== SCOPE.internal
      )
        continue;
      if ((state & STATE.rejectedNow) !== 0) {
        if (isRejectedAttempt(active, row)) failed.push(row * 2);
      } else if (isSuccess(active, row)) worked.push(row * 2);
    }
    for (let row = 0; row < ended.length; row++)
      if (ended.srcScope[row] === SCOPE.internal && isUnanswered(ended, row)) failed.push(row * 2 + 1);
    const contacts: Contact[] = [];
    if (worked.length + failed.length === 0) return contacts;
    const pairs = new KeyTable(8, worked.length + failed.length);
    this.#gather(step, worked, false, pairs, contacts);
    this.#gather(step, failed, true, pairs, contacts);
    for (const { sessions, row, failed: inVain } of contacts) {
      this.#note(this.#hash(sessions, row));
      if (!inVain) continue;
      const host = hashWords(sessions.dstAddr, row * 4, 4);
      this.#failing.add(host, hashNumber(host));
    }
    return contacts;
  }

  /** How many sources failed on the host of a contact, at most 510. */
  failing({ sessions, row }: Contact): number {
    const host = hashWords(sessions.dstAddr, row * 4, 4);
    return this.#failing.count(host, hashNumber(host));
  }

  #gather(step: Step, items: readonly number[], failed: boolean, pairs: KeyTable, into: Contact[]): void {
    for (const item of items) {
      const sessions = (item & 1) === 0 ? step.active : step.ended;
      const row = item >>> 1;
      const pair = this.#hash(sessions, row);
      if (this.#isNoted(pair)) continue;
      if (this.#met.maybe(pair)) {
        this.#note(pair);
        continue;
      }
      const at = pairs.upsert(this.#key, 0);
      const known = into[at];
      // One of several attempts at a host stands for all: the same one in any order of rows, and one that worked if there is one.
      if (known === undefined || (known.failed === failed && comesBefore(sessions, row, known)))
        into[at] = { sessions, row, failed };
    }
  }

  #hash(sessions: SessionBatch, row: number): number {
    putAddress(sessions.srcAddr, row, this.#key, 0);
    putAddress(sessions.dstAddr, row, this.#key, 4);
    return hashWords(this.#key, 0, 8, PAIR_SEED);
  }

  /** Keeps a pair for another day or two. */
  #note(pair: number): void {
    if (this.#isNoted(pair)) return;
    this.#noted[pair & (NOTED - 1)] = pair;
    this.#met.add(pair);
  }

  /** Whether the pair was noted today: surely met. Of equal hashes the filter keeps the same bits, so that this decides nothing. */
  #isNoted(pair: number): boolean {
    return this.#noted[pair & (NOTED - 1)] === (pair | 0);
  }

  #forgetNoted(): void {
    this.#noted.fill(0);
    // No hash that belongs there: an empty place must not look like hash 0.
    this.#noted[0] = 1;
  }

  snapshot(): Uint8Array {
    return packSnapshot({ met: this.#met.snapshot(), failing: this.#failing.snapshot() }, { day: this.#day });
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.#met.restore(columns.get('met') as Uint8Array);
    this.#failing.restore(columns.get('failing') as Uint8Array);
    this.#day = (meta as { day: number }).day;
    this.#forgetNoted();
  }
}

function comesBefore(sessions: SessionBatch, row: number, other: Contact): boolean {
  return compareRows(sessions, row, other.sessions, other.row) < 0;
}
