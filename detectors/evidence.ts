import { formatAddress } from '../src/columns/address.ts';
import type { Dictionary } from '../src/columns/dictionary.ts';
import { type SessionBatch, STATE } from '../src/columns/session-batch.ts';
import type { FlowSample } from '../src/contracts.ts';

/** Initiator → responder direction of a session as a flow sample: the whole session so far, not only the step. */
export function flowSample(sessions: SessionBatch, row: number, names: Dictionary): FlowSample {
  const accepted = (sessions.state[row]! & STATE.accepted) !== 0 || sessions.packetsOut[row]! > 0;
  return {
    'interface-id': names.text(sessions.interfaceId[row]!),
    srcaddr: formatAddress(sessions.srcAddr, row * 4),
    dstaddr: formatAddress(sessions.dstAddr, row * 4),
    srcport: sessions.srcPort[row]!,
    dstport: sessions.dstPort[row]!,
    protocol: sessions.protocol[row]!,
    packets: accepted ? sessions.packetsOut[row]! : sessions.rejectedPackets[row]!,
    bytes: sessions.bytesOut[row]!,
    start: sessions.start[row]!,
    end: sessions.end[row]!,
    action: accepted ? 'ACCEPT' : 'REJECT',
  };
}

/** What an evidence query asks for; addresses as canonical text, times as unix seconds. */
export interface Evidence {
  /** Either end. */
  readonly subject?: string;
  readonly src?: string;
  /** The other end: of `subject` either way, of `src` the destination. */
  readonly peer?: string;
  /** Network of the other end, instead of `peer`. */
  readonly peerNetwork?: string;
  /** Network of the source, instead of `src`. */
  readonly srcNetwork?: string;
  readonly port?: number;
  readonly protocol?: number;
  readonly from: number;
  readonly to: number;
  readonly rejectedOnly?: boolean;
}

const COLUMNS =
  'interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start, "end", action';
const EVIDENCE_ROWS = 200;

/** SQL over `flows` that shows the records behind a finding. Both directions, except when only the source is given. */
export function evidenceQuery(evidence: Evidence): string {
  const { subject, src, peer, peerNetwork, srcNetwork, port, protocol } = evidence;
  const where: string[] = [];
  const other = (column: string): string[] => {
    if (peer !== undefined) return [`${column} = '${peer}'`];
    return peerNetwork === undefined ? [] : [`in_cidr(${column}, '${peerNetwork}')`];
  };
  if (subject !== undefined) {
    const forth = [`srcaddr = '${subject}'`, ...other('dstaddr')].join(' AND ');
    const back = [`dstaddr = '${subject}'`, ...other('srcaddr')].join(' AND ');
    where.push(`((${forth}) OR (${back}))`);
  } else {
    if (src !== undefined) where.push(`srcaddr = '${src}'`);
    if (srcNetwork !== undefined) where.push(`in_cidr(srcaddr, '${srcNetwork}')`);
    where.push(...other('dstaddr'));
  }
  if (port !== undefined) {
    where.push(subject === undefined ? `dstport = ${port}` : `(srcport = ${port} OR dstport = ${port})`);
  }
  if (protocol !== undefined) where.push(`protocol = ${protocol}`);
  if (evidence.rejectedOnly === true) where.push("action = 'REJECT'");
  where.push(`"end" >= ${timestamp(evidence.from)}`, `start <= ${timestamp(evidence.to)}`);
  return `SELECT ${COLUMNS} FROM flows WHERE ${where.join(' AND ')} ORDER BY "end", srcport, dstport LIMIT ${EVIDENCE_ROWS}`;
}

/** A SQL literal of unix seconds. */
export function timestamp(seconds: number): string {
  return `TIMESTAMP '${utc(seconds)}'`;
}

/** `2026-01-31 09:30:00`, UTC. */
export function utc(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes for people, decimal units, three digits: `52.4 MB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${BYTE_UNITS[unit]}`;
}

const PROTOCOLS = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [47, 'gre'],
  [50, 'esp'],
  [58, 'icmpv6'],
  [132, 'sctp'],
]);

/** `tcp`, `udp`, … or `protocol 89` (IANA protocol numbers). */
export function protocolText(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? `protocol ${protocol}`;
}

/** `443/tcp`. */
export function portText(port: number, protocol: number): string {
  return `${port}/${protocolText(protocol)}`;
}

/** Duration for people: `7 d`, `90 min`, `45 s`. */
export function durationText(seconds: number): string {
  if (seconds >= 2 * 86_400) return `${Number((seconds / 86_400).toFixed(1))} d`;
  if (seconds >= 2 * 3600) return `${Number((seconds / 3600).toFixed(1))} h`;
  return seconds >= 120 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`;
}

/** Rounds to `digits` significant digits, for explanations. */
export function rounded(value: number, digits = 4): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value;
}

/** Orders rows of a batch by what they are, never by where they stand: addresses, ports, protocol, start. */
export function compareRows(a: SessionBatch, i: number, b: SessionBatch, j: number): number {
  for (let word = 0; word < 4; word++) {
    const d = a.srcAddr[i * 4 + word]! - b.srcAddr[j * 4 + word]!;
    if (d !== 0) return d;
  }
  for (let word = 0; word < 4; word++) {
    const d = a.dstAddr[i * 4 + word]! - b.dstAddr[j * 4 + word]!;
    if (d !== 0) return d;
  }
  return (
    a.dstPort[i]! - b.dstPort[j]! ||
    a.srcPort[i]! - b.srcPort[j]! ||
    a.protocol[i]! - b.protocol[j]! ||
    a.start[i]! - b.start[j]! ||
    a.end[i]! - b.end[j]!
  );
}
