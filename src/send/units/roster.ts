import type { Save } from '../delivery/ledger.ts';
import type { Covered } from '../message.ts';
import type { SinkTraits } from '../sink.ts';
import { dueOf, type Member, needOf, type Standing, stateOf, type UnitRecord } from './unit.ts';

/** A unit at work. */
export interface Live {
  record: UnitRecord;
  readonly members: Set<string>;
  /** Those of whom there is something to tell. */
  readonly pending: Set<string>;
  /** When the first of them is due. */
  due: number;
  /** A message about it is on its way: the next one waits for it. */
  busy: boolean;
  /** What still fires is told again, if nothing else is. */
  repeat: boolean;
}

export interface RosterOptions {
  readonly sink: string;
  readonly traits: SinkTraits;
  readonly sendResolved: boolean;
  readonly units: ReadonlyMap<string, UnitRecord>;
  readonly members: ReadonlyMap<string, Member>;
  /** The alert as it is now; undefined when there is none any more. */
  standingOf(id: string): Standing | undefined;
  readonly save: Save;
}

/** Which alerts a sink has to do with, in which units, and of which there is something to tell. */
export interface Roster {
  readonly members: ReadonlyMap<string, Member>;
  readonly units: ReadonlyMap<string, Live>;
  /** Keys of units with something to tell. */
  readonly pending: Set<string>;
  /** Alerts of which there is something to tell, and bytes that remember all. */
  readonly waiting: number;
  readonly bytes: number;
  put(id: string, member: Member): void;
  drop(id: string): void;
  open(key: string, record: UnitRecord): Live;
  update(live: Live, key: string, record: UnitRecord): void;
  remove(key: string): void;
  /** Looks what is to be told of an alert, and when. */
  touch(id: string, now: number): void;
  /** Looks anew when a unit is due. */
  reschedule(key: string, live: Live, now: number): void;
  /** Alerts of a unit that fire as its sink knows, or learns from a message that covers them: what is held back is no part of it. */
  firing(live: Live, covers?: readonly Covered[]): number;
}

export function createRoster({
  sink,
  traits,
  sendResolved,
  standingOf,
  save,
  ...saved
}: RosterOptions): Roster {
  const members = new Map<string, Member>();
  const units = new Map<string, Live>();
  const pending = new Set<string>();
  let bytes = 0;
  let waiting = 0;

  function count(id: string, member: Member | undefined, sign: 1 | -1): void {
    if (member === undefined) return;
    bytes += sign * (JSON.stringify(member).length + id.length);
    waiting += sign * Number(member.since !== undefined);
  }

  function put(id: string, member: Member | undefined): void {
    count(id, members.get(id), -1);
    count(id, member, 1);
    if (member === undefined) members.delete(id);
    else members.set(id, member);
    save('member', `${sink} ${id}`, member);
  }

  function add(key: string, record: UnitRecord): Live {
    const live: Live = {
      record,
      members: new Set(),
      pending: new Set(),
      due: Number.POSITIVE_INFINITY,
      busy: false,
      repeat: false,
    };
    units.set(key, live);
    return live;
  }

  function remove(key: string): void {
    units.delete(key);
    pending.delete(key);
    save('unit', `${sink} ${key}`, undefined);
  }

  function drop(id: string): void {
    const member = members.get(id);
    if (member === undefined) return;
    const live = units.get(member.unit);
    put(id, undefined);
    live?.members.delete(id);
    live?.pending.delete(id);
    if (live?.members.size === 0 && !live.busy) remove(member.unit);
  }

  function touch(id: string, now: number): void {
    const member = members.get(id);
    const standing = standingOf(id);
    const live = member && units.get(member.unit);
    if (member === undefined || live === undefined) return;
    if (standing === undefined) {
      drop(id);
      return;
    }
    const { told } = member;
    if (!sendResolved && told?.state === 'firing' && stateOf(standing) === 'resolved') {
      put(id, { ...member, told: { ...told, state: 'resolved' }, since: undefined });
      live.pending.delete(id);
      return;
    }
    const need = needOf(member, standing, traits.acknowledges);
    if (need === undefined) {
      live.pending.delete(id);
      if (member.since !== undefined) put(id, { ...member, since: undefined });
      return;
    }
    const since = member.since ?? now;
    if (member.since === undefined) put(id, { ...member, since });
    live.pending.add(id);
    live.due = Math.min(live.due, dueOf({ ...member, since }, live.record, need, now));
    pending.add(member.unit);
  }

  for (const [key, record] of saved.units) add(key, record);
  for (const [id, member] of saved.members) {
    members.set(id, member);
    count(id, member, 1);
    units.get(member.unit)?.members.add(id);
  }
  return {
    members,
    units,
    pending,
    get waiting() {
      return waiting;
    },
    get bytes() {
      return bytes;
    },
    put,
    drop,
    open(key, record) {
      const known = units.get(key);
      if (known !== undefined) return known;
      save('unit', `${sink} ${key}`, record);
      return add(key, record);
    },
    update(live, key, record) {
      live.record = record;
      save('unit', `${sink} ${key}`, record);
    },
    remove,
    touch,
    reschedule(key, live, now) {
      live.due = Number.POSITIVE_INFINITY;
      for (const id of [...live.pending]) touch(id, now);
      if (live.pending.size === 0) pending.delete(key);
      if (live.members.size === 0) remove(key);
    },
    firing(live, covers = []) {
      const covered = new Set(covers.map(({ id }) => id));
      let firing = 0;
      for (const id of live.members) {
        if (members.get(id)?.told?.state !== 'firing' && !covered.has(id)) continue;
        const standing = standingOf(id);
        if (standing !== undefined && stateOf(standing) === 'firing') firing++;
      }
      return firing;
    },
  };
}
