import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText, rounded } from '../evidence.ts';
import { isOutside, PROTOCOL, portTable, putPair } from '../sessions.ts';
import type { DosConfig, Kind } from './config.ts';

/** Minutes of event time without a flood after which its alert resolves. */
export const QUIET_MINUTES = 120;
const MINUTES = 10;
/** Packets out for each one back, from which on a target is said not to answer: QUIC and TCP acknowledge more often. */
const UNANSWERED = 50;
/** Average bytes of a packet of a flood over TCP, at most: without a handshake there is no content. */
const BARE_BYTES = 120;
/** Packets of a pair in a step below which it is no part of a flood. */
const STEP_PACKETS = 2000;
const STREAM_FACTOR = 10;
const BUCKETS = 1 << 12;
/** IPv4, IPv6 and multicast in IP, GRE, ESP, AH: tunnels. */
const TUNNELS: readonly number[] = [4, 41, 47, 50, 51];

const KINDS: readonly Kind[] = ['dns', 'udpOnTcp', 'udp', 'tcp', 'icmp', 'unusual'];
const TEXT: Readonly<Record<Kind, string>> = {
  dns: 'DNS',
  udpOnTcp: 'UDP on a TCP port',
  udp: 'UDP',
  tcp: 'TCP',
  icmp: 'ICMP',
  unusual: 'an unusual protocol',
};
/** Sums of a case: packets out and back, bytes out. */
const SUM = { packets: 0, answers: 1, bytes: 2 } as const;

/**
 * The detector at work. Rows to addresses outside that hardly answer are summed in few buckets first, since a flood may come from ten thousand
 * ports; only the rows of heavy buckets are counted by pair.
 */
export function createOutboundDos(config: DosConfig, context: DetectorContext): Detector {
  const usualOnTcp = portTable([config.tcpPorts]);
  const streams = portTable([config.streamPorts]);
  const load = new Float64Array(BUCKETS);
  const rows: number[] = [];
  const cases = new Cases({
    words: 9,
    limit: config.maxPairs,
    minutes: MINUTES,
    sums: 3,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) =>
      putPair(sessions, row, kindOf(sessions, row) * 2 + streamOf(sessions, row), key),
  });

  const streamOf = (sessions: SessionBatch, row: number): number =>
    sessions.protocol[row] === PROTOCOL.udp && streams[sessions.dstPort[row]!] !== 0 ? 1 : 0;

  /** Place in {@link KINDS}. */
  function kindOf(sessions: SessionBatch, row: number): number {
    const port = sessions.dstPort[row]!;
    switch (sessions.protocol[row]) {
      case PROTOCOL.udp:
        return port === 53 ? 0 : usualOnTcp[port] !== 0 ? 1 : 2;
      case PROTOCOL.tcp:
        return 3;
      case PROTOCOL.icmp:
      case PROTOCOL.icmpV6:
        return 4;
      default:
        return 5;
    }
  }

  function collect(sessions: SessionBatch): void {
    rows.length = 0;
    const { length, protocol, dstScope, stepPacketsOut, stepPacketsIn } = sessions;
    for (let row = 0; row < length; row++) {
      const packets = stepPacketsOut[row]!;
      if (packets === 0) continue;
      const icmp = protocol[row] === PROTOCOL.icmp || protocol[row] === PROTOCOL.icmpV6;
      if (!icmp && packets <= UNANSWERED * stepPacketsIn[row]!) continue;
      if (!isOutside(dstScope[row]!)) continue;
      if (rows.length === 0) load.fill(0);
      rows.push(row);
      const bucket = bucketOf(sessions, row);
      load[bucket] = load[bucket]! + packets;
    }
    let kept = 0;
    for (const row of rows)
      if (load[bucketOf(sessions, row)]! >= STEP_PACKETS && !TUNNELS.includes(protocol[row]!))
        rows[kept++] = row;
    rows.length = kept;
  }

  return detectorOf({ cases }, (step, emit) => {
    const { active } = step;
    cases.begin(step);
    collect(active);
    const found: Finding[] = [];
    for (const { at, rows: group } of cases.group(active, rows)) {
      for (const row of group) {
        cases.add(at, SUM.packets, active.stepPacketsOut[row]!);
        cases.add(at, SUM.answers, active.stepPacketsIn[row]!);
        cases.add(at, SUM.bytes, active.stepBytesOut[row]!);
      }
      const kind = KINDS[kindOf(active, group[0]!)]!;
      const least = config.packets[kind] * (streamOf(active, group[0]!) === 1 ? STREAM_FACTOR : 1);
      const packets = cases.sum(at, SUM.packets);
      if (packets < least || !cases.isNews(at, cases.total(at, SUM.packets), 'high')) continue;
      if (kind === 'tcp' && cases.sum(at, SUM.bytes) > BARE_BYTES * packets) continue;
      const count = cases.tell(at, cases.total(at, SUM.packets), 'high');
      const claim = claimOf(cases, at, active, group, kind, least, count);
      found.push(findingOf(claim, active, group, context.names));
    }
    for (const finding of inOrder(found)) emit(finding);
  });
}

/** A cheap hash of the pair and protocol: collisions only cost time. */
function bucketOf(sessions: SessionBatch, row: number): number {
  const { srcAddr, dstAddr, protocol } = sessions;
  const at = row * 4;
  let hash = Math.imul(dstAddr[at + 3]! ^ protocol[row]!, 0x9e3779b1);
  hash = Math.imul(hash ^ srcAddr[at + 3]!, 0x85ebca6b);
  hash = Math.imul(hash ^ dstAddr[at]! ^ dstAddr[at + 1]! ^ srcAddr[at + 1]!, 0xc2b2ae35);
  return hash >>> 20;
}

function claimOf(
  cases: Cases,
  at: number,
  sessions: SessionBatch,
  rows: readonly number[],
  kind: Kind,
  least: number,
  count: number,
): Claim {
  const row = rows[0]!;
  const subject = formatAddress(sessions.srcAddr, row * 4);
  const peer = formatAddress(sessions.dstAddr, row * 4);
  const packets = cases.sum(at, SUM.packets);
  const bytes = cases.sum(at, SUM.bytes);
  const ports = new Set(rows.map((other) => sessions.dstPort[other]!));
  const hasPort =
    ports.size === 1 && (kind === 'dns' || kind === 'udp' || kind === 'udpOnTcp' || kind === 'tcp');
  const { first, last } = cases.table.columns;
  return {
    severity: 'high',
    title: `${subject} floods ${peer} with ${TEXT[kind]}`,
    subject,
    peer,
    ...(hasPort ? { port: sessions.dstPort[row]! } : {}),
    protocol: sessions.protocol[row]!,
    counterpart: `${peer} ${TEXT[kind]}`,
    firstSeen: first[at]!,
    lastSeen: last[at]!,
    count,
    score: scoreOf('high', packets, least),
    explanation: {
      observed: `${packets} packets, ${bytesText(bytes)} in ${MINUTES} min`,
      baseline: `${cases.sum(at, SUM.answers)} packets came back`,
      threshold: `${least} packets in ${MINUTES} min`,
      formula:
        kind === 'icmp'
          ? 'packets to one address >= threshold'
          : `packets to one address >= threshold, of sessions with more than ${UNANSWERED} packets for each that came back`,
      bytesPerPacket: rounded(bytes / packets, 3),
      packetsPerSecond: rounded(packets / (MINUTES * 60), 3),
      ports: ports.size,
    },
    exception: { subject, peer },
  };
}
