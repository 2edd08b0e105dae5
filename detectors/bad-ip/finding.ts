import type { Dictionary } from '../../src/columns/dictionary.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import { type Finding, type Indicator, SEVERITIES, type Severity } from '../../src/contracts.ts';
import { bytesText, evidenceQuery, flowSample, portText, protocolText, rounded, utc } from '../evidence.ts';
import { confidenceAt, confidenceFacts } from '../feed-topics.ts';
import type { BadIpConfig } from './config.ts';

/** What our end did: sent something that was let through, tried in vain, answered. */
export const KIND = { outbound: 0, blocked: 1, inbound: 2 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** What one step showed of a subject and what is listed. */
export interface Contact {
  readonly kind: Kind;
  readonly subject: string;
  readonly counterpart: string;
  /** The indicator and the row that are shown. */
  indicator: Indicator;
  best: number;
  readonly peers: Set<string>;
  readonly ports: Set<string>;
  sessions: number;
  established: number;
  /** Bytes by our end and by the listed one, over the sessions. */
  sent: number;
  received: number;
  /** Most bytes our end sent in one session. */
  most: number;
  first: number;
  last: number;
}

const ICMP: readonly number[] = [1, 58];

/** `443/tcp`; ICMP has no ports. */
export function serviceText(port: number, protocol: number): string {
  return ICMP.includes(protocol) ? protocolText(protocol) : portText(port, protocol);
}

/** Share of an indicator's confidence that is the score. */
export const WEIGHT = { [KIND.outbound]: 1, [KIND.blocked]: 0.3, [KIND.inbound]: 0.5 } as const;

function severityOf(contact: Contact, sessions: SessionBatch, config: BadIpConfig): Severity {
  let base: Severity = 'low';
  if (contact.kind === KIND.outbound) base = 'high';
  else if (contact.kind === KIND.inbound && !config.webPorts.includes(sessions.dstPort[contact.best]!))
    base = 'medium';
  if (contact.most < config.bulkBytes) return base;
  return SEVERITIES[Math.min(SEVERITIES.indexOf(base) + 1, SEVERITIES.length - 1)]!;
}

/** The finding of a contact. */
export function findingOf(
  contact: Contact,
  sessions: SessionBatch,
  config: BadIpConfig,
  names: Dictionary,
): Finding {
  const { kind, subject, indicator, best, peers, ports, first, last } = contact;
  const inbound = kind === KIND.inbound;
  const peer = peers.size === 1 ? [...peers][0]! : undefined;
  const end = sessions.end[best]!;
  const port = sessions.dstPort[best]!;
  const protocol = sessions.protocol[best]!;
  const onePort = ports.size === 1;
  const hasPort = !ICMP.includes(protocol);
  const span = { from: first, to: last };
  return {
    severity: severityOf(contact, sessions, config),
    title: titleOf(contact, peer, serviceText(port, protocol)),
    subject,
    ...(peer === undefined ? {} : { peer }),
    ...(onePort ? { ...(hasPort ? { port } : {}), protocol } : {}),
    interfaceId: sessions.interfaceId[best]!,
    accountId: sessions.accountId[best]!,
    counterpart: contact.counterpart,
    firstSeen: first,
    lastSeen: last,
    count: contact.sessions,
    score: rounded((confidenceAt(indicator, end) / 100) * WEIGHT[kind]),
    explanation: {
      observed: observedOf(contact, peer),
      baseline: '0 sessions with listed addresses',
      threshold: `confidence ${config.minConfidence} of 100`,
      formula: inbound
        ? 'source listed and confidence >= threshold and not expired and established'
        : 'destination listed and confidence >= threshold and not expired',
      feed: indicator.feed,
      category: indicator.category,
      network: indicator.network,
      ...confidenceFacts(indicator, end),
      expires: indicator.expires === 0 ? 'never' : utc(indicator.expires),
      established: contact.established,
      ...(contact.most >= config.bulkBytes ? { bulk: `${bytesText(contact.most)} sent in one session` } : {}),
    },
    samples: [flowSample(sessions, best, names)],
    query: evidenceQuery({
      subject,
      ...(peer === undefined ? {} : { peer }),
      ...(onePort && hasPort ? { port } : {}),
      ...span,
    }),
    exception: inbound
      ? { subject, rule: contact.counterpart }
      : { subject, ...(peer === undefined ? {} : { peer }) },
  };
}

function titleOf(contact: Contact, peer: string | undefined, port: string): string {
  const { kind, subject, indicator, peers } = contact;
  const listed = `listed as ${indicator.category} by ${indicator.feed}`;
  if (kind === KIND.blocked) return `${subject} was kept from reaching ${peer}, ${listed}`;
  if (kind === KIND.inbound)
    return peer === undefined
      ? `${peers.size} addresses ${listed} reached ${subject} on ${port}`
      : `${peer}, ${listed}, reached ${subject} on ${port}`;
  const did = contact.established > 0 ? 'talked to' : 'tried to reach';
  return `${subject} ${did} ${peer}, ${listed}`;
}

function observedOf(contact: Contact, peer: string | undefined): string {
  const { sessions, sent, received, peers, ports } = contact;
  const other = peer ?? `${peers.size} listed addresses`;
  const where = ports.size === 1 ? [...ports][0]! : `${ports.size} ports`;
  const plural = sessions === 1 ? '' : 's';
  if (contact.kind === KIND.blocked) return `${sessions} rejected session${plural} to ${other} on ${where}`;
  const verb = contact.kind === KIND.inbound ? 'from' : 'to';
  return `${sessions} session${plural} ${verb} ${other} on ${where}: ${bytesText(sent)} sent, ${bytesText(received)} received`;
}
