import { formatAddress } from '../../src/columns/address.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Severity } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText, compareRows, durationText, rounded } from '../evidence.ts';
import { Known } from '../known.ts';
import { hashRole, ROLE_WORDS } from '../role-hash.ts';
import { isOutside, portTable, putAddress } from '../sessions.ts';
import { uploadRows } from '../uploads.ts';
import type { AsymmetryConfig } from './config.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 720;
const DAY = 86_400;
const MINUTES = 60;
const BUCKET_MINUTES = 10;
/** A role that sent this share of the threshold in an hour is one that uploads. */
const HABIT = 1 / 3;
/** Sums of a case. */
const SUM = { out: 0, in: 1 } as const;

/** The detector at work: bytes each way by host over an hour, which roles upload at all, and which networks outside are used. */
export function createUploadAsymmetry(config: AsymmetryConfig, context: DetectorContext): Detector {
  const learnSeconds = config.learnDays * DAY;
  const left = portTable([config.ports]);
  const uploaders = new Known(ROLE_WORDS, config.maxRoles, config.forgetDays * DAY);
  const networks = new Known(4, config.maxNetworks, config.forgetDays * DAY);
  const hosts = new Cases({
    words: 4,
    limit: config.maxHosts,
    minutes: MINUTES,
    bucketMinutes: BUCKET_MINUTES,
    sums: 2,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putAddress(sessions.srcAddr, row, key, 0),
  });
  const role = new Uint32Array(ROLE_WORDS);
  const network = new Uint32Array(4);
  const opened: number[] = [];
  const rows: number[] = [];

  const roleOf = (sessions: SessionBatch, row: number): string => context.roleOf(sessions.srcAddr, row * 4);

  /** Learns the networks outside that sessions of ours were opened to in the step. */
  function learnNetworks(sessions: SessionBatch, time: number): void {
    opened.length = 0;
    const { length, state, srcScope, dstScope } = sessions;
    for (let row = 0; row < length; row++)
      if ((state[row]! & STATE.establishedNow) !== 0 && srcScope[row] === SCOPE.internal)
        if (isOutside(dstScope[row]!)) opened.push(row);
    if (opened.length === 0) return;
    networks.learn(opened.length, (item, key) => putNetwork(sessions.dstAddr, opened[item]!, key), time);
  }

  /** Whether nobody of ours had a session with the destination's network before the last day. */
  function isNewNetwork(sessions: SessionBatch, row: number, now: number): boolean {
    putNetwork(sessions.dstAddr, row, network);
    const since = networks.since(network);
    return since === undefined ? !networks.isFull : now - since < DAY;
  }

  function claimOf(at: number, sessions: SessionBatch, row: number, now: number): Claim | undefined {
    const out = hosts.sum(at, SUM.out);
    const back = hosts.sum(at, SUM.in);
    if (out < config.bytes || out < config.ratio * back) return undefined;
    const name = roleOf(sessions, row);
    hashRole(name, role, 0);
    const since = uploaders.since(role);
    if (since !== undefined && now - since >= learnSeconds) return undefined;
    const learnt = now - hosts.since >= learnSeconds && !(since === undefined && uploaders.isFull);
    const unknown = isNewNetwork(sessions, row, now);
    const severity: Severity = learnt && unknown ? 'medium' : 'low';
    if (!hosts.isNews(at, out, severity)) return undefined;
    const subject = formatAddress(sessions.srcAddr, row * 4);
    const servers = hosts.distinct.count(at, hosts.tick);
    const only = servers === 1 ? { peer: formatAddress(sessions.dstAddr, row * 4) } : {};
    const to = only.peer ?? `${servers} addresses outside`;
    const { first, last } = hosts.table.columns;
    return {
      severity,
      title: `${subject} sent ${bytesText(out)} to ${to} within an hour and got ${bytesText(back)} back`,
      subject,
      ...only,
      port: sessions.dstPort[row]!,
      protocol: sessions.protocol[row]!,
      counterpart: 'upload',
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: hosts.tell(at, out, severity),
      score: scoreOf(severity, out, config.bytes),
      explanation: {
        observed: `${bytesText(out)} sent, ${bytesText(back)} back in ${MINUTES} min`,
        baseline: `no upload by role ${name} in ${durationText(now - hosts.since)} but the last ${durationText(since === undefined ? 0 : now - since)}`,
        threshold: `${bytesText(config.bytes)} in ${MINUTES} min, ${config.ratio} times what comes back`,
        formula:
          'bytes out >= threshold and bytes out / bytes in >= ratio, of sessions that the host opened, by a role that is known not to upload',
        ratio: rounded(out / Math.max(1, back), 3),
        role: name,
        destination: unknown
          ? 'in a network that nobody of ours used before the last 24 h'
          : 'in a network that was used before',
      },
      exception: { subject, ...only, port: sessions.dstPort[row]! },
    };
  }

  return detectorOf({ hosts, uploaders, networks }, (step, emit) => {
    hosts.begin(step);
    uploaders.forget(step.start);
    const { active } = step;
    networks.forget(step.start);
    learnNetworks(active, step.end);
    uploadRows(active, config.ratio, rows);
    const judged = rows.filter((row) => left[active.dstPort[row]!] === 0);
    if (judged.length === 0) return;
    const found: Finding[] = [];
    const habits: number[] = [];
    for (const { at, rows: group } of hosts.group(active, judged)) {
      for (const row of group) {
        hosts.add(at, SUM.out, active.stepBytesOut[row]!);
        hosts.add(at, SUM.in, active.stepBytesIn[row]!);
        hosts.distinct.add(at, hashWords(active.dstAddr, row * 4, 4), hosts.tick);
      }
      if (hosts.sum(at, SUM.out) < config.bytes * HABIT) continue;
      const row = largestOf(active, group);
      habits.push(row);
      const claim = claimOf(at, active, row, step.end);
      if (claim !== undefined) found.push(findingOf(claim, active, group, context.names));
    }
    uploaders.learn(habits.length, (item, key) => hashRole(roleOf(active, habits[item]!), key, 0), step.end);
    for (const finding of inOrder(found)) emit(finding);
  });
}

/** The row with most bytes out; of equal ones the first by what it is. */
function largestOf(sessions: SessionBatch, rows: readonly number[]): number {
  const { stepBytesOut } = sessions;
  return rows.toSorted(
    (a, b) => stepBytesOut[b]! - stepBytesOut[a]! || compareRows(sessions, a, sessions, b),
  )[0]!;
}

/** Key of the network of a destination: its /24 or /48. */
function putNetwork(addresses: Uint32Array, row: number, key: Uint32Array): void {
  putAddress(addresses, row, key, 0);
  if (key[0] === 0 && key[1] === 0 && key[2] === 0xffff) key[3] = key[3]! & 0xffffff00;
  else {
    key[1] = key[1]! & 0xffff0000;
    key[2] = 0;
    key[3] = 0;
  }
}
