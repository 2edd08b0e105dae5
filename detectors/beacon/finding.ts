import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Scalar } from '../../src/contracts.ts';
import type { Claim } from '../claim.ts';
import { durationText, portText, rounded, utc } from '../evidence.ts';
import type { Beat } from './beat.ts';
import type { BeaconConfig } from './config.ts';
import type { Rhythm } from './rhythms.ts';
import type { BeaconScore } from './rita.ts';
import type { Side, Verdict } from './verdict.ts';

/** What a pair is told with. Times are unix seconds. */
export interface Told {
  readonly beat: Beat;
  readonly rita: BeaconScore;
  readonly verdict: Verdict;
  readonly side: Side;
  readonly first: number;
  readonly last: number;
  readonly since: number;
  /** Calls since it was told last. */
  readonly fresh: number;
}

/** A pair that beats; row `row` is one of its calls. */
export function beaconClaim(told: Told, sessions: SessionBatch, row: number): Claim {
  const { beat, rita, verdict, side, first, last, since, fresh } = told;
  const caller = formatAddress(sessions.srcAddr, row * 4);
  const called = formatAddress(sessions.dstAddr, row * 4);
  const port = sessions.dstPort[row]!;
  const protocol = sessions.protocol[row]!;
  const service = portText(port, protocol);
  const [subject, peer] = side === 'outside' ? [called, caller] : [caller, called];
  const every = durationText(beat.interval);
  const known =
    side === 'ours'
      ? `nobody called it before ${utc(verdict.firstSeen)}; ${verdict.callers} of our ${verdict.allCallers} hosts that call out do now`
      : `${verdict.callers} networks call in this rhythm`;
  return {
    severity: verdict.severity,
    title: `${caller} calls ${called} on ${service} every ${every}, ${beat.calls} times in ${durationText(beat.span)}`,
    subject,
    peer,
    port,
    protocol,
    counterpart: `${peer} ${service} ${side === 'outside' ? 'from' : 'to'}`,
    firstSeen: first,
    lastSeen: last,
    count: fresh,
    score: rounded(verdict.score),
    explanation: {
      observed: `score ${rounded(verdict.score, 3)}: ${beat.calls} calls, every ${every}, deviation ${durationText(beat.deviation)}`,
      baseline: `${known}; watched since ${utc(since)}`,
      threshold: `score ${verdict.threshold}`,
      formula: 'mean of interval, size, spread and duration (RITA v5), and modifiers',
      why: verdict.why,
      interval: rounded(rita.interval, 3),
      size: rounded(rita.size, 3),
      spread: rounded(rita.spread, 3),
      duration: rounded(rita.duration, 3),
      firstSeenModifier: verdict.firstSeenModifier,
      prevalenceModifier: verdict.prevalenceModifier,
      ...(verdict.habit === undefined ? {} : { callersOfRole: verdict.habit.callers }),
      ...listing(verdict),
    },
  };
}

function listing({ indicator }: Verdict): Readonly<Record<string, Scalar>> {
  return indicator === undefined ? {} : { feed: indicator.feed, category: indicator.category };
}

/** A subject that calls several networks with one rhythm; row `row` is one of its calls. */
export function serversClaim(
  rhythms: readonly Rhythm[],
  config: BeaconConfig,
  sessions: SessionBatch,
  row: number,
): Claim {
  const subject = formatAddress(sessions.srcAddr, row * 4);
  const medians = rhythms.map(({ median }) => median).sort((a, b) => a - b);
  const calls = rhythms.reduce((sum, rhythm) => sum + rhythm.calls, 0);
  const [least, most] = [durationText(medians[0]!), durationText(medians.at(-1)!)];
  const every = least === most ? least : `${least} to ${most}`;
  return {
    severity: 'high',
    title: `${subject} calls servers in ${rhythms.length} networks in one rhythm, every ${every}`,
    subject,
    counterpart: 'several servers',
    firstSeen: Math.min(...rhythms.map(({ first }) => first)),
    lastSeen: Math.max(sessions.end[row]!, ...rhythms.map(({ last }) => last)),
    count: rhythms.length,
    score: rounded(Math.min(1, 0.8 + 0.02 * (rhythms.length - config.servers))),
    explanation: {
      observed: `${rhythms.length} networks, ${calls} calls, median intervals ${medians.join(', ')} s`,
      baseline: '1 network a rhythm',
      threshold: `${config.servers} networks`,
      formula:
        'networks (/16, /32) called in 24 h with median intervals within 10 % and a deviation of at most 10 %',
    },
  };
}
