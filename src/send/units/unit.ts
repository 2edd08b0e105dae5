import { type Alert, type AlertState, SEVERITIES, type Severity } from '../../contracts.ts';
import type { Timing } from '../routing/route.ts';
import { nextDaily } from '../routing/times.ts';

/** What a sink was told of an alert last. Times are Unix milliseconds, by the clock. */
export interface Told {
  readonly state: AlertState;
  readonly severity: Severity;
  /** When it was last told that it fires. */
  readonly at: number;
  readonly acknowledged?: true;
}

/** An alert at one sink; `since` when there is something to tell, `held` by what it was last held back. */
export interface Member {
  readonly unit: string;
  readonly told?: Told | undefined;
  readonly since?: number | undefined;
  readonly held?: string | undefined;
}

/** What messages are about, as it is remembered. */
export interface UnitRecord {
  readonly timing: Timing;
  readonly labels: Readonly<Record<string, string>>;
  readonly route: string;
  /** When it began. */
  readonly opened: number;
  /** Messages so far. */
  readonly sent: number;
  /** When the last one was delivered. */
  readonly toldAt?: number | undefined;
  readonly note?: string | undefined;
  readonly digest?: true;
}

/** What a sink has not been told of an alert yet. */
export type Need = 'new' | 'worse' | 'again' | 'resolved' | 'acknowledged';

/** An alert as a sink should know it. */
export interface Standing {
  readonly alert: Alert;
  /** Somebody took over, or judged it: then it is as good as resolved. */
  readonly acknowledged: boolean;
  readonly closed: boolean;
}

export function stateOf({ alert, closed }: Standing): AlertState {
  return closed ? 'resolved' : alert.state;
}

/** What is to be told; undefined when the sink knows all. */
export function needOf({ told }: Member, standing: Standing, acknowledges: boolean): Need | undefined {
  const state = stateOf(standing);
  if (told === undefined) return standing.closed ? undefined : 'new';
  if (told.state === 'resolved') return state === 'firing' ? 'again' : undefined;
  if (state === 'resolved') return 'resolved';
  if (SEVERITIES.indexOf(standing.alert.severity) > SEVERITIES.indexOf(told.severity)) return 'worse';
  return acknowledges && standing.acknowledged && told.acknowledged === undefined
    ? 'acknowledged'
    : undefined;
}

/** Whether nobody has to be told of it now if something speaks against it: what is open at a sink is always closed there. */
export function canHold(need: Need): boolean {
  return need !== 'resolved' && need !== 'acknowledged';
}

/** Until when it is not told, whatever its unit does: the same alert comes once in a repeat interval, however often it comes and goes. */
export function heldUntil({ told }: Member, { timing }: UnitRecord, need: Need): number {
  return need === 'again' ? (told?.at ?? 0) + timing.repeatInterval : 0;
}

/** When its unit is due because of it. */
export function dueOf(member: Member, unit: UnitRecord, need: Need, now: number): number {
  const { timing, toldAt } = unit;
  const since = member.since ?? now;
  if (need === 'acknowledged') return since;
  const latest = Math.max(timing.groupWait, timing.groupInterval, timing.repeatInterval);
  let due: number;
  if (timing.daily !== undefined) {
    const { minute, location } = timing.daily;
    due = nextDaily(Math.max(since, toldAt ?? 0), minute, location);
  } else {
    due = toldAt === undefined ? since + timing.groupWait : Math.max(since, toldAt + timing.groupInterval);
    // A clock that was put back must not make anybody wait longer than it ever would.
    due = Math.min(due, now + latest);
  }
  return Math.max(due, Math.min(heldUntil(member, unit, need), now + latest));
}
