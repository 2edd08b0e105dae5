import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Claim } from '../claim.ts';
import { bytesText, durationText, portText, rounded } from '../evidence.ts';
import { PROTOCOL } from '../sessions.ts';
import type { IrcConfig } from './config.ts';

/** A client in a channel; `row` is one of its sessions, `called` whether the server is its responder, `listens` whether it gets far more than it says, times are unix seconds. */
interface Channel {
  readonly sessions: SessionBatch;
  readonly row: number;
  readonly called: boolean;
  readonly listens: boolean;
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

export function channelClaim(
  { sessions, row, called, listens, count, first, last }: Channel,
  config: IrcConfig,
): Claim {
  const src = formatAddress(sessions.srcAddr, row * 4);
  const dst = formatAddress(sessions.dstAddr, row * 4);
  const [client, server] = called ? [src, dst] : [dst, src];
  const port = called ? sessions.dstPort[row]! : sessions.srcPort[row]!;
  const [sent, received] = called
    ? [sessions.bytesOut[row]!, sessions.bytesIn[row]!]
    : [sessions.bytesIn[row]!, sessions.bytesOut[row]!];
  const service = portText(port, PROTOCOL.tcp);
  const seconds = sessions.end[row]! - sessions.start[row]!;
  return {
    severity: listens ? 'medium' : 'low',
    title: `${client} is on the IRC server ${server}, ${service}`,
    subject: client,
    peer: server,
    port,
    protocol: PROTOCOL.tcp,
    counterpart: `${server} ${service}`,
    firstSeen: first,
    lastSeen: last,
    count,
    score: listens ? 0.55 : 0.25,
    explanation: {
      observed: `a session of ${durationText(seconds)}: ${bytesText(sent)} sent, ${bytesText(received)} received`,
      baseline: '0 hosts that chat',
      threshold: `${config.minSeconds} s and ${bytesText(config.minReceived)} received on a port of IRC; medium from ${config.listenRatio} bytes received for each one sent`,
      formula:
        'port of IRC at one end, outside, and payload both ways, and duration and bytes received >= threshold',
      received: `${rounded(received / Math.max(1, sent), 3)} bytes for each one sent`,
    },
  };
}
