import type { Alert } from '../../contracts.ts';
import { bySeverity, type Covered, countsOf, MAX_ALERTS, MAX_BATCH, type Message } from '../message.ts';
import type { Timing } from '../routing/route.ts';
import type { SinkTraits } from '../sink.ts';
import type { Live, Roster } from './roster.ts';
import { canHold, heldUntil, needOf, type Standing, stateOf } from './unit.ts';

/** A message without what only its delivery knows. */
export type Draft = Omit<Message, 'key' | 'at' | 'sink' | 'dropped'> & {
  readonly covers: readonly Covered[];
  /** When its unit began, and which of its messages this is. */
  readonly opened: number;
  readonly number: number;
};

export interface DraftOptions {
  readonly roster: Roster;
  readonly traits: SinkTraits;
  standingOf(id: string): Standing | undefined;
  /** What holds an alert back at this moment; undefined when nothing does. `unit`: the times of its unit, for one that no route brings here. */
  holdOf(alert: Alert, unit: Timing, now: number): string | undefined;
  /** An alert was held back by something, for the first time. */
  onHeld(alert: Alert, by: string, now: number): void;
}

interface Content {
  readonly covers: Covered[];
  readonly alerts: Alert[];
}

/** Milliseconds until what was held back is looked at again. */
const RECHECK_MS = 10_000;

/** What a unit says now: all that is due and not held back, or what still fires when it is to be repeated. */
export function draftOf(options: DraftOptions, key: string, live: Live, now: number): Draft | undefined {
  const { roster, traits } = options;
  let content = changesOf(options, live, now);
  const repeat = content.covers.length === 0 && live.repeat;
  if (repeat) content = repeatsOf(options, live, now);
  live.repeat = false;
  const { covers, alerts } = content;
  if (covers.length === 0) {
    roster.reschedule(key, live, now);
    // What is held back says nothing of when it no longer will be.
    if (live.due <= now) live.due = now + RECHECK_MS;
    return undefined;
  }
  const { record } = live;
  const firing = roster.firing(live, covers);
  const isAlert = traits.unit === 'alert' && record.digest === undefined;
  const isOver = isAlert ? covers[0]?.state === 'resolved' : firing === 0;
  return {
    unit: key,
    kind: record.digest === true ? 'digest' : traits.unit,
    event:
      isAlert && !repeat && isAcknowledged(roster, covers) ? 'acknowledged' : isOver ? 'resolved' : 'firing',
    repeat,
    labels: record.labels,
    firing: isAlert ? Number(!isOver) : firing,
    resolved: covers.filter(({ state }) => state === 'resolved').length,
    counts: countsOf(alerts),
    alerts: alerts.sort(bySeverity).slice(0, traits.unit === 'batch' ? MAX_BATCH : MAX_ALERTS),
    known: covers.flatMap(({ id, state }) => (state === 'firing' && isOpen(roster, id) ? [id] : [])),
    note: record.note,
    covers,
    opened: record.opened,
    number: record.sent + 1,
  };
}

/** Whether the sink was told last that it fires. */
function isOpen(roster: Roster, id: string): boolean {
  return roster.members.get(id)?.told?.state === 'firing';
}

/** An open alert of which nothing is new but that somebody took over. */
function isAcknowledged(roster: Roster, [only]: readonly Covered[]): boolean {
  const told = only && roster.members.get(only.id)?.told;
  return only?.state === 'firing' && told?.state === 'firing' && told.severity === only.severity;
}

function changesOf({ roster, traits, ...options }: DraftOptions, live: Live, now: number): Content {
  const covers: Covered[] = [];
  const alerts: Alert[] = [];
  const most = traits.unit === 'batch' ? MAX_BATCH : Number.POSITIVE_INFINITY;
  for (const id of [...live.pending]) {
    if (covers.length >= most) break;
    const member = roster.members.get(id)!;
    const standing = options.standingOf(id);
    const need = standing && needOf(member, standing, traits.acknowledges);
    if (standing === undefined || need === undefined) {
      roster.touch(id, now);
      continue;
    }
    if (heldUntil(member, live.record, need) > now) continue;
    const { alert } = standing;
    const by = canHold(need) ? options.holdOf(alert, live.record.timing, now) : undefined;
    if (by !== undefined) {
      if (member.held !== by) {
        options.onHeld(alert, by, now);
        roster.put(id, { ...member, held: by });
      }
      // It came and went while nobody had to be told.
      if (stateOf(standing) === 'resolved') roster.drop(id);
      continue;
    }
    // Where alerts are opened and closed one by one, what was over before it was told is opened first.
    const isOpened = traits.unit === 'alert' && need === 'new' && live.record.digest === undefined;
    const state = isOpened ? 'firing' : stateOf(standing);
    covers.push({ id, state, severity: alert.severity });
    // What somebody judged is over for whoever was told, while its records go on.
    alerts.push(state === 'resolved' && alert.state === 'firing' ? { ...alert, state } : alert);
  }
  return { covers, alerts };
}

/** What fires, was told before, and nobody took over. */
function repeatsOf({ roster, ...options }: DraftOptions, live: Live, now: number): Content {
  const covers: Covered[] = [];
  const alerts: Alert[] = [];
  for (const id of live.members) {
    const standing = options.standingOf(id);
    if (standing === undefined || stateOf(standing) === 'resolved' || standing.acknowledged) continue;
    const { alert } = standing;
    if (!isOpen(roster, id)) continue;
    if (options.holdOf(alert, live.record.timing, now) !== undefined) continue;
    covers.push({ id, state: 'firing', severity: alert.severity });
    alerts.push(alert);
  }
  return { covers, alerts };
}
