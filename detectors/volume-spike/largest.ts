import { isSameAddress } from '../../src/columns/address.ts';
import type { Dictionary } from '../../src/columns/dictionary.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import { createSessionBatch, SCOPE, type SessionBatch, type Step } from '../../src/columns/session-batch.ts';
import { type Column, packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { FlowSample } from '../../src/contracts.ts';
import { compareRows, flowSample } from '../evidence.ts';

const SLOTS = 1024;
const PERIOD = 300;
/** Sessions that moved less in a minute are no evidence of volume. */
const LEAST_BYTES = 1000;

/** Columns that make a sample, and the one they compete by. */
const KEPT = [
  'srcAddr',
  'dstAddr',
  'srcPort',
  'dstPort',
  'protocol',
  'state',
  'start',
  'end',
  'interfaceId',
  'accountId',
  'bytesOut',
  'packetsOut',
  'stepBytesOut',
] as const satisfies readonly (keyof SessionBatch)[];

/**
 * The session that moved most in a minute, for each internal address in this and the last five minutes, so that a window has a record to
 * show. Addresses share slots; the larger session stays, whatever came first.
 */
export class Largest {
  readonly #sessions = createSessionBatch(SLOTS * 2);
  readonly #stamps = new Uint32Array(SLOTS * 2);

  add(step: Step): void {
    const { active } = step;
    const stamp = Math.floor(step.start / PERIOD);
    for (let row = 0; row < active.length; row++) {
      if (active.stepBytesOut[row]! + active.stepBytesIn[row]! < LEAST_BYTES) continue;
      if (active.srcScope[row] === SCOPE.internal) this.#offer(active, row, active.srcAddr, stamp);
      if (active.dstScope[row] === SCOPE.internal) this.#offer(active, row, active.dstAddr, stamp);
    }
  }

  /** Row of the address's session in {@link sessions} within the five minutes before `end`, -1 when there is none. */
  find(words: Uint32Array, offset: number, end: number): number {
    const stamp = Math.floor((end - 1) / PERIOD);
    const slot = slotOf(words, offset, stamp);
    if (this.#stamps[slot] !== stamp) return -1;
    return isSameAddress(this.#sessions.srcAddr, slot * 4, words, offset) ||
      isSameAddress(this.#sessions.dstAddr, slot * 4, words, offset)
      ? slot
      : -1;
  }

  sample(row: number, names: Dictionary): FlowSample {
    return flowSample(this.#sessions, row, names);
  }

  codes(row: number): { interfaceId: number; accountId: number } {
    return { interfaceId: this.#sessions.interfaceId[row]!, accountId: this.#sessions.accountId[row]! };
  }

  snapshot(): Uint8Array {
    const columns: Record<string, Column> = { stamps: this.#stamps };
    for (const name of KEPT) columns[name] = this.#sessions[name];
    return packSnapshot(columns, null);
  }

  restore(state: Uint8Array): void {
    const { columns } = unpackSnapshot(state);
    this.#stamps.set(columns.get('stamps') as Uint32Array);
    for (const name of KEPT) this.#sessions[name].set(columns.get(name) as never);
  }

  #offer(batch: SessionBatch, row: number, address: Uint32Array, stamp: number): void {
    const slot = slotOf(address, row * 4, stamp);
    const kept = this.#sessions;
    if (this.#stamps[slot] === stamp) {
      const moved = batch.stepBytesOut[row]! + batch.stepBytesIn[row]!;
      const difference = moved - kept.stepBytesOut[slot]!;
      if (difference < 0 || (difference === 0 && compareRows(batch, row, kept, slot) >= 0)) return;
    }
    this.#stamps[slot] = stamp;
    // Column by column as they are in {@link KEPT}: a loop over names costs a look into every batch's shape for each.
    for (let word = 0; word < 4; word++) {
      kept.srcAddr[slot * 4 + word] = batch.srcAddr[row * 4 + word]!;
      kept.dstAddr[slot * 4 + word] = batch.dstAddr[row * 4 + word]!;
    }
    kept.srcPort[slot] = batch.srcPort[row]!;
    kept.dstPort[slot] = batch.dstPort[row]!;
    kept.protocol[slot] = batch.protocol[row]!;
    kept.state[slot] = batch.state[row]!;
    kept.start[slot] = batch.start[row]!;
    kept.end[slot] = batch.end[row]!;
    kept.interfaceId[slot] = batch.interfaceId[row]!;
    kept.accountId[slot] = batch.accountId[row]!;
    kept.bytesOut[slot] = batch.bytesOut[row]!;
    kept.packetsOut[slot] = batch.packetsOut[row]!;
    // Both directions: what the next session has to beat.
    kept.stepBytesOut[slot] = batch.stepBytesOut[row]! + batch.stepBytesIn[row]!;
  }
}

/** Even and odd periods have slots of their own, so that a window finds its sessions when the next one has begun. */
function slotOf(words: Uint32Array, offset: number, stamp: number): number {
  return (hashWords(words, offset, 4) & (SLOTS - 1)) + (stamp & 1) * SLOTS;
}
