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
/** Two hundred thousand pairs, and hosts that fail, a day. */
const PAIR_BITS = 1 << 21;
const HOST_COUNTS = 1 << 18;
const PAIR_SEEDS = [0x2f6b1c35, 0x7d0e94a1] as const;

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
  readonly #key = new Uint32Array(8);
  #day = 0;

  /** First contacts of the step, one a pair: it failed when nothing of the step worked. Remembers them. */
  take(step: Step): Contact[] {
    const day = Math.floor(step.start / DAY);
    if (day !== this.#day) {
      this.#day = day;
      this.#met.turn();
      this.#failing.turn();
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
      const [one, other] = this.#hash(sessions, row);
      this.#met.add(one, other);
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
      const [one, other] = this.#hash(sessions, row);
      if (this.#met.maybe(one, other)) continue;
      const at = pairs.upsert(this.#key, 0);
      const known = into[at];
      // One of several attempts at a host stands for all: the same one in any order of rows, and one that worked if there is one.
      if (known === undefined || (known.failed === failed && comesBefore(sessions, row, known)))
        into[at] = { sessions, row, failed };
    }
  }

  #hash(sessions: SessionBatch, row: number): [number, number] {
    putAddress(sessions.srcAddr, row, this.#key, 0);
    putAddress(sessions.dstAddr, row, this.#key, 4);
    return [hashWords(this.#key, 0, 8, PAIR_SEEDS[0]), hashWords(this.#key, 0, 8, PAIR_SEEDS[1])];
  }

  snapshot(): Uint8Array {
    return packSnapshot({ met: this.#met.snapshot(), failing: this.#failing.snapshot() }, { day: this.#day });
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.#met.restore(columns.get('met') as Uint8Array);
    this.#failing.restore(columns.get('failing') as Uint8Array);
    this.#day = (meta as { day: number }).day;
  }
}

function comesBefore(sessions: SessionBatch, row: number, other: Contact): boolean {
  return compareRows(sessions, row, other.sessions, other.row) < 0;
}
