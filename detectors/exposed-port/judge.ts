import { hashWords } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Severity } from '../../src/contracts.ts';
import { emptyPacketOf, sourceOf } from '../attempts.ts';
import { Cases } from '../cases.ts';
import { findingOf, inOrder } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { isUsable, LISTED_CONFIDENCE } from '../feed-topics.ts';
import { PROTOCOL, portTable, putAddress } from '../sessions.ts';
import type { ExposedPortConfig } from './config.ts';
import { exposedClaim, surgeClaim } from './finding.ts';
import { Usual } from './usual.ts';

/** Minutes of event time without probes after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const HOUR = 60;
const SYN = 2;
const PUBLIC = 1;
const HIGH = 2;

/** The detector at work: probes by the service that answers them, judged when they are over. */
export function createExposedPort(config: ExposedPortConfig, context: DetectorContext): Detector {
  const kind = portTable([config.publicPorts, config.highPorts]);
  const key = (sessions: SessionBatch, row: number, into: Uint32Array): void => {
    putAddress(sessions.dstAddr, row, into, 0);
    into[4] = sessions.dstPort[row]!;
  };
  const cases = new Cases({
    words: 5,
    limit: config.maxServices,
    minutes: HOUR,
    bucketMinutes: 5,
    sums: 1,
    keepTold: QUIET_MINUTES,
    key,
  });
  const usual = new Usual(config);
  const source = new Uint32Array(4);
  const service = new Uint32Array(5);
  const probes: number[] = [];
  const publicProbes: number[] = [];

  function hashSource(sessions: SessionBatch, row: number): number {
    sourceOf(sessions, row, source, 0);
    return hashWords(source, 0, 4);
  }

  function isListed(sessions: SessionBatch, row: number): boolean {
    if (context.indicators.size === 0) return false;
    const indicator = context.indicators.match(sessions.srcAddr, row * 4);
    return isUsable(indicator, LISTED_CONFIDENCE, sessions.end[row]!);
  }

  function collect(sessions: SessionBatch): void {
    probes.length = 0;
    publicProbes.length = 0;
    const { length, protocol, srcScope, dstScope, bytesOut, dstPort } = sessions;
    for (let row = 0; row < length; row++) {
      if (srcScope[row] !== SCOPE.public || dstScope[row] !== SCOPE.internal) continue;
      if (protocol[row] !== PROTOCOL.tcp || bytesOut[row]! > config.maxBytes) continue;
      if (!isAnswered(sessions, row) || isListed(sessions, row)) continue;
      if (kind[dstPort[row]!] === PUBLIC) publicProbes.push(row);
      else probes.push(row);
    }
  }

  function judgeExposed(sessions: SessionBatch, found: Finding[]): void {
    for (const { at, rows } of cases.group(sessions, probes)) {
      for (const row of rows) {
        cases.add(at, 0, 1);
        cases.distinct.add(at, hashSource(sessions, row), cases.tick);
      }
      const sources = cases.distinct.count(at, cases.tick);
      const severity: Severity = kind[sessions.dstPort[rows[0]!]!] === HIGH ? 'high' : 'low';
      if (sources < config.sources || !cases.isNews(at, sources, severity)) continue;
      const count = cases.tell(at, sources, severity);
      const claim = exposedClaim({ cases, at, sessions, rows, count, sources, severity }, config);
      found.push(findingOf(claim, sessions, rows, context.names));
    }
  }

  function judgePublic(sessions: SessionBatch, found: Finding[]): void {
    if (publicProbes.length === 0) return;
    usual.add(
      publicProbes.length,
      (item, into) => key(sessions, publicProbes[item]!, into),
      (item) => hashSource(sessions, publicProbes[item]!),
    );
    const unusual = publicProbes.filter((row) => {
      key(sessions, row, service);
      return usual.compare(service)?.isUnusual === true;
    });
    for (const { at, rows } of cases.group(sessions, unusual)) {
      cases.add(at, 0, rows.length);
      key(sessions, rows[0]!, service);
      const comparison = usual.compare(service)!;
      if (!cases.isNews(at, comparison.sources, 'low')) continue;
      const count = cases.tell(at, comparison.sources, 'low');
      const claim = surgeClaim({ cases, at, sessions, rows, count }, comparison, config);
      found.push(findingOf(claim, sessions, rows, context.names));
    }
  }

  return detectorOf({ cases, usual }, (step, emit) => {
    cases.begin(step);
    usual.begin(step);
    const { ended } = step;
    if (ended.length === 0) return;
    collect(ended);
    const found: Finding[] = [];
    judgeExposed(ended, found);
    judgePublic(ended, found);
    for (const finding of inOrder(found)) emit(finding);
  });
}

/** Whether the port is open: a SYN came back, or, in logs without `tcp-flags`, content, since a refusal is a packet as well. */
function isAnswered(sessions: SessionBatch, row: number): boolean {
  const { flagsOut, flagsIn, packetsIn, bytesIn } = sessions;
  if (packetsIn[row] === 0) return false;
  if ((flagsOut[row]! | flagsIn[row]!) !== 0) return (flagsIn[row]! & SYN) !== 0;
  return bytesIn[row]! > packetsIn[row]! * emptyPacketOf(sessions, row);
}
