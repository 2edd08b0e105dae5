import { formatAddress } from '../../src/columns/address.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Indicator } from '../../src/contracts.ts';
import { compareRows } from '../evidence.ts';
import { isUsable, type Topic, topicOf } from '../feed-topics.ts';
import { isOutside } from '../sessions.ts';
import type { BadIpConfig } from './config.ts';
import { type Contact, findingOf, KIND, type Kind, serviceText } from './finding.ts';
import { judgePast } from './past.ts';

/** Seconds after which a session that goes on is told again: half of the quiet period, so that its alert does not resolve meanwhile. */
const REMIND = 43_200;
/** Longest aggregation interval: a session has a record in any stretch of it. */
const LONGEST_RECORD = 600;

/** What detectors of their own judge when our end started it. */
const HAS_DETECTOR: readonly Topic[] = ['tor', 'crypto-mining'];

/**
 * The detector at work. It has no state: each session is judged in the step in which it is first seen, in which it is first accepted or
 * established, and in which it passes `bulkBytes`, and twice a day while it goes on; what one step shows of the same subject and peer is one
 * finding.
 */
export function createBadIp(config: BadIpConfig, context: DetectorContext): Detector {
  const { indicators } = context;

  const usable = (indicator: Indicator | undefined, end: number): indicator is Indicator =>
    isUsable(indicator, config.minConfidence, end);

  function judge(sessions: SessionBatch, emit: Parameters<NonNullable<Detector['late']>>[1]): void {
    const contacts = new Map<string, Contact>();
    for (let row = 0; row < sessions.length; row++) {
      // Most sessions have both ends inside.
      const outward = isOutside(sessions.dstScope[row]!);
      if (!outward && !isOutside(sessions.srcScope[row]!)) continue;
      const news = newsOf(sessions, row, config.bulkBytes);
      if (news === 0) continue;
      const end = sessions.end[row]!;
      if (outward) {
        const indicator = indicators.match(sessions.dstAddr, row * 4);
        if (usable(indicator, end)) {
          if (HAS_DETECTOR.includes(topicOf(indicator.category))) continue;
          const kind = outboundKind(sessions, row, news);
          if (kind !== undefined) add(contacts, sessions, row, kind, indicator);
          continue;
        }
      }
      if (!config.inbound || (news & (NEWS.established | NEWS.bulk | NEWS.goesOn)) === 0) continue;
      if ((sessions.state[row]! & STATE.established) === 0 || !isOutside(sessions.srcScope[row]!)) continue;
      const indicator = indicators.match(sessions.srcAddr, row * 4);
      if (usable(indicator, end)) add(contacts, sessions, row, KIND.inbound, indicator);
    }
    for (const key of [...contacts.keys()].sort())
      emit(findingOf(contacts.get(key)!, sessions, config, context.names));
  }

  return {
    overflow: 0,
    step(step, emit) {
      if (indicators.size > 0) judge(step.active, emit);
    },
    late(sessions, emit) {
      if (indicators.size > 0) judge(sessions, emit);
    },
    past: (contacts, now, emit) => judgePast(contacts, now, config, emit),
    snapshot: () => new Uint8Array(0),
    restore() {},
  };
}

/** What is new of a session in this step. */
const NEWS = { first: 1, accepted: 2, established: 4, bulk: 8, goesOn: 16 } as const;

function newsOf(sessions: SessionBatch, row: number, bulkBytes: number): number {
  const state = sessions.state[row]!;
  let news = (state & STATE.first) !== 0 ? NEWS.first : 0;
  if ((state & STATE.establishedNow) !== 0) news |= NEWS.established;
  const packets = sessions.packetsOut[row]! + sessions.packetsIn[row]!;
  // All its accepted packets came in this step.
  if (packets > 0 && sessions.stepPacketsOut[row]! + sessions.stepPacketsIn[row]! === packets)
    news |= NEWS.accepted;
  if (
    passes(sessions.bytesOut[row]!, sessions.stepBytesOut[row]!, bulkBytes) ||
    passes(sessions.bytesIn[row]!, sessions.stepBytesIn[row]!, bulkBytes)
  )
    news |= NEWS.bulk;
  const lasted = sessions.end[row]! - sessions.start[row]!;
  if (lasted >= REMIND && lasted % REMIND < LONGEST_RECORD) news |= NEWS.goesOn;
  return news;
}

function passes(total: number, added: number, limit: number): boolean {
  return total >= limit && total - added < limit;
}

/**
 * Without a SYN the initiator is a guess by ports, and noise from port 443 looks like an answer: then our end must have sent something that
 * was let through, and a rejected session, of which nothing was, is nobody's.
 */
function outboundKind(sessions: SessionBatch, row: number, news: number): Kind | undefined {
  const state = sessions.state[row]!;
  const isFact = (state & STATE.synSeen) !== 0;
  if ((state & STATE.accepted) !== 0)
    return isFact || sessions.packetsOut[row]! > 0 ? KIND.outbound : undefined;
  return isFact && (news & NEWS.first) !== 0 ? KIND.blocked : undefined;
}

function add(
  contacts: Map<string, Contact>,
  sessions: SessionBatch,
  row: number,
  kind: Kind,
  indicator: Indicator,
): void {
  const inbound = kind === KIND.inbound;
  const subject = formatAddress(inbound ? sessions.dstAddr : sessions.srcAddr, row * 4);
  const peer = formatAddress(inbound ? sessions.srcAddr : sessions.dstAddr, row * 4);
  const port = serviceText(sessions.dstPort[row]!, sessions.protocol[row]!);
  // Listed scanners come by the thousand: those that reached the same service are one alert. Ours to them is one alert a peer.
  const counterpart = inbound ? `${indicator.feed} inbound ${port}` : peer;
  const key = `${kind} ${subject} ${counterpart}`;
  const sent = inbound ? sessions.bytesIn[row]! : sessions.bytesOut[row]!;
  const received = inbound ? sessions.bytesOut[row]! : sessions.bytesIn[row]!;
  let contact = contacts.get(key);
  if (contact === undefined) {
    contact = {
      kind,
      subject,
      counterpart,
      indicator,
      best: row,
      peers: new Set(),
      ports: new Set(),
      sessions: 0,
      established: 0,
      sent: 0,
      received: 0,
      most: 0,
      first: sessions.start[row]!,
      last: sessions.end[row]!,
    };
    contacts.set(key, contact);
  }
  contact.peers.add(peer);
  contact.ports.add(port);
  contact.sessions++;
  if ((sessions.state[row]! & STATE.established) !== 0) contact.established++;
  contact.sent += sent;
  contact.received += received;
  contact.first = Math.min(contact.first, sessions.start[row]!);
  contact.last = Math.max(contact.last, sessions.end[row]!);
  if (sent > contact.most) contact.most = sent;
  if (isBetter(sessions, row, contact.best, inbound)) {
    contact.best = row;
    contact.indicator = indicator;
  }
}

/** Rows come in any order, so the row shown is chosen by what it is: the most sent, then by addresses, ports and time. */
function isBetter(sessions: SessionBatch, row: number, best: number, inbound: boolean): boolean {
  const sent = inbound ? sessions.bytesIn : sessions.bytesOut;
  return (sent[row]! - sent[best]! || compareRows(sessions, best, sessions, row)) > 0;
}
