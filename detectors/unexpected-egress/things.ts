import { formatPrefix, isIpv4, type Prefix } from '../../src/columns/address.ts';
import type { Dictionary } from '../../src/columns/dictionary.ts';
import { SCOPE, type SessionBatch } from '../../src/columns/session-batch.ts';

/**
 * What a role can know, as four words: a destination (network or AWS service) or a server port. Destination networks are the address cut
 * to /24 or /48, so their last bits are 0; services and ports use the top of the address space, which is never unicast.
 */
export const THING_WORDS = 4;
const MARK = 0xffffffff;
const KIND = { service: 1, port: 2 } as const;
/** Ports from here on are one thing a protocol: they are handed out at random (passive FTP, RPC), so one says nothing of the next. */
export const FIRST_DYNAMIC_PORT = 32_768;

/**
 * Writes the destination of a row: its AWS service when the log names it, else its /24 or /48. What anybody can rent of AWS (`EC2`) is of
 * scope public and goes by network: who knows one machine there does not know the others.
 */
export function destinationOf(
  sessions: SessionBatch,
  row: number,
  names: Dictionary,
  out: Uint32Array,
  at: number,
): void {
  const service = sessions.dstService[row]!;
  if (service !== 0 && sessions.dstScope[row] === SCOPE.awsService) {
    out[at] = MARK;
    out[at + 1] = KIND.service;
    out[at + 2] = names.hash(service);
    out[at + 3] = 0;
    return;
  }
  const words = sessions.dstAddr;
  const offset = row * 4;
  if (isIpv4(words, offset)) {
    out[at] = 0;
    out[at + 1] = 0;
    out[at + 2] = words[offset + 2]!;
    out[at + 3] = words[offset + 3]! & 0xffffff00;
  } else {
    out[at] = words[offset]!;
    out[at + 1] = words[offset + 1]! & 0xffff0000;
    out[at + 2] = 0;
    out[at + 3] = 0;
  }
}

/** Writes the server port of a row. */
export function portOf(sessions: SessionBatch, row: number, out: Uint32Array, at: number): void {
  writePort(sessions.dstPort[row]!, sessions.protocol[row]!, out, at);
}

/** Writes a server port; all dynamic ones of a protocol are the same thing. */
export function writePort(port: number, protocol: number, out: Uint32Array, at: number): void {
  out[at] = MARK;
  out[at + 1] = KIND.port;
  out[at + 2] = (protocol << 16) | Math.min(port, FIRST_DYNAMIC_PORT);
  out[at + 3] = 0;
}

/** Network of a destination thing that is not a service. */
export function networkOf(things: Uint32Array, at: number): Prefix {
  const words = things.slice(at, at + 4);
  return { words, length: isIpv4(words, 0) ? 120 : 48 };
}

/** Text of a destination: `203.0.113.0/24`, or the name of the AWS service that row `row` goes to. */
export function destinationText(
  things: Uint32Array,
  at: number,
  sessions: SessionBatch,
  row: number,
  names: Dictionary,
): string {
  if (things[at] !== MARK) return formatPrefix(networkOf(things, at));
  return `aws:${names.text(sessions.dstService[row]!)}`;
}

/** Whether a destination thing is an IPv6 network. */
export function isIpv6Network(things: Uint32Array, at: number): boolean {
  return things[at] !== MARK && !isIpv4(things, at);
}

/** Whether a destination thing is an AWS service. */
export function isService(things: Uint32Array, at: number): boolean {
  return things[at] === MARK && things[at + 1] === KIND.service;
}
