import { formatAddress } from '../../src/columns/address.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText, durationText, protocolText, rounded } from '../evidence.ts';
import { Known } from '../known.ts';
import { hashRole, ROLE_WORDS } from '../role-hash.ts';
import { isOutside, PROTOCOL, putPair } from '../sessions.ts';
import type { ProtocolConfig } from './config.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const DAY = 86_400;
const FORGET_DAYS = 60;
const HOUR = 60;
const SUM = { sent: 0, packets: 1, received: 2 } as const;
/** What a row is, by protocol. */
const KIND = { usual: 0, icmp: 1, unusual: 2 } as const;

/** What is looked at: ICMP, and what is not usual. */
export function unusualProtocols(usual: readonly number[]): number[] {
  const icmp: readonly number[] = [PROTOCOL.icmp, PROTOCOL.icmpV6];
  return Array.from({ length: 256 }, (_, protocol) => protocol).filter(
    (protocol) => icmp.includes(protocol) || !usual.includes(protocol),
  );
}

/** The detector at work: protocols by role, bytes of ICMP and of unusual protocols by pair. */
export function createUnusualProtocol(config: ProtocolConfig, context: DetectorContext): Detector {
  const learnSeconds = config.learnDays * DAY;
  const kindOf = new Uint8Array(256).fill(KIND.unusual);
  for (const protocol of config.usual) kindOf[protocol] = KIND.usual;
  kindOf[PROTOCOL.icmp] = KIND.icmp;
  kindOf[PROTOCOL.icmpV6] = KIND.icmp;
  const known = new Known(ROLE_WORDS + 1, config.maxRoles, FORGET_DAYS * DAY);
  const pairs = new Cases({
    words: 9,
    limit: config.maxPairs,
    minutes: HOUR,
    bucketMinutes: 5,
    sums: 3,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putPair(sessions, row, sessions.protocol[row]!, key),
  });
  const role = new Uint32Array(ROLE_WORDS + 1);

  function putRole(sessions: SessionBatch, row: number, key: Uint32Array): void {
    hashRole(context.roleOf(sessions.srcAddr, row * 4), key, 0);
    key[ROLE_WORDS] = sessions.protocol[row]!;
  }

  function collect(sessions: SessionBatch): number[] {
    const rows: number[] = [];
    const { length, protocol, state, dstScope, stepBytesOut } = sessions;
    for (let row = 0; row < length; row++) {
      if (kindOf[protocol[row]!] === KIND.usual || stepBytesOut[row] === 0) continue;
      if ((state[row]! & STATE.accepted) !== 0 && isOutside(dstScope[row]!)) rows.push(row);
    }
    return rows;
  }

  function claimOf(
    at: number,
    sessions: SessionBatch,
    rows: readonly number[],
    now: number,
  ): Claim | undefined {
    const row = rows[0]!;
    const protocol = sessions.protocol[row]!;
    const icmp = kindOf[protocol] === KIND.icmp;
    const sent = pairs.sum(at, SUM.sent);
    const size = sent / Math.max(1, pairs.sum(at, SUM.packets));
    if (icmp) {
      // A tunnel is answered; a flood is another detector's business.
      if (sent < config.icmpBytes || size < config.icmpPacketBytes || pairs.sum(at, SUM.received) * 10 < sent)
        return undefined;
    } else {
      putRole(sessions, row, role);
      const since = known.since(role);
      if ((since !== undefined && now - since >= learnSeconds) || (since === undefined && known.isFull))
        return undefined;
    }
    const severity = icmp ? 'medium' : 'low';
    const extent = icmp ? pairs.total(at, SUM.sent) : 1;
    if (!pairs.isNews(at, extent, severity)) return undefined;
    const subject = formatAddress(sessions.srcAddr, row * 4);
    const peer = formatAddress(sessions.dstAddr, row * 4);
    const name = protocolText(protocol);
    const { first, last } = pairs.table.columns;
    return {
      severity,
      title: icmp
        ? `${subject} may have a tunnel over ICMP to ${peer}`
        : `${subject} speaks ${name} with ${peer}, which its role did not do before`,
      subject,
      peer,
      protocol,
      counterpart: `${peer} ${name}`,
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: pairs.tell(at, extent, severity),
      score: scoreOf(severity, sent, icmp ? config.icmpBytes : sent),
      explanation: {
        observed: `${bytesText(sent)} sent, ${bytesText(pairs.sum(at, SUM.received))} received in an hour, ${rounded(size, 3)} bytes a packet`,
        baseline: icmp
          ? '84 bytes in an ordinary ping'
          : `0 sessions with ${name} by role ${context.roleOf(sessions.srcAddr, row * 4)}, watched for ${durationText(now - pairs.since)}`,
        threshold: icmp
          ? `${bytesText(config.icmpBytes)} in an hour, ${config.icmpPacketBytes} bytes a packet`
          : '1 session',
        formula: icmp
          ? 'bytes to one address >= threshold and average bytes >= threshold, and at least a tenth comes back'
          : 'accepted packets of a protocol that the role has used for less than learnDays',
      },
      exception: { subject, peer, protocol },
    };
  }

  return detectorOf({ pairs, known }, (step, emit) => {
    pairs.begin(step);
    known.forget(step.start);
    const { active } = step;
    const rows = collect(active);
    if (rows.length === 0) return;
    const found: Finding[] = [];
    for (const { at, rows: group } of pairs.group(active, rows)) {
      for (const row of group) {
        pairs.add(at, SUM.sent, active.stepBytesOut[row]!);
        pairs.add(at, SUM.packets, active.stepPacketsOut[row]!);
        pairs.add(at, SUM.received, active.stepBytesIn[row]!);
      }
      const claim = claimOf(at, active, group, step.end);
      if (claim !== undefined) found.push(findingOf(claim, active, group, context.names));
    }
    const unusual = rows.filter((row) => kindOf[active.protocol[row]!] === KIND.unusual);
    known.learn(unusual.length, (item, key) => putRole(active, unusual[item]!, key), step.end);
    for (const finding of inOrder(found)) emit(finding);
  });
}
