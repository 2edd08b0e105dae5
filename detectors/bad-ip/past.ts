import { type Emit, type Finding, type PastContact, SEVERITIES, type Severity } from '../../src/contracts.ts';
import { bytesText, evidenceQuery, rounded, utc } from '../evidence.ts';
import { confidenceAt, confidenceFacts, topicOf } from '../feed-topics.ts';
import type { BadIpConfig } from './config.ts';
import { KIND, type Kind, serviceText, WEIGHT } from './finding.ts';

/** Contacts of the past that are one alert: with one address, or of one service with all that reached it. */
interface Past {
  readonly kind: Kind;
  readonly subject: string;
  readonly counterpart: string;
  readonly service: string;
  readonly contacts: PastContact[];
}

/**
 * Judges contacts of the past with what a feed has come to list: as those of today are judged, and in the same alerts. Tor's relays come and
 * go by the hour, so that what was one later says nothing of before.
 */
export function judgePast(
  contacts: readonly PastContact[],
  now: number,
  config: BadIpConfig,
  emit: Emit,
): void {
  const groups = new Map<string, Past>();
  for (const contact of contacts) {
    const { listing, subject, peer, inbound } = contact;
    if (confidenceOf(contact) < config.minConfidence || topicOf(listing.category) === 'tor') continue;
    if (inbound && (!config.inbound || contact.established === 0)) continue;
    const kind = inbound ? KIND.inbound : contact.sessions > contact.rejected ? KIND.outbound : KIND.blocked;
    const service =
      contact.portCount === 1
        ? serviceText(contact.ports[0]!, contact.protocol)
        : `${contact.portCount} ports`;
    const counterpart = inbound ? `${listing.feed} inbound ${service}` : peer;
    const key = `${kind} ${subject} ${counterpart}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { kind, subject, counterpart, service, contacts: [contact] });
    else known.contacts.push(contact);
  }
  for (const key of [...groups.keys()].sort()) emit(findingOf(groups.get(key)!, now, config));
}

/** When it began: that alone would have been told then. */
function confidenceOf({ listing, first }: PastContact): number {
  return confidenceAt(listing, first);
}

function findingOf(past: Past, now: number, config: BadIpConfig): Finding {
  const { kind, subject, counterpart, contacts } = past;
  const sum = (of: (contact: PastContact) => number): number =>
    contacts.reduce((total, contact) => total + of(contact), 0);
  // Any of them: of several with one feed the surest, then the first by its address.
  const [shown] = contacts.toSorted(
    (a, b) => confidenceOf(b) - confidenceOf(a) || (a.peer < b.peer ? -1 : 1),
  );
  const { listing, ports, portCount, protocol } = shown!;
  const peer = contacts.length === 1 ? shown!.peer : undefined;
  const port = portCount === 1 && past.service.includes('/') ? ports[0]! : undefined;
  const first = Math.min(...contacts.map((contact) => contact.first));
  const last = Math.max(...contacts.map((contact) => contact.last));
  const sessions = sum((contact) => contact.sessions);
  const sent = sum((contact) => contact.sent);
  return {
    severity: severityOf(past, sent, config),
    title: titleOf(past, peer, listing),
    subject,
    ...(peer === undefined ? {} : { peer }),
    ...(port === undefined ? {} : { port, protocol }),
    counterpart,
    firstSeen: first,
    lastSeen: last,
    retro: now,
    count: sessions,
    score: rounded((confidenceOf(shown!) / 100) * WEIGHT[kind]),
    explanation: {
      observed: `${sessions} sessions ${kind === KIND.inbound ? 'from' : 'to'} ${peer ?? `${contacts.length} listed addresses`} on ${past.service}: ${bytesText(sent)} sent, ${bytesText(sum((contact) => contact.received))} received`,
      baseline: '0 sessions with listed addresses',
      threshold: `confidence ${config.minConfidence} of 100`,
      formula: 'listed since the alert was found, in contact before',
      feed: listing.feed,
      category: listing.category,
      network: listing.network,
      ...confidenceFacts(listing, shown!.first),
      listedSince: utc(now),
      firstContact: utc(first),
      lastContact: utc(last),
      established: sum((contact) => contact.established),
    },
    samples: [],
    query: evidenceQuery({
      subject,
      ...(peer === undefined ? {} : { peer }),
      ...(port === undefined ? {} : { port }),
      ...{ from: first, to: last },
    }),
    exception:
      kind === KIND.inbound
        ? { subject, rule: counterpart }
        : { subject, ...(peer === undefined ? {} : { peer }) },
  };
}

function severityOf({ kind, contacts }: Past, sent: number, config: BadIpConfig): Severity {
  const isOpen = contacts.every(({ ports }) => ports.every((port) => config.webPorts.includes(port)));
  const base: Severity =
    kind === KIND.outbound ? 'high' : kind === KIND.inbound && !isOpen ? 'medium' : 'low';
  if (sent < config.bulkBytes) return base;
  return SEVERITIES[Math.min(SEVERITIES.indexOf(base) + 1, SEVERITIES.length - 1)]!;
}

function titleOf(
  { kind, subject, service, contacts }: Past,
  peer: string | undefined,
  { category, feed }: PastContact['listing'],
): string {
  const listed = `listed since as ${category} by ${feed}`;
  if (kind === KIND.blocked) return `${subject} was kept from reaching ${peer}, ${listed}`;
  if (kind === KIND.inbound)
    return `${peer ?? `${contacts.length} addresses`}, ${listed}, reached ${subject} on ${service}`;
  return `${subject} was in contact with ${peer}, ${listed}`;
}
