import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Severity } from '../../src/contracts.ts';
import type { Claim } from '../claim.ts';
import { bytesText, durationText, portText, rounded } from '../evidence.ts';
import type { LongConnectionConfig } from './config.ts';

const HOUR = 3600;
/** Score at `highHours`: RITA's for its longest class. */
const HIGH_SCORE = 0.8;

/** A connection that goes on. */
export function longClaim(
  severity: Severity,
  config: LongConnectionConfig,
  sessions: SessionBatch,
  row: number,
): Claim {
  const subject = formatAddress(sessions.srcAddr, row * 4);
  const peer = formatAddress(sessions.dstAddr, row * 4);
  const service = portText(sessions.dstPort[row]!, sessions.protocol[row]!);
  const [start, end] = [sessions.start[row]!, sessions.end[row]!];
  const lasted = durationText(end - start);
  return {
    severity,
    title: `${subject} keeps a connection with ${peer}, ${service}, for ${lasted} now`,
    subject,
    peer,
    port: sessions.dstPort[row]!,
    protocol: sessions.protocol[row]!,
    counterpart: `${peer} ${service}`,
    firstSeen: start,
    lastSeen: end,
    count: 1,
    score: rounded(Math.min(1, (HIGH_SCORE * (end - start)) / (config.highHours * HOUR))),
    explanation: {
      observed: `${lasted}: ${bytesText(sessions.bytesOut[row]!)} sent, ${bytesText(sessions.bytesIn[row]!)} received`,
      baseline: `0 connections of ${config.knownHours} h with that network before`,
      threshold: `${config.lowHours} h low, ${config.mediumHours} h medium, ${config.highHours} h high`,
      formula:
        'duration >= threshold, and no connection of knownHours with the /24 or /48 was known when it began',
    },
  };
}
