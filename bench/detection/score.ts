import type { Alert } from '../../src/contracts.ts';
import { type LabelledSet, MARK, pairKey, type TruthRow } from './labelled-set.ts';

/** Seconds by which an alert and an attack may miss each other. */
const SLACK = 900;
/** Severities that wake somebody. */
const PAGING: ReadonlySet<string> = new Set(['medium', 'high', 'critical']);

export type Seen = Pick<Alert, 'detector' | 'severity' | 'subject' | 'peer' | 'firstSeen' | 'lastSeen'>;

export interface Found {
  readonly found: number;
  readonly of: number;
}

export interface Score {
  readonly set: string;
  readonly alerts: number;
  readonly paging: number;
  /** Alerts of any severity that are true. */
  readonly seen: number;
  /** Paging alerts that are true, that are false, and that are false with only unlabelled traffic under them. */
  readonly true: number;
  readonly false: number;
  readonly unlabelled: number;
  readonly hostDays: number;
  readonly falsePerHostDay: number;
  /** Attacks by type: those that a paging alert found, of all. */
  readonly found: Readonly<Record<string, Found>>;
  readonly trueBy: Readonly<Record<string, number>>;
  readonly falseBy: Readonly<Record<string, number>>;
}

/**
 * Scores the alerts of one run against one set. A paging alert (medium or higher) is true when its time, give or take a quarter of an hour,
 * overlaps a row of truth that its addresses fit: both ends when it names a peer, either way round; else the subject is one end. An attack
 * is found when a paging alert is true for one of its rows. Every other paging alert is false, or `unlabelled` when nothing benign is known
 * of the traffic it speaks of.
 */
export function score(alerts: readonly Seen[], set: LabelledSet): Score {
  const rowsOf = Map.groupBy(
    set.truth.flatMap((row) => [...new Set([row.src, row.dst])].map((address) => ({ address, row }))),
    ({ address }) => address,
  );
  const hit = new Set<string>();
  const trueBy: Record<string, number> = {};
  const falseBy: Record<string, number> = {};
  const tally = { true: 0, false: 0, unlabelled: 0 };
  const rowsUnder = (alert: Seen) => (rowsOf.get(alert.subject) ?? []).filter(({ row }) => fits(alert, row));
  const paging = alerts.filter(({ severity }) => PAGING.has(severity));
  for (const alert of paging) {
    const fitting = rowsUnder(alert);
    for (const { row } of fitting) hit.add(row.attack);
    const kind = fitting.length > 0 ? 'true' : isUnlabelled(alert, set) ? 'unlabelled' : 'false';
    tally[kind]++;
    const by = kind === 'true' ? trueBy : falseBy;
    by[alert.detector] = (by[alert.detector] ?? 0) + 1;
  }
  const attacks = new Map(set.truth.map(({ attack, type }) => [attack, type]));
  const found: Record<string, Found> = {};
  for (const [attack, type] of attacks) {
    const known = found[type] ?? { found: 0, of: 0 };
    found[type] = { found: known.found + (hit.has(attack) ? 1 : 0), of: known.of + 1 };
  }
  const { name, hostDays } = set;
  const falsePerHostDay = tally.false / hostDays;
  return {
    set: name,
    alerts: alerts.length,
    paging: paging.length,
    seen: alerts.filter((alert) => rowsUnder(alert).length > 0).length,
    ...tally,
    hostDays,
    falsePerHostDay,
    found,
    trueBy,
    falseBy,
  };
}

function fits(alert: Seen, row: TruthRow): boolean {
  const [from, to] = [Date.parse(alert.firstSeen) / 1000, Date.parse(alert.lastSeen) / 1000];
  if (to < row.from - SLACK || from > row.to + SLACK) return false;
  return alert.peer === undefined || row.dst === '' || alert.peer === row.src || alert.peer === row.dst;
}

function isUnlabelled(alert: Seen, set: LabelledSet): boolean {
  if (!set.labelled) return false;
  const { subject, peer } = alert;
  const marks = (peer === undefined ? set.hosts.get(subject) : set.pairs.get(pairKey(subject, peer))) ?? 0;
  return marks !== 0 && (marks & MARK.benign) === 0;
}
