import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Cases } from '../cases.ts';
import { type Claim, scoreOf } from '../claim.ts';
import { bytesText, rounded } from '../evidence.ts';
import type { DnsConfig } from './config.ts';

/** Ways of asking, by port. */
export const KIND = { dns: 1, dot: 2, doh: 3 } as const;
/** Sums of a pair: bytes and packets sent to port 53, bytes received. */
export const SUM = { bytes: 0, packets: 1, received: 2 } as const;

const WAYS = ['', 'DNS', 'DNS over TLS', 'DNS over HTTPS'] as const;
const PORT = [0, 53, 853, 443] as const;

/** A host that asks servers outside. */
export function bypassClaim(
  cases: Cases,
  at: number,
  sessions: SessionBatch,
  rows: readonly number[],
  count: number,
): Claim {
  const subject = formatAddress(sessions.srcAddr, rows[0]! * 4);
  const kind = cases.table.keys.keys[at * 5 + 4]!;
  const servers = cases.distinct.count(at, cases.tick);
  const peers = new Set(rows.map((row) => formatAddress(sessions.dstAddr, row * 4)));
  const peer = servers === 1 && peers.size === 1 ? [...peers][0]! : undefined;
  const who = peer ?? `${servers} name servers outside`;
  const { first, last } = cases.table.columns;
  return {
    severity: 'low',
    title: `${subject} asks ${who} by ${WAYS[kind]}, past the resolvers of the VPC`,
    subject,
    ...(peer === undefined ? {} : { peer }),
    port: PORT[kind]!,
    counterpart: WAYS[kind]!,
    firstSeen: first[at]!,
    lastSeen: last[at]!,
    count,
    score: scoreOf('low', servers, 1),
    explanation: {
      observed: `${cases.sum(at, 0)} sessions with ${servers} server${servers === 1 ? '' : 's'} in an hour`,
      baseline: '0 servers outside are expected, but those of `resolvers`',
      threshold: '1 answered session',
      formula: 'answered session to port 53, 853, or 443 of a known resolver outside that few hosts here use',
    },
    exception: { subject, ...(peer === undefined ? { rule: WAYS[kind]! } : { peer }) },
  };
}

/** A pair whose questions are too long and too many to be questions. */
export function tunnelClaim(
  cases: Cases,
  at: number,
  sessions: SessionBatch,
  rows: readonly number[],
  count: number,
  config: DnsConfig,
): Claim {
  const subject = formatAddress(sessions.srcAddr, rows[0]! * 4);
  const peer = formatAddress(sessions.dstAddr, rows[0]! * 4);
  const bytes = cases.sum(at, SUM.bytes);
  const packets = cases.sum(at, SUM.packets);
  const { first, last } = cases.table.columns;
  return {
    severity: 'medium',
    title: `${subject} may have a tunnel over DNS to ${peer}`,
    subject,
    peer,
    port: 53,
    counterpart: `${peer} tunnel`,
    firstSeen: first[at]!,
    lastSeen: last[at]!,
    count,
    score: scoreOf('medium', packets, config.tunnelQueries),
    explanation: {
      observed: `${packets} questions of ${rounded(bytes / packets, 3)} bytes in an hour, ${bytesText(bytes)} sent, ${bytesText(cases.sum(at, SUM.received))} received`,
      baseline: '60 to 90 bytes in an ordinary question, headers included',
      threshold: `${config.tunnelQueries} questions of ${config.tunnelBytes} bytes, or ${bytesText(config.tunnelVolume)}, in an hour`,
      formula:
        'packets to port 53 >= threshold and average bytes >= threshold, or bytes >= threshold; answered',
    },
    exception: { subject, peer },
  };
}
