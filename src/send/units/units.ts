import type { Alert } from '../../contracts.ts';
import { type Count, type Covered, countsOf, type Message } from '../message.ts';
import type { Placement } from '../routing/route.ts';
import { type Draft, type DraftOptions, draftOf } from './draft.ts';
import { digestKey, fold } from './fold.ts';
import { createRoster, type RosterOptions } from './roster.ts';
import { type Member, stateOf } from './unit.ts';

export interface UnitsOptions extends RosterOptions, Omit<DraftOptions, 'roster'> {
  /** Units that are told of one by one when so many are due at once; the rest becomes a digest. */
  readonly single: number;
  /** Of what is remembered of alerts. */
  readonly maxBytes: number;
  /** What found no place and was not told of yet. */
  readonly dropped: readonly Count[];
}

/** What a sink knows and what it has to be told, alert by alert and unit by unit. Times are Unix milliseconds. */
export interface Units {
  /** An alert changed, or is there at the start. */
  take(alert: Alert, placement: Placement, now: number): void;
  /** Looks anew at an alert that somebody acknowledged or judged. */
  look(id: string, now: number): void;
  /** What is to be said now; its unit says nothing else until it is settled. */
  draft(now: number): Draft | undefined;
  /** A message of this unit is on its way since before a restart. */
  occupy(unit: string): void;
  /** The message of a unit was delivered, or never will be. */
  settle(
    message: Pick<Message, 'unit' | 'event'>,
    covers: readonly Covered[],
    note: string | undefined,
    now: number,
  ): void;
  /** When {@link draft} may give something; infinite when nothing waits. */
  dueAt(): number;
  /** Looks for what is to be repeated, and forgets what is over. */
  sweep(now: number): void;
  /** Forgets alerts that were not told and that no route brings here any more. */
  prune(isRouted: (alert: Alert) => boolean): void;
  /** Takes over the counts of what found no place. */
  takeDropped(): readonly Count[];
  /** Ids of alerts of which there is something to tell. */
  untold(): Iterable<string>;
  /** Alerts of which there is something to tell, and bytes that remember all. */
  readonly waiting: number;
  readonly bytes: number;
}

/** Everything of a sink that takes batches is one unit. */
const BATCH = 'all';
const AT_ONCE = { groupWait: 0, groupInterval: 0 };
/** Units that wait before new ones go into a digest. */
const CROWD = 256;
/** When bytes are over the bound, so much is freed at once. */
const FREE_SHARE = 0.1;

export function createUnits(options: UnitsOptions, start: number): Units {
  const { sink, traits, standingOf, save, single, maxBytes } = options;
  const roster = createRoster(options);
  const { members, units, pending } = roster;
  let dropped = options.dropped;

  /** Makes room, oldest first: what has waited longest is the least worth waking somebody for. */
  function free(): void {
    if (roster.bytes <= maxBytes) return;
    const gone: Alert[] = [];
    for (const [id, { unit, told }] of members) {
      if (roster.bytes <= maxBytes * (1 - FREE_SHARE)) break;
      const standing = standingOf(id);
      if (told !== undefined || units.get(unit)?.busy === true || standing === undefined) continue;
      gone.push(standing.alert);
      roster.drop(id);
    }
    if (gone.length === 0) return;
    dropped = merged(dropped, countsOf(gone));
    save('dropped', sink, dropped);
  }

  /** Whether somebody judged it before anybody was told: then nobody ever is, unless a message about it may be on its way. */
  function isPointless(id: string): boolean {
    const { unit, told } = members.get(id) ?? {};
    if (standingOf(id)?.closed !== true || told !== undefined) return false;
    return unit === undefined || units.get(unit)?.busy !== true;
  }

  function look(id: string, now: number): void {
    if (isPointless(id)) roster.drop(id);
    else roster.touch(id, now);
  }

  /** Notes what a sink was told of alerts. */
  function tell(unit: string, covers: readonly Covered[], isAcknowledgement: boolean, now: number): void {
    for (const { id, state, severity } of covers) {
      const { told } = members.get(id) ?? {};
      if (!members.has(id)) continue;
      const at = state === 'firing' ? now : (told?.at ?? now);
      const acknowledged = isAcknowledgement || (state === 'firing' && told?.acknowledged === true);
      const member: Member = {
        unit,
        told: { state, severity, at, ...(acknowledged ? { acknowledged } : {}) },
      };
      roster.put(id, member);
      units.get(unit)?.pending.delete(id);
    }
    for (const { id } of covers) roster.touch(id, now);
  }

  /** An incident that stands for many is closed with the last of them: what is over before says nothing. */
  function isSilent({ kind, covers, firing, resolved }: Draft): boolean {
    return traits.unit === 'alert' && kind === 'digest' && firing > 0 && resolved === covers.length;
  }

  for (const id of [...members.keys()]) roster.touch(id, start);
  return {
    take(alert, placement, now) {
      if (isPointless(alert.id)) {
        roster.drop(alert.id);
        return;
      }
      const known = members.get(alert.id);
      const { group, labels, route } = placement;
      const isBatch = traits.unit === 'batch';
      const timing = isBatch ? { ...placement.timing, ...AT_ONCE, daily: undefined } : placement.timing;
      const own = isBatch ? BATCH : traits.unit === 'alert' ? alert.id : group;
      // So many wait already that most become a digest: making units of them first would cost far more.
      const isCrowded =
        traits.folds && known === undefined && pending.size > Math.max(CROWD, single) && !units.has(own);
      const key = known?.unit ?? (isCrowded ? digestKey(roster) : own);
      const digest = isCrowded ? { digest: true as const } : {};
      const shown = isBatch || isCrowded ? {} : labels;
      const record = { timing, route, labels: shown, opened: now, sent: 0, ...digest };
      const live = roster.open(key, record);
      if (!live.members.has(alert.id)) {
        live.members.add(alert.id);
        roster.put(alert.id, { ...known, unit: key });
      }
      // As the configuration has it now; a digest keeps its own.
      if (live.record.digest === undefined && JSON.stringify(live.record.timing) !== JSON.stringify(timing))
        roster.update(live, key, { ...live.record, timing, route });
      roster.touch(alert.id, now);
      free();
    },
    look,
    draft(now) {
      let due: readonly string[] = [...pending].filter((key) => {
        const live = units.get(key);
        return live !== undefined && !live.busy && live.due <= now;
      });
      if (traits.folds && due.length > single) due = fold(roster, due, single, standingOf, now);
      for (const key of due) {
        const live = units.get(key);
        const draft = live && draftOf({ ...options, roster }, key, live, now);
        if (live === undefined || draft === undefined) continue;
        if (isSilent(draft)) {
          tell(key, draft.covers, false, now);
          roster.reschedule(key, live, now);
          continue;
        }
        live.busy = true;
        return draft;
      }
      return undefined;
    },
    occupy(key) {
      const live = units.get(key);
      if (live !== undefined) live.busy = true;
    },
    settle({ unit, event }, covers, note, now) {
      const live = units.get(unit);
      if (live === undefined) return;
      live.busy = false;
      const { note: before, ...record } = live.record;
      tell(unit, covers, event === 'acknowledged', now);
      const isOver = [...live.members].every((id) => members.get(id)?.told?.state !== 'firing');
      // What comes after all is over begins anew.
      const kept = isOver ? undefined : (note ?? before);
      roster.update(live, unit, { ...record, sent: record.sent + 1, toldAt: now, note: kept });
      roster.reschedule(unit, live, now);
    },
    dueAt() {
      let due = Number.POSITIVE_INFINITY;
      for (const key of pending) {
        const live = units.get(key);
        if (live !== undefined && !live.busy && live.due < due) due = live.due;
      }
      return due;
    },
    sweep(now) {
      for (const [key, live] of units) {
        const { toldAt, timing } = live.record;
        if (live.busy) continue;
        const isDue = toldAt !== undefined && now >= toldAt + timing.repeatInterval;
        // What is told once a day says what is new.
        if (traits.repeats && timing.daily === undefined && isDue && roster.firing(live) > 0) {
          live.repeat = true;
          live.due = now;
          pending.add(key);
        }
        for (const id of [...live.members]) {
          const told = members.get(id)?.told;
          const standing = standingOf(id);
          const isOver = standing === undefined || stateOf(standing) === 'resolved';
          // The message that was on its way when somebody judged it was about others.
          if (told === undefined && !live.pending.has(id)) roster.drop(id);
          if (isOver && told?.state === 'resolved' && now >= told.at + timing.repeatInterval) roster.drop(id);
        }
      }
    },
    prune(isRouted) {
      for (const [id, { told }] of [...members]) {
        const standing = standingOf(id);
        if (told === undefined && (standing === undefined || !isRouted(standing.alert))) roster.drop(id);
      }
    },
    takeDropped() {
      const counts = dropped;
      if (counts.length > 0) save('dropped', sink, undefined);
      dropped = [];
      return counts;
    },
    *untold() {
      for (const key of pending) yield* units.get(key)?.pending ?? [];
    },
    get waiting() {
      return roster.waiting;
    },
    get bytes() {
      return roster.bytes;
    },
  };
}

function merged(a: readonly Count[], b: readonly Count[]): Count[] {
  const sums = new Map<string, Count>();
  for (const count of [...a, ...b]) {
    const key = `${count.detector} ${count.severity}`;
    sums.set(key, { ...count, alerts: (sums.get(key)?.alerts ?? 0) + count.alerts });
  }
  return [...sums.values()];
}
