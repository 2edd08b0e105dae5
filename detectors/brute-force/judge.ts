import { hashWords } from '../../src/columns/key-table.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { findingOf, inOrder } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { isOutside, PROTOCOL, portTable, putAddress, putPair } from '../sessions.ts';
import { type BruteForceConfig, SERVICES } from './config.ts';
import { pairClaim, SUM, severityOf, targetClaim } from './finding.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 720;
const MINUTES = 5;
const HOUR = 60;
/** Seconds within which a database's client must have appeared to be news, and that must have been watched before. */
const NEW_CLIENT = 3600;
const DATABASE = SERVICES.indexOf('database') + 1;

/** Sums of a target: attempts, and sources that were told apart. */
const TARGET_SUM = { attempts: 0, told: 1 } as const;

/** The detector at work: attempts by source, service and its host; sources by service and its host. */
export function createBruteForce(config: BruteForceConfig, context: DetectorContext): Detector {
  const serviceOf = portTable(SERVICES.map((service) => config.ports[service]));
  const pairs = new Cases({
    words: 9,
    limit: config.maxPairs,
    minutes: MINUTES,
    sums: 4,
    keep: HOUR * 24,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putPair(sessions, row, sessions.dstPort[row]!, key),
  });
  const targets = new Cases({
    words: 5,
    limit: config.maxTargets,
    minutes: HOUR,
    bucketMinutes: 5,
    sums: 2,
    keepTold: QUIET_MINUTES,
    key(sessions, row, key) {
      putAddress(sessions.dstAddr, row, key, 0);
      key[4] = sessions.dstPort[row]!;
    },
  });
  const attempts: number[] = [];
  const outside: number[] = [];
  const larger: number[] = [];

  function collect(sessions: SessionBatch): void {
    attempts.length = 0;
    outside.length = 0;
    larger.length = 0;
    const { length, dstPort, protocol, state, bytesOut, srcScope } = sessions;
    for (let row = 0; row < length; row++) {
      if (serviceOf[dstPort[row]!] === 0 || protocol[row] !== PROTOCOL.tcp) continue;
      if ((state[row]! & STATE.established) === 0) continue;
      const bytes = bytesOut[row]!;
      if (bytes > config.maxBytes) larger.push(row);
      else if ((state[row]! & STATE.establishedNow) !== 0 && bytes >= config.minBytes) {
        attempts.push(row);
        if (isOutside(srcScope[row]!)) outside.push(row);
      }
    }
  }

  /** Whether the attempts of the window look like a machine's, at a rate that is none of a user's. */
  function isBruteForce(at: number, service: number, now: number): boolean {
    const count = pairs.sum(at, SUM.attempts);
    if (count < (service === DATABASE ? config.databaseSessions : config.sessions)) return false;
    const mean = pairs.sum(at, SUM.bytes) / count;
    const variance = Math.max(0, pairs.sum(at, SUM.squares) / count - mean * mean);
    if (Math.sqrt(variance) > config.spread * mean) return false;
    if (service !== DATABASE) return true;
    const since = pairs.table.columns.first[at]!;
    return since >= pairs.since + NEW_CLIENT && now - since <= NEW_CLIENT;
  }

  function judgePairs(sessions: SessionBatch, now: number, found: Finding[]): void {
    for (const { at, rows } of pairs.group(sessions, attempts)) {
      for (const row of rows) {
        const bytes = sessions.bytesOut[row]!;
        pairs.add(at, SUM.attempts, 1);
        pairs.add(at, SUM.bytes, bytes);
        pairs.add(at, SUM.squares, bytes * bytes);
        pairs.add(at, SUM.received, sessions.bytesIn[row]!);
      }
      const row = rows[0]!;
      const service = serviceOf[sessions.dstPort[row]!]!;
      const extent = pairs.total(at, SUM.attempts);
      const severity = severityOf(sessions, row, service, false);
      if (!isBruteForce(at, service, now) || !pairs.isNews(at, extent, severity)) continue;
      if (isOutside(sessions.srcScope[row]!) && !pairs.isTold(at)) {
        const target = targets.find(sessions, row);
        if (target < 0 || targets.total(target, TARGET_SUM.told) >= config.maxAlerts) continue;
        targets.add(target, TARGET_SUM.told, 1);
      }
      const count = pairs.tell(at, extent, severity);
      const claim = pairClaim({ cases: pairs, at, sessions, rows, count, service, success: -1 }, config);
      found.push(findingOf(claim, sessions, rows, context.names));
    }
  }

  /** Sessions of told sources that move far more than their attempts did. */
  function judgeSuccess(sessions: SessionBatch, found: Finding[]): void {
    const best = new Map<number, number>();
    for (const row of larger) {
      const at = pairs.find(sessions, row);
      if (at < 0 || !pairs.isTold(at)) continue;
      const mean =
        (pairs.total(at, SUM.bytes) + pairs.total(at, SUM.received)) / pairs.total(at, SUM.attempts);
      const moved = movedBy(sessions, row);
      if (moved < config.successFactor * mean) continue;
      const known = best.get(at);
      if (known === undefined || moved > movedBy(sessions, known)) best.set(at, row);
    }
    for (const [at, row] of best) {
      const service = serviceOf[sessions.dstPort[row]!]!;
      const extent = pairs.total(at, SUM.attempts);
      const severity = severityOf(sessions, row, service, true);
      if (!pairs.isNews(at, extent, severity)) continue;
      pairs.table.columns.last[at] = Math.max(pairs.table.columns.last[at]!, sessions.end[row]!);
      const count = pairs.tell(at, extent, severity);
      const claim = pairClaim(
        { cases: pairs, at, sessions, rows: [row], count, service, success: row },
        config,
      );
      found.push(findingOf(claim, sessions, [row], context.names));
    }
  }

  function judgeTargets(sessions: SessionBatch, found: Finding[]): void {
    for (const { at, rows } of targets.group(sessions, outside)) {
      for (const row of rows) {
        targets.add(at, TARGET_SUM.attempts, 1);
        targets.distinct.add(at, hashWords(sessions.srcAddr, row * 4, 4), targets.tick);
      }
      const sources = targets.distinct.count(at, targets.tick);
      if (sources < config.sources || !targets.isNews(at, sources, 'low')) continue;
      const count = targets.tell(at, sources, 'low');
      const service = serviceOf[sessions.dstPort[rows[0]!]!]!;
      const claim = targetClaim({ cases: targets, at, sessions, rows, count, service, sources }, config);
      found.push(findingOf(claim, sessions, rows, context.names));
    }
  }

  return detectorOf({ pairs, targets }, (step, emit) => {
    pairs.begin(step);
    targets.begin(step);
    collect(step.active);
    const found: Finding[] = [];
    judgeTargets(step.active, found);
    judgePairs(step.active, step.end, found);
    if (pairs.size > 0) judgeSuccess(step.active, found);
    for (const finding of inOrder(found)) emit(finding);
  });
}

function movedBy(sessions: SessionBatch, row: number): number {
  return sessions.bytesOut[row]! + sessions.bytesIn[row]!;
}
