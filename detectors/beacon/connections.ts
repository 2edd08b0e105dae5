import { countBits } from '../../src/columns/bits.ts';
import { hashNumber } from '../../src/columns/key-table.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';

/** Bits of a set of connections. */
const BITS = 16;
/**
 * Sessions of one connection that is kept open, at least: an implant connects for each call. A heartbeat an hour has six when a pair is
 * judged first, after six hours. A new connection for each of twelve calls or more sets too few bits once in 10^6 times at most.
 */
const SESSIONS = 4;
/** Connections that make fresh ones, however many calls there are. */
const FRESH = 8;

/**
 * The bit of the connection that a session is of. Silence cuts a connection that is kept open into sessions, and its port stays; a SYN begins
 * another one, whatever its port.
 */
export function bitOf({ srcPort, state, start }: SessionBatch, row: number): number {
  const begun = (state[row]! & STATE.synSeen) !== 0 ? start[row]! : 0;
  return 1 << (hashNumber(srcPort[row]!, begun) % BITS);
}

/**
 * Whether `calls` sessions are of the few connections in `set` that were kept open, as agents and pools have them. Of an empty set nothing is
 * known.
 */
export function areKeptOpen(calls: number, set: number): boolean {
  const bits = countBits(set);
  return bits > 0 && bits < FRESH && bits * SESSIONS <= calls;
}
