import { formatAddress } from '../../src/columns/address.ts';
import type { Dictionary } from '../../src/columns/dictionary.ts';
import { type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Finding, Verdict } from '../../src/contracts.ts';
import { bytesText, compareRows, evidenceQuery, flowSample, portText, protocolText } from '../evidence.ts';

/** Sessions judged so far, by verdict; violations by whether they were let through. */
export const TOTAL = { allowed: 0, accepted: 1, rejected: 2, unmatched: 3 } as const;

/** Rows of one batch that violate the policy on one path: a subject, a rule and two zones. */
export interface Violation {
  readonly verdict: Verdict;
  /** The subject is the end that was connected to, because the other one is not ours. */
  readonly inward: boolean;
  /** Key of the path. */
  readonly key: Uint32Array;
  readonly accepted: number[];
  readonly rejected: number[];
}

const ICMP: readonly number[] = [1, 58];
const isDefault = (rule: string): boolean => rule.startsWith('default-');

/** A path without its subject: `no-db-from-web web > db`. */
export function pathName({ rule, srcZone, dstZone }: Verdict): string {
  return `${rule} ${zoneText(srcZone)} > ${zoneText(dstZone)}`;
}

/** How exceptions name the path: by the rule when the policy has one, else by the zones too. */
function exceptionRule(verdict: Verdict): string {
  return isDefault(verdict.rule) ? pathName(verdict) : verdict.rule;
}

function zoneText(zone: string): string {
  return zone === '' ? 'no zone' : zone;
}

function whyText({ rule }: Verdict): string {
  return isDefault(rule) ? 'which no rule allows' : `which rule ${rule} denies`;
}

/** What rows of a path have in common and what is shown of them. */
function summary(violation: Violation, sessions: SessionBatch, rows: readonly number[]) {
  const { inward, verdict } = violation;
  const best = shownRow(sessions, rows);
  const peers = new Set<string>();
  const ports = new Set<string>();
  let bytes = 0;
  let established = 0;
  for (const row of rows) {
    peers.add(formatAddress(inward ? sessions.srcAddr : sessions.dstAddr, row * 4));
    ports.add(serviceText(sessions, row));
    bytes += sessions.bytesOut[row]! + sessions.bytesIn[row]!;
    if ((sessions.state[row]! & STATE.established) !== 0) established++;
  }
  const subject = formatAddress(violation.key);
  const peer = peers.size === 1 ? [...peers][0]! : undefined;
  const own = `${subject} (${zoneText(inward ? verdict.dstZone : verdict.srcZone)})`;
  const otherZone = zoneText(inward ? verdict.srcZone : verdict.dstZone);
  const other = peer === undefined ? `${peers.size} addresses of ${otherZone}` : `${peer} (${otherZone})`;
  const protocol = sessions.protocol[best]!;
  const one = ports.size === 1;
  return {
    best,
    bytes,
    established,
    peers: peers.size,
    ports: ports.size,
    peer,
    subject,
    from: inward ? other : own,
    to: inward ? own : other,
    where: one ? [...ports][0]! : `${ports.size} ports, ${serviceText(sessions, best)} among them`,
    protocol: one ? protocol : undefined,
    port: one && !ICMP.includes(protocol) ? sessions.dstPort[best]! : undefined,
    first: minMax(sessions.start, rows)[0],
    last: minMax(sessions.end, rows)[1],
  };
}

/** Fields that holes and attempts share. */
function common(item: ReturnType<typeof summary>, sessions: SessionBatch, names: Dictionary) {
  return {
    subject: item.subject,
    ...(item.peer === undefined ? {} : { peer: item.peer }),
    ...(item.port === undefined ? {} : { port: item.port }),
    ...(item.protocol === undefined ? {} : { protocol: item.protocol }),
    interfaceId: sessions.interfaceId[item.best]!,
    accountId: sessions.accountId[item.best]!,
    lastSeen: item.last,
    samples: [flowSample(sessions, item.best, names)],
  };
}

function policyDetails({ rule, srcZone, dstZone }: Verdict, totals: Float64Array | undefined) {
  return {
    rule,
    fromZone: zoneText(srcZone),
    toZone: zoneText(dstZone),
    ...(totals === undefined
      ? {}
      : {
          allowedBefore: totals[TOTAL.allowed]!,
          letThroughBefore: totals[TOTAL.accepted]!,
          rejectedBefore: totals[TOTAL.rejected]!,
          unmatchedBefore: totals[TOTAL.unmatched]!,
        }),
  };
}

/**
 * Sessions that were let through against the policy. `apart`: all on one port that is an alert of its own; else they are what came after
 * too many ports. `totals`: verdicts before this step.
 */
export function holeFinding(
  violation: Violation,
  sessions: SessionBatch,
  rows: readonly number[],
  apart: boolean,
  names: Dictionary,
  totals: Float64Array | undefined,
): Finding {
  const { verdict } = violation;
  const item = summary(violation, sessions, rows);
  const count = rows.length;
  const { port, protocol, peer, subject, where } = item;
  return {
    ...common(item, sessions, names),
    severity: 'high',
    title: `${item.from} ${item.established > 0 ? 'reached' : 'was let through to'} ${item.to} on ${where}, ${whyText(verdict)}`,
    counterpart: `${pathName(verdict)} ${apart ? where : 'other ports'}`,
    firstSeen: item.first,
    count,
    score: item.established > 0 ? 0.9 : 0.8,
    explanation: {
      observed: `${count} session${count === 1 ? '' : 's'} let through on ${where}, ${bytesText(item.bytes)}`,
      baseline: '0 sessions against the policy',
      threshold: '1 session let through',
      formula:
        'first rule that matches from, to, protocol and port denies, or none matches and the default denies',
      ...policyDetails(verdict, totals),
      peers: item.peers,
      established: item.established,
    },
    query: evidenceQuery({
      subject,
      ...(peer === undefined ? {} : { peer }),
      ...(port === undefined ? {} : { port }),
      ...(protocol === undefined ? {} : { protocol }),
      from: item.first,
      to: item.last,
    }),
    exception: apart
      ? {
          subject,
          ...(port === undefined ? {} : { port }),
          ...(protocol === undefined ? {} : { protocol }),
          rule: exceptionRule(verdict),
        }
      : { subject, rule: `${exceptionRule(verdict)} other ports` },
  };
}

/** Attempts that were rejected, `violation.rejected`. `totals`: verdicts before this step. */
export function attemptFinding(
  violation: Violation,
  sessions: SessionBatch,
  names: Dictionary,
  totals: Float64Array,
): Finding {
  const { verdict, rejected } = violation;
  const count = rejected.length;
  const item = summary(violation, sessions, rejected);
  return {
    ...common(item, sessions, names),
    severity: 'low',
    title: `${item.from} tried to reach ${item.to} on ${item.where}, ${whyText(verdict)}, and was rejected`,
    counterpart: `${pathName(verdict)} attempts`,
    firstSeen: item.first,
    count,
    score: 0.3,
    explanation: {
      observed: `${count} rejected session${count === 1 ? '' : 's'} on ${item.where}`,
      baseline: '0 sessions against the policy',
      threshold: '1 rejected session',
      formula:
        'first rule that matches from, to, protocol and port denies, or none matches and the default denies',
      ...policyDetails(verdict, totals),
      peers: item.peers,
    },
    query: evidenceQuery({
      subject: item.subject,
      ...(item.peer === undefined ? {} : { peer: item.peer }),
      from: item.first,
      to: item.last,
      rejectedOnly: true,
    }),
    exception: { subject: item.subject, rule: `${exceptionRule(verdict)} attempts` },
  };
}

function serviceText(sessions: SessionBatch, row: number): string {
  const protocol = sessions.protocol[row]!;
  return ICMP.includes(protocol) ? protocolText(protocol) : portText(sessions.dstPort[row]!, protocol);
}

/** Least and greatest value of a column over rows. */
export function minMax(column: Uint32Array, rows: readonly number[]): [number, number] {
  let least = 0xffff_ffff;
  let greatest = 0;
  for (const row of rows) {
    least = Math.min(least, column[row]!);
    greatest = Math.max(greatest, column[row]!);
  }
  return [least, greatest];
}

/** The row that is shown of several: rows come in any order, so the one with the most bytes, then by what it is. */
function shownRow(sessions: SessionBatch, rows: readonly number[]): number {
  let best = rows[0]!;
  const bytes = (row: number): number => sessions.bytesOut[row]! + sessions.bytesIn[row]!;
  for (const row of rows)
    if ((bytes(row) - bytes(best) || compareRows(sessions, best, sessions, row)) > 0) best = row;
  return best;
}
