import { isIpv4 } from '../src/columns/address.ts';
import { hashWords } from '../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../src/columns/session-batch.ts';

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMP_V6 = 58;
const SYN = 2;
const RST = 4;
/** Below it a port is a server's by number alone. */
const FIRST_USER_PORT = 1024;
/** Linux sends a SYN seven times (tcp_syn_retries = 6). */
const SYN_TRIES = 7;
/** A SYN or RST has no payload: 40 to 64 bytes in IPv4, 60 to 84 in IPv6. */
const EMPTY_PACKET = { v4: 64, v6: 84 } as const;
/** Ports of classic traceroute. */
const TRACEROUTE = { from: 33_434, to: 33_534 } as const;

/** Failed attempts of a step as columns: the session, the hash of its source, and the source's row (-1: noise). */
export interface Failures {
  readonly step: Step;
  /** Row of `active` × 2, or of `ended` × 2 + 1. */
  readonly items: number[];
  readonly hashes: number[];
  readonly sources: number[];
}

/** The batch that an item of {@link Failures} is in; its row is `item >>> 1`. */
export function batchOf(step: Step, item: number): SessionBatch {
  return (item & 1) === 0 ? step.active : step.ended;
}

/** A rejected record came in this step for a session that never worked: the reject tail of a session that worked is no attempt. */
export function isRejectedAttempt(sessions: SessionBatch, row: number): boolean {
  const state = sessions.state[row]!;
  if ((state & STATE.rejectedNow) === 0 || (state & STATE.established) !== 0) return false;
  return isTarget(sessions, row) && !isGuess(sessions, row);
}

/**
 * Whether a rejected attempt from inside to a public address may as well be one from there: without a SYN the side with the lower port is
 * taken for the server, and noise from outside comes from any port.
 */
function isGuess(sessions: SessionBatch, row: number): boolean {
  return (
    (sessions.state[row]! & STATE.synSeen) === 0 &&
    sessions.srcScope[row] === SCOPE.internal &&
    sessions.dstScope[row] === SCOPE.public &&
    sessions.protocol[row] !== ICMP &&
    sessions.dstPort[row]! >= FIRST_USER_PORT
  );
}

/**
 * A session that ended without being answered or only with a refusal. Judged at its end alone: an answer may come late, and in the next
 * record. Refusals count although they are "bytes both ways": logs without tcp-flags show a RST as an answer.
 */
export function isUnanswered(sessions: SessionBatch, row: number): boolean {
  if ((sessions.state[row]! & STATE.rejected) !== 0 || !isTarget(sessions, row)) return false;
  const protocol = sessions.protocol[row]!;
  const out = sessions.packetsOut[row]!;
  const back = sessions.packetsIn[row]!;
  if (out === 0) return false;
  if (protocol === TCP) {
    if (back === 0 && sessions.flagsOut[row] === SYN) return out <= SYN_TRIES;
    // A SYN back is an answer, also to a half-open check: load balancers look so whether their servers listen.
    return (sessions.flagsIn[row]! & SYN) === 0 && isEmpty(sessions, row);
  }
  if (back !== 0) return false;
  if (protocol === UDP) {
    const port = sessions.dstPort[row]!;
    return out <= 2 && (port < TRACEROUTE.from || port > TRACEROUTE.to);
  }
  // To public addresses ICMP is mostly errors, answers to noise; the log does not show its type.
  if (sessions.dstScope[row] !== SCOPE.internal) return false;
  return (protocol === ICMP || protocol === ICMP_V6) && out <= 4;
}

/** Most bytes of a TCP packet without content in the session's address family. */
export function emptyPacketOf(sessions: SessionBatch, row: number): number {
  return isIpv4(sessions.dstAddr, row * 4) ? EMPTY_PACKET.v4 : EMPTY_PACKET.v6;
}

/** TCP without payload or a whole handshake, as a refusal and a half-open check are: a few empty packets out, and as few back. */
function isEmpty(sessions: SessionBatch, row: number): boolean {
  const out = sessions.packetsOut[row]!;
  const back = sessions.packetsIn[row]!;
  const flagsIn = sessions.flagsIn[row]!;
  const empty = emptyPacketOf(sessions, row);
  // Windows tries a refused port three times; without flags three packets may be a handshake.
  const most = (flagsIn & RST) !== 0 && (flagsIn & SYN) === 0 ? 3 : 2;
  return (
    out <= most &&
    back <= most &&
    sessions.bytesOut[row]! <= empty * out &&
    sessions.bytesIn[row]! <= empty * back
  );
}

/** Whether the session did what it was for, as far as one can see: the opposite of a failed attempt. */
export function isSuccess(sessions: SessionBatch, row: number): boolean {
  if ((sessions.state[row]! & STATE.established) === 0) return false;
  return sessions.protocol[row] !== TCP || !isEmpty(sessions, row);
}

function isTarget(sessions: SessionBatch, row: number): boolean {
  const dst = sessions.dstScope[row]!;
  const src = sessions.srcScope[row]!;
  return dst !== SCOPE.multicast && dst !== SCOPE.linkLocal && src !== SCOPE.linkLocal;
}

/** Whether a failed attempt says something about sweeps: unanswered UDP on high ports is what P2P looks like. */
export function countsForSweep(sessions: SessionBatch, row: number): boolean {
  if (sessions.protocol[row] !== UDP || (sessions.state[row]! & STATE.rejected) !== 0) return true;
  return sessions.dstPort[row]! < 1024;
}

const target = new Uint32Array(9);
const PATH_SEED = 0x3b1a7f29;

/** Hash of who talks to which port of whom. */
export function hashPath(sessions: SessionBatch, row: number): number {
  for (let word = 0; word < 4; word++) {
    target[word] = sessions.srcAddr[row * 4 + word]!;
    target[4 + word] = sessions.dstAddr[row * 4 + word]!;
  }
  target[8] = portKey(sessions, row);
  return hashWords(target, 0, 9, PATH_SEED);
}

/** Protocol and server port in one number. */
export function portKey(sessions: SessionBatch, row: number): number {
  return (sessions.protocol[row]! << 16) | sessions.dstPort[row]!;
}

/** Writes who attempts: the address, or the /64 of an outside IPv6 source, which has all of it to send from. */
export function sourceOf(sessions: SessionBatch, row: number, out: Uint32Array, at: number): void {
  const words = sessions.srcAddr;
  const offset = row * 4;
  out[at] = words[offset]!;
  out[at + 1] = words[offset + 1]!;
  const network = sessions.srcScope[row] !== SCOPE.internal && !isIpv4(words, offset);
  out[at + 2] = network ? 0 : words[offset + 2]!;
  out[at + 3] = network ? 0 : words[offset + 3]!;
}
