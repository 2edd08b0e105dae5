import { createHash } from 'node:crypto';
import { type Alert, type AlertState, SEVERITIES, type Severity } from '../contracts.ts';

/** An alert in the state in which a message tells of it. */
export interface Covered {
  readonly id: string;
  readonly state: AlertState;
  readonly severity: Severity;
}

/** How many alerts of a kind. */
export interface Count {
  readonly detector: string;
  readonly severity: Severity;
  readonly alerts: number;
}

/** What is said of an alert instead of, or beside, what its own fields say. Text that is not encoded yet. */
export interface AlertWords {
  /** Of its detector's guide: what such an alert is called, why it matters, what to look at first. */
  readonly name?: string;
  readonly meaning?: string;
  readonly check?: string;
  /** Of the user's templates: what happened, the numbers and what to do next, a line each. */
  readonly sentence?: string;
  readonly numbers?: string;
  readonly next?: string;
}

/** What a message says beside its data: written down with it, so that every attempt says the same. */
export interface Words {
  /** Of the user's templates: the headline, and what stands above a list of alerts. */
  readonly title?: string;
  readonly digest?: string;
  /** By the alert's id, for those that the message has in full. */
  readonly alerts: Readonly<Record<string, AlertWords>>;
}

/** One message to one sink: all that it says, as data. It is written down before the first attempt and never changes afterwards. */
export interface Message {
  /** The same in every attempt, and another for every message. */
  readonly key: string;
  readonly sink: string;
  /** What it is about and what its successors are about: a group, an alert, a digest. */
  readonly unit: string;
  readonly kind: 'group' | 'alert' | 'batch' | 'digest';
  /** `resolved` when nothing it is about fires any more. */
  readonly event: 'firing' | 'resolved' | 'acknowledged';
  /** Nothing has changed: it still fires. */
  readonly repeat: boolean;
  /** By what it was grouped. */
  readonly labels: Readonly<Record<string, string>>;
  /** Alerts of the unit that fire and are told of, and those of this message that do not any more. */
  readonly firing: number;
  readonly resolved: number;
  /** What this message tells of, exactly: new, worse or resolved alerts. */
  readonly counts: readonly Count[];
  /** The most severe of those, at most {@link MAX_ALERTS}. */
  readonly alerts: readonly Alert[];
  /** Of those that fire, the ids of whom the sink was told before: it got worse, or still fires. */
  readonly known?: readonly string[];
  /** Alerts that found no place while nothing could be delivered, by kind: they are told of by these numbers alone. */
  readonly dropped: readonly Count[];
  /** What the sink noted when it delivered the one before. */
  readonly note?: string | undefined;
  /** ISO 8601, by the clock. */
  readonly at: string;
  /** Sent to try the sink. */
  readonly test?: true;
  readonly words?: Words | undefined;
}

/** Alerts that a message has in full: more than anybody reads, and bounded in size. */
export const MAX_ALERTS = 20;
/** Lines that a batch has: one for each alert. */
export const MAX_BATCH = 500;

/** Deterministic: what is made anew after a crash has the same key. `opened`: when the unit began, so that its successor has others. */
export function messageKey(
  sink: string,
  unit: string,
  opened: number,
  number: number,
  covers: readonly Covered[],
): string {
  const hash = createHash('sha256').update(`${sink}\0${unit}\0${opened}\0${number}`);
  for (const { id, state, severity } of covers) hash.update(`\0${id} ${state} ${severity}`);
  return hash.digest('hex').slice(0, 32);
}

/** Counts by detector and severity, the worst first. */
export function countsOf(
  alerts: Iterable<{ readonly detector: string; readonly severity: Severity }>,
): Count[] {
  const sums = new Map<string, Count>();
  for (const { detector, severity } of alerts) {
    const key = `${detector} ${severity}`;
    sums.set(key, { detector, severity, alerts: (sums.get(key)?.alerts ?? 0) + 1 });
  }
  return [...sums.values()].sort(
    (a, b) =>
      SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
      b.alerts - a.alerts ||
      (a.detector < b.detector ? -1 : 1),
  );
}

/** Alerts that counts speak of. */
export function total(counts: readonly Count[]): number {
  return counts.reduce((sum, { alerts }) => sum + alerts, 0);
}

/** The worst first, then the newest. */
export function bySeverity(a: Alert, b: Alert): number {
  return (
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    b.score - a.score ||
    (a.lastSeen < b.lastSeen ? 1 : a.lastSeen > b.lastSeen ? -1 : a.id < b.id ? -1 : 1)
  );
}

/** The worst severity of a message. */
export function worst({ alerts, counts }: Pick<Message, 'alerts' | 'counts'>): Severity {
  const ranks = [...counts, ...alerts].map(({ severity }) => SEVERITIES.indexOf(severity));
  return SEVERITIES[Math.max(0, ...ranks)] ?? 'info';
}
