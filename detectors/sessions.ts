import { SCOPE, type SessionBatch, STATE } from '../src/columns/session-batch.ts';

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpV6: 58 } as const;

/** What every detector of sessions needs (AWS names). */
export const SESSION_FIELDS: readonly string[] = [
  'srcaddr',
  'dstaddr',
  'srcport',
  'dstport',
  'protocol',
  'packets',
  'bytes',
  'start',
  'end',
  'action',
];

/** Our own networks, and what never leaves them, are not outside. */
export function isOutside(scope: number): boolean {
  return scope === SCOPE.public || scope === SCOPE.awsService;
}

/** Whether something new is known of the session in this step: it was first seen, or became established. */
export function isNew(state: number): boolean {
  return (state & (STATE.first | STATE.establishedNow)) !== 0;
}

/**
 * Whether this is the step in which the session is first known to be one that both ends speak in: once in its life. A capture window may
 * end in the middle of a handshake, so that becoming established is not enough. A refused attempt over TCP looks established in logs
 * without `tcp-flags`, and is two packets.
 */
export function beginsConversation(sessions: SessionBatch, row: number): boolean {
  const state = sessions.state[row]!;
  if ((state & STATE.established) === 0) return false;
  const { protocol, packetsOut, packetsIn, stepPacketsOut, stepPacketsIn } = sessions;
  const [out, back] = [packetsOut[row]!, packetsIn[row]!];
  const isTcp = protocol[row] === PROTOCOL.tcp;
  if (!isAnswered(isTcp, out, back)) return false;
  return (
    (state & STATE.establishedNow) !== 0 ||
    !isAnswered(isTcp, out - stepPacketsOut[row]!, back - stepPacketsIn[row]!)
  );
}

function isAnswered(isTcp: boolean, out: number, back: number): boolean {
  return isTcp ? out >= 3 && back >= 2 : back > 0;
}

/** A table from port number to the place in `groups`, from 1, of the ports that have it; 0: none. A test of one load a row. */
export function portTable(groups: readonly (readonly number[])[]): Uint8Array {
  const table = new Uint8Array(65_536);
  for (const [at, ports] of groups.entries()) for (const port of ports) table[port] = at + 1;
  return table;
}

/** Copies an address of a row into a key. */
export function putAddress(from: Uint32Array, row: number, key: Uint32Array, at: number): void {
  for (let word = 0; word < 4; word++) key[at + word] = from[row * 4 + word]!;
}

/** Key of a pair and what else tells cases apart: source, destination, `rest`; nine words. */
export function putPair(sessions: SessionBatch, row: number, rest: number, key: Uint32Array): void {
  putAddress(sessions.srcAddr, row, key, 0);
  putAddress(sessions.dstAddr, row, key, 4);
  key[8] = rest;
}
