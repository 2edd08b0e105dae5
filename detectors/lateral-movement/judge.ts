import { formatAddress } from '../../src/columns/address.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Severity } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { durationText, portText } from '../evidence.ts';
import { Known } from '../known.ts';
import { hashRole, ROLE_WORDS } from '../role-hash.ts';
import { beginsConversation, PROTOCOL, portTable, putAddress, putPair } from '../sessions.ts';
import type { LateralConfig } from './config.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const DAY = 86_400;
const HOUR = 60;
const PATH_WORDS = 9;
const ROLE_PATH_WORDS = 2 * ROLE_WORDS + 1;

/** The detector at work: paths of hosts and of roles that were used, and new ones by host. */
export function createLateralMovement(config: LateralConfig, context: DetectorContext): Detector {
  const learnSeconds = config.learnDays * DAY;
  const isAdmin = portTable([config.ports]);
  const paths = new Known(PATH_WORDS, config.maxPaths, config.forgetDays * DAY);
  const rolePaths = new Known(ROLE_PATH_WORDS, config.maxPaths, config.forgetDays * DAY);
  const subjects = new Cases({
    words: 4,
    limit: config.maxSubjects,
    minutes: HOUR,
    bucketMinutes: 5,
    sums: 1,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putAddress(sessions.srcAddr, row, key, 0),
  });
  const path = new Uint32Array(PATH_WORDS);
  const rolePath = new Uint32Array(ROLE_PATH_WORDS);

  const putPath = (sessions: SessionBatch, row: number, key: Uint32Array): void =>
    putPair(sessions, row, sessions.dstPort[row]!, key);

  function putRolePath(sessions: SessionBatch, row: number, key: Uint32Array): void {
    hashRole(context.roleOf(sessions.srcAddr, row * 4), key, 0);
    hashRole(context.roleOf(sessions.dstAddr, row * 4), key, ROLE_WORDS);
    key[2 * ROLE_WORDS] = sessions.dstPort[row]!;
  }

  function collect(sessions: SessionBatch): number[] {
    const rows: number[] = [];
    const { length, dstPort, protocol, srcScope, dstScope } = sessions;
    for (let row = 0; row < length; row++) {
      if (isAdmin[dstPort[row]!] === 0 || protocol[row] !== PROTOCOL.tcp) continue;
      if (srcScope[row] !== SCOPE.internal || dstScope[row] !== SCOPE.internal) continue;
      if (beginsConversation(sessions, row)) rows.push(row);
    }
    return rows;
  }

  /** Never used by the host, nor for long by its role: another instance of a role does what the role does. */
  function isNewPath(sessions: SessionBatch, row: number, now: number): boolean {
    putPath(sessions, row, path);
    if (paths.since(path) !== undefined || paths.isFull) return false;
    putRolePath(sessions, row, rolePath);
    const since = rolePaths.since(rolePath);
    return since === undefined || now - since < learnSeconds;
  }

  function claimOf(
    at: number,
    sessions: SessionBatch,
    rows: readonly number[],
    now: number,
  ): Claim | undefined {
    const hosts = subjects.distinct.count(at, subjects.tick);
    const spreads = hosts >= config.hosts;
    const learnt = now - subjects.since >= learnSeconds;
    if (!spreads && !learnt) return undefined;
    const severity: Severity = spreads ? (learnt ? 'high' : 'medium') : 'low';
    if (!subjects.isNews(at, hosts, severity)) return undefined;
    const row = rows[0]!;
    const subject = formatAddress(sessions.srcAddr, row * 4);
    const peers = new Set(rows.map((other) => formatAddress(sessions.dstAddr, other * 4)));
    const peer = hosts === 1 && peers.size === 1 ? [...peers][0]! : undefined;
    const ports = new Set(rows.map((other) => sessions.dstPort[other]!));
    const services = [...ports]
      .sort((a, b) => a - b)
      .map((port) => portText(port, PROTOCOL.tcp))
      .join(', ');
    const { first, last } = subjects.table.columns;
    return {
      severity,
      title: spreads
        ? `${subject} opened administration ports of ${hosts} hosts that it never used`
        : `${subject} opened ${services} of ${peer ?? `${hosts} hosts`}, which it never used`,
      subject,
      ...(peer === undefined ? {} : { peer }),
      ...(ports.size === 1 ? { port: sessions.dstPort[row]!, protocol: PROTOCOL.tcp } : {}),
      counterpart: 'administration',
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: subjects.tell(at, hosts, severity),
      score: scoreOf(severity, hosts, config.hosts),
      explanation: {
        observed: `${hosts} host${hosts === 1 ? '' : 's'} on new paths in an hour, by ${services} in the last minute`,
        baseline: `paths of ${durationText(now - subjects.since)} are known`,
        threshold: spreads ? `${config.hosts} hosts in an hour` : '1 host',
        formula:
          'established sessions inside on administration ports that neither the host used before nor its role for learnDays',
        role: context.roleOf(sessions.srcAddr, row * 4),
      },
      exception: { subject, ...(peer === undefined ? { rule: 'administration' } : { peer }) },
    };
  }

  return detectorOf({ subjects, paths, rolePaths }, (step, emit) => {
    subjects.begin(step);
    paths.forget(step.start);
    rolePaths.forget(step.start);
    const { active } = step;
    const rows = collect(active);
    if (rows.length === 0) return;
    const warm = step.start - subjects.since >= config.warmUp;
    const fresh = warm ? rows.filter((row) => isNewPath(active, row, step.end)) : [];
    const found: Finding[] = [];
    for (const { at, rows: group } of subjects.group(active, fresh)) {
      for (const row of group) {
        subjects.add(at, 0, 1);
        subjects.distinct.add(at, hashWords(active.dstAddr, row * 4, 4), subjects.tick);
      }
      const claim = claimOf(at, active, group, step.end);
      if (claim !== undefined) found.push(findingOf(claim, active, group, context.names));
    }
    // All of the step is judged by what was known before it.
    paths.learn(rows.length, (item, key) => putPath(active, rows[item]!, key), step.end);
    rolePaths.learn(rows.length, (item, key) => putRolePath(active, rows[item]!, key), step.end);
    for (const finding of inOrder(found)) emit(finding);
  });
}
