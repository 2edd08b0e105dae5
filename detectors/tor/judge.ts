import { formatAddress } from '../../src/columns/address.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Indicator, Severity } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText } from '../evidence.ts';
import { confidenceFacts, createTopicTest, isUsable, topicOf } from '../feed-topics.ts';
import { beginsConversation, isOutside, putAddress } from '../sessions.ts';
import type { TorConfig } from './config.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const HOUR = 60;
const SUM = { sessions: 0 } as const;

/** The detector at work: relays that a host talks to, and that talk to it, by host. */
export function createTor(config: TorConfig, context: DetectorContext): Detector {
  const { indicators } = context;
  const lists = createTopicTest(indicators, 'tor');
  const casesOf = (ends: 'srcAddr' | 'dstAddr') =>
    new Cases({
      words: 4,
      limit: config.maxSubjects,
      minutes: HOUR,
      bucketMinutes: 5,
      sums: 1,
      keepTold: QUIET_MINUTES,
      key: (sessions, row, key) => putAddress(sessions[ends], row, key, 0),
    });
  const clients = casesOf('srcAddr');
  const servers = casesOf('dstAddr');

  function relayAt(words: Uint32Array, row: number, end: number): Indicator | undefined {
    const indicator = indicators.match(words, row * 4);
    if (!isUsable(indicator, config.minConfidence, end)) return undefined;
    return topicOf(indicator.category) === 'tor' ? indicator : undefined;
  }

  function judge(sessions: SessionBatch): Finding[] {
    const out: number[] = [];
    const back: number[] = [];
    for (let row = 0; row < sessions.length; row++) {
      if (!beginsConversation(sessions, row)) continue;
      const end = sessions.end[row]!;
      if (isOutside(sessions.dstScope[row]!) && relayAt(sessions.dstAddr, row, end) !== undefined)
        out.push(row);
      else if (isOutside(sessions.srcScope[row]!) && relayAt(sessions.srcAddr, row, end) !== undefined)
        back.push(row);
    }
    for (const { at, rows } of servers.group(sessions, back))
      for (const row of rows) servers.distinct.add(at, hashWords(sessions.srcAddr, row * 4, 4), servers.tick);
    const found: Finding[] = [];
    for (const { at, rows } of clients.group(sessions, out)) {
      for (const row of rows) {
        clients.add(at, SUM.sessions, 1);
        clients.distinct.add(at, hashWords(sessions.dstAddr, row * 4, 4), clients.tick);
      }
      const claim = claimOf(at, sessions, rows);
      if (claim !== undefined) found.push(findingOf(claim, sessions, rows, context.names));
    }
    return found;
  }

  function claimOf(at: number, sessions: SessionBatch, rows: readonly number[]): Claim | undefined {
    const row = rows[0]!;
    const nodes = clients.distinct.count(at, clients.tick);
    const sum = clients.sum(at, SUM.sessions);
    const server = servers.table.find(sessions.srcAddr, row * 4);
    const inward = server < 0 ? 0 : servers.distinct.count(server, servers.tick);
    const isRelay = nodes >= config.relayNodes && inward >= config.relayNodes;
    const isClient = nodes >= config.nodes || sum >= config.sessions;
    const severity: Severity = isRelay ? 'critical' : isClient ? 'high' : 'low';
    if (!clients.isNews(at, nodes, severity)) return undefined;
    const subject = formatAddress(sessions.srcAddr, row * 4);
    const peers = new Set(rows.map((other) => formatAddress(sessions.dstAddr, other * 4)));
    const only = nodes === 1 && peers.size === 1 ? [...peers][0]! : undefined;
    const indicator = indicators.match(sessions.dstAddr, row * 4)!;
    const { feed, category } = indicator;
    const { first, last } = clients.table.columns;
    const what = `${nodes} Tor relay${nodes === 1 ? '' : 's'}`;
    return {
      severity,
      title: isRelay ? `${subject} works as a Tor relay` : `${subject} talked to ${what}`,
      subject,
      ...(only === undefined ? {} : { peer: only }),
      counterpart: 'tor',
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: clients.tell(at, nodes, severity),
      score: scoreOf(severity, nodes, config.nodes),
      explanation: {
        observed: `${sum} sessions with ${what} in an hour, ${inward} relays came in`,
        baseline: '0 sessions with Tor relays',
        threshold: isRelay
          ? `${config.relayNodes} relays each way in an hour`
          : `${config.nodes} relays or ${config.sessions} sessions in an hour`,
        formula: 'established sessions with listed relays, confidence and expiry as the feed has them',
        feed,
        category,
        ...confidenceFacts(indicator, sessions.end[row]!),
        sent: bytesText(rows.reduce((bytes, other) => bytes + sessions.bytesOut[other]!, 0)),
      },
      exception: { subject, rule: 'tor' },
    };
  }

  return detectorOf({ clients, servers }, (step, emit) => {
    if (!lists()) return;
    clients.begin(step);
    servers.begin(step);
    for (const finding of inOrder(judge(step.active))) emit(finding);
  });
}
