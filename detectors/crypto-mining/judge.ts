import { formatAddress } from '../../src/columns/address.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Indicator, Severity } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText, durationText, portText, rounded } from '../evidence.ts';
import { confidenceFacts, createTopicTest, isUsable, topicOf } from '../feed-topics.ts';
import { isNew, isOutside, PROTOCOL, portTable, putPair } from '../sessions.ts';
import type { MiningConfig } from './config.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;

/** The detector at work: sessions with listed pools, and long quiet ones on a pool's port, by pair and port. */
export function createCryptoMining(config: MiningConfig, context: DetectorContext): Detector {
  const { indicators } = context;
  const lists = createTopicTest(indicators, 'crypto-mining');
  const isPoolPort = portTable([config.ports]);
  const cases = new Cases({
    words: 9,
    limit: config.maxPairs,
    minutes: 60,
    bucketMinutes: 60,
    sums: 1,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putPair(sessions, row, sessions.dstPort[row]!, key),
  });

  function poolAt(sessions: SessionBatch, row: number): Indicator | undefined {
    if (!lists()) return undefined;
    const indicator = indicators.match(sessions.dstAddr, row * 4);
    if (!isUsable(indicator, config.minConfidence, sessions.end[row]!)) return undefined;
    return topicOf(indicator.category) === 'crypto-mining' ? indicator : undefined;
  }

  /** A port of pools, for long, with little traffic: each of these alone is ordinary. */
  function looksLikeMining(sessions: SessionBatch, row: number): boolean {
    if (isPoolPort[sessions.dstPort[row]!] === 0 || sessions.protocol[row] !== PROTOCOL.tcp) return false;
    if ((sessions.state[row]! & STATE.established) === 0) return false;
    const seconds = sessions.end[row]! - sessions.start[row]!;
    if (seconds < config.minDuration || sessions.bytesOut[row] === 0 || sessions.bytesIn[row] === 0)
      return false;
    return ratePerMinute(sessions, row) < config.maxBytesPerMinute;
  }

  function collect(sessions: SessionBatch): number[] {
    const rows: number[] = [];
    const { length, state, dstScope, dstPort } = sessions;
    const listed = lists();
    for (let row = 0; row < length; row++) {
      const looked = listed && isNew(state[row]!);
      if ((!looked && isPoolPort[dstPort[row]!] === 0) || !isOutside(dstScope[row]!)) continue;
      if ((looked && poolAt(sessions, row) !== undefined) || looksLikeMining(sessions, row)) rows.push(row);
    }
    return rows;
  }

  function claimOf(at: number, sessions: SessionBatch, rows: readonly number[]): Claim | undefined {
    const row = rows.reduce((best, other) => (sessions.end[other]! > sessions.end[best]! ? other : best));
    const pool = poolAt(sessions, row);
    const accepted = rows.some((other) => (sessions.state[other]! & STATE.accepted) !== 0);
    const severity: Severity = pool === undefined ? 'medium' : accepted ? 'high' : 'low';
    if (!cases.isNews(at, 1, severity)) return undefined;
    const subject = formatAddress(sessions.srcAddr, row * 4);
    const peer = formatAddress(sessions.dstAddr, row * 4);
    const port = sessions.dstPort[row]!;
    const service = portText(port, sessions.protocol[row]!);
    const seconds = sessions.end[row]! - sessions.start[row]!;
    const { first, last } = cases.table.columns;
    const title =
      pool === undefined
        ? `${subject} keeps a session with ${peer} on ${service} as miners do`
        : `${subject} ${accepted ? 'talked to' : 'was kept from'} ${peer}, listed as ${pool.category} by ${pool.feed}`;
    return {
      severity,
      title,
      subject,
      peer,
      port,
      protocol: sessions.protocol[row]!,
      counterpart: `${peer} ${service}`,
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: cases.tell(at, 1, severity),
      score: scoreOf(severity, 1, 1),
      explanation: {
        observed: `${service} for ${durationText(seconds)}: ${bytesText(sessions.bytesOut[row]!)} sent, ${bytesText(sessions.bytesIn[row]!)} received`,
        baseline: '0 sessions with mining pools',
        threshold:
          pool === undefined
            ? `${durationText(config.minDuration)} with less than ${bytesText(config.maxBytesPerMinute)} a minute`
            : `confidence ${config.minConfidence} of 100`,
        formula:
          pool === undefined
            ? 'port of pools and duration >= threshold and bytes a minute < threshold'
            : 'destination listed as a pool and confidence >= threshold and not expired',
        bytesPerMinute: rounded(ratePerMinute(sessions, row), 3),
        ...(pool === undefined ? {} : { feed: pool.feed, ...confidenceFacts(pool, sessions.end[row]!) }),
      },
      exception: { subject, peer },
    };
  }

  return detectorOf({ cases }, (step, emit) => {
    cases.begin(step);
    const found: Finding[] = [];
    for (const { at, rows } of cases.group(step.active, collect(step.active))) {
      cases.add(at, 0, 1);
      const claim = claimOf(at, step.active, rows);
      if (claim !== undefined) found.push(findingOf(claim, step.active, rows, context.names));
    }
    for (const finding of inOrder(found)) emit(finding);
  });
}

function ratePerMinute(sessions: SessionBatch, row: number): number {
  const minutes = Math.max(1, (sessions.end[row]! - sessions.start[row]!) / 60);
  return (sessions.bytesOut[row]! + sessions.bytesIn[row]!) / minutes;
}
