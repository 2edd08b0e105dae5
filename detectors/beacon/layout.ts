import { StateTable, u16, u32 } from '../../src/columns/state-table.ts';

/** Hours that are kept of a pair, the current one included. */
export const HOURS = 24;
/** Intervals and sizes kept of each hour, the first ones: the median of a day needs no more. */
export const SAMPLES = 5;
/** Source, destination, server port with protocol. */
export const KEY_WORDS = 9;

/**
 * Where a pair's facts stand: one cache line. `first`, `last`: when the first and last call began; `end`: latest end; `hour`: hours since 1970
 * of the newest slot; `moment`, `until`, `together`: start of the last moment, when the next may begin, its calls; `calls`: since the
 * beginning; `port`, `ports`: last source port, how often it changed; `judged`: hour in which it was judged last; `toldCalls`: calls when
 * it was told last; `step`, `shown`: step and row of its last call.
 */
export const FACT = {
  first: 0,
  last: 1,
  end: 2,
  hour: 3,
  moment: 4,
  until: 5,
  together: 6,
  calls: 7,
  port: 8,
  ports: 9,
  judged: 10,
  toldCalls: 13,
  step: 14,
  shown: 15,
} as const;
export const FACTS = 16;
/**
 * Where an hour's slot has its calls, moments, squares of the calls of each moment (two halves), samples, then these, and the set of the
 * connections that called, as hashes of 4 bits. The set is whole or empty: it is for TCP only, and states of before have none.
 */
export const SLOT = {
  calls: 0,
  moments: 1,
  squaresLow: 2,
  squaresHigh: 3,
  used: 4,
  intervals: 5,
  sizes: 5 + SAMPLES,
  connections: 5 + 2 * SAMPLES,
} as const;
export const SLOT_WORDS = 16;

/** Where the slot of an hour begins. */
export function slotOf(at: number, hour: number): number {
  return (at * HOURS + (hour % HOURS)) * SLOT_WORDS;
}

/** A row a pair: its facts and its hours. */
export function callTable(limit: number) {
  return new StateTable(KEY_WORDS, limit, { facts: u32(FACTS), slots: u16(HOURS * SLOT_WORDS) });
}
