import { DistinctCounts } from '../../src/columns/distinct.ts';
import { hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { StateTable, u8, u16, u32 } from '../../src/columns/state-table.ts';
import { ROLE_WORDS } from '../role-hash.ts';
import { isIpv6Network, THING_WORDS } from './things.ts';

export interface KnowledgeLimits {
  readonly maxSubjects: number;
  readonly maxRoles: number;
  readonly maxKnown: number;
  readonly maxPerRole: number;
  readonly maxDestinations: number;
}

const KNOWN_WORDS = ROLE_WORDS + THING_WORDS;
const SUBJECT_SEED = 0x2f0b4a27;

/** What roles have used: destinations and server ports with the time of their last use, and how many subjects use a destination. */
export class Knowledge {
  readonly subjects: ReturnType<typeof subjectTable>;
  readonly roles: ReturnType<typeof roleTable>;
  readonly #known: ReturnType<typeof knownTable>;
  readonly #destinations: ReturnType<typeof destinationTable>;
  /** Distinct destinations a subject, distinct subjects a destination. */
  readonly #perSubject = new DistinctCounts(4096);
  readonly #perDestination = new DistinctCounts(4096);
  readonly #limits: KnowledgeLimits;
  readonly #key = new Uint32Array(KNOWN_WORDS);

  constructor(limits: KnowledgeLimits) {
    this.#limits = limits;
    this.subjects = subjectTable(limits.maxSubjects);
    this.roles = roleTable(limits.maxRoles);
    this.#known = knownTable(limits.maxKnown);
    this.#destinations = destinationTable(limits.maxDestinations);
  }

  get overflow(): number {
    return (
      this.subjects.keys.overflow +
      this.roles.keys.overflow +
      this.#known.keys.overflow +
      this.#destinations.keys.overflow +
      this.#perSubject.overflow +
      this.#perDestination.overflow +
      this.#refused
    );
  }
  #refused = 0;

  get byteLength(): number {
    return (
      this.subjects.byteLength +
      this.roles.byteLength +
      this.#known.byteLength +
      this.#destinations.byteLength +
      this.#perSubject.byteLength +
      this.#perDestination.byteLength
    );
  }

  /** Room for this many more things without refusing any: past it, what is learnt depends on the order of learning. */
  get room(): number {
    const { maxKnown, maxDestinations, maxSubjects, maxRoles } = this.#limits;
    return Math.min(
      maxKnown - this.#known.size,
      maxDestinations - this.#destinations.size,
      maxSubjects - this.subjects.size,
      maxRoles - this.roles.size,
    );
  }

  /** Whether the role has used the thing; its last use becomes `day`. */
  knows(role: Uint32Array, roleAt: number, things: Uint32Array, thingAt: number, day: number): boolean {
    const row = this.#known.find(this.#knownKey(role, roleAt, things, thingAt), 0);
    if (row === NO_ROW) return false;
    this.#known.columns.lastDay[row] = Math.max(this.#known.columns.lastDay[row]!, day);
    return true;
  }

  /** Teaches the role a thing. A role that could not learn everything starts to learn again: it would cry wolf. */
  learn(
    role: Uint32Array,
    roleAt: number,
    things: Uint32Array,
    thingAt: number,
    isPort: boolean,
    time: number,
  ): void {
    const roleRow = this.roleRow(role, roleAt, time);
    if (roleRow === NO_ROW) return;
    const roles = this.roles.columns;
    if (!isPort && roles.since6[roleRow] === 0 && isIpv6Network(things, thingAt))
      roles.since6[roleRow] = time;
    const key = this.#knownKey(role, roleAt, things, thingAt);
    let row = this.#known.find(key, 0);
    if (row === NO_ROW) {
      const count = isPort ? roles.ports : roles.destinations;
      if (count[roleRow]! >= this.#limits.maxPerRole) {
        this.#refused++;
        roles.lostAt[roleRow] = time;
        return;
      }
      row = this.#known.upsert(key, 0);
      if (row === NO_ROW) {
        roles.lostAt[roleRow] = time;
        return;
      }
      count[roleRow] = count[roleRow]! + 1;
      this.#known.columns.isPort[row] = isPort ? 1 : 0;
      if (!isPort) roles.news[roleRow] = Math.min(roles.news[roleRow]! + 1, 0xffff);
    }
    this.#known.columns.lastDay[row] = Math.max(this.#known.columns.lastDay[row]!, dayOf(time));
  }

  /** Notes that the subject used the destination, for prevalence and for the numbers in explanations. */
  use(
    subject: Uint32Array,
    at: number,
    subjectRow: number,
    things: Uint32Array,
    thingAt: number,
    day: number,
  ): void {
    const row = this.#destinations.upsert(things, thingAt);
    if (row !== NO_ROW) {
      if (this.#destinations.keys.added) this.#perDestination.clear(row);
      this.#destinations.columns.lastDay[row] = day;
      this.#perDestination.add(row, hashWords(subject, at, 4, SUBJECT_SEED));
    }
    if (subjectRow !== NO_ROW) this.#perSubject.add(subjectRow, hashWords(things, thingAt, THING_WORDS));
  }

  /** Row of the subject, made when unknown; {@link NO_ROW} when there is no room. */
  subjectRow(subject: Uint32Array, at: number, time: number): number {
    const row = this.subjects.upsert(subject, at);
    if (row !== NO_ROW && this.subjects.keys.added) {
      this.#perSubject.clear(row);
      this.subjects.columns.since[row] = time;
    }
    if (row !== NO_ROW) this.subjects.columns.lastDay[row] = dayOf(time);
    return row;
  }

  /**
   * Unix seconds since when the role learns without having missed a thing: ports and services from its first day, IPv6 networks from the
   * first that it used, since all of them are new on the day that a role begins with IPv6. Undefined when it has not begun.
   */
  learnsSince(roleRow: number, things: Uint32Array, thingAt: number): number | undefined {
    const { since, since6, lostAt } = this.roles.columns;
    const from = roleRow === NO_ROW ? 0 : (isIpv6Network(things, thingAt) ? since6 : since)[roleRow]!;
    return from === 0 ? undefined : Math.max(from, lostAt[roleRow]!);
  }

  /** Since when the host is known, by either of its addresses; undefined when it is not. */
  hostSince(
    address: Uint32Array,
    at: number,
    twinOf: (words: Uint32Array, offset: number) => Uint32Array | undefined,
  ): number | undefined {
    const { since } = this.subjects.columns;
    const twin = twinOf(address, at);
    const rows = [this.subjects.find(address, at), twin === undefined ? NO_ROW : this.subjects.find(twin, 0)];
    const times = rows.filter((row) => row !== NO_ROW).map((row) => since[row]!);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Row of the role, made when unknown. */
  roleRow(role: Uint32Array, at: number, time: number): number {
    const row = this.roles.upsert(role, at);
    if (row !== NO_ROW && this.roles.keys.added) this.roles.columns.since[row] = time;
    if (row !== NO_ROW) this.roles.columns.lastDay[row] = dayOf(time);
    return row;
  }

  /** Distinct subjects that have used the destination. */
  usersOf(things: Uint32Array, thingAt: number): number {
    const row = this.#destinations.find(things, thingAt);
    return row === NO_ROW ? 0 : this.#perDestination.count(row);
  }

  /** Distinct destinations of a subject. */
  destinationsOf(subjectRow: number): number {
    return subjectRow === NO_ROW ? 0 : this.#perSubject.count(subjectRow);
  }

  /** Forgets what was last used before `day`, and starts a new day of the roles' news. */
  turnDay(day: number, forgetDays: number): void {
    const oldest = day - forgetDays;
    const roles = this.roles.columns;
    for (let row = 0; row < this.#known.rows; row++) {
      if (!this.#known.has(row) || this.#known.columns.lastDay[row]! >= oldest) continue;
      const role = this.roles.find(this.#known.keys.keys, row * KNOWN_WORDS);
      if (role !== NO_ROW) {
        const count = this.#known.columns.isPort[row] === 1 ? roles.ports : roles.destinations;
        count[role] = count[role]! - 1;
      }
      this.#known.delete(row);
    }
    for (let row = 0; row < this.#destinations.rows; row++) {
      if (!this.#destinations.has(row) || this.#destinations.columns.lastDay[row]! >= oldest) continue;
      this.#perDestination.clear(row);
      this.#destinations.delete(row);
    }
    for (let row = 0; row < this.subjects.rows; row++) {
      if (!this.subjects.has(row) || this.subjects.columns.lastDay[row]! >= oldest) continue;
      this.#perSubject.clear(row);
      this.subjects.delete(row);
    }
    for (let row = 0; row < this.roles.rows; row++) {
      if (!this.roles.has(row)) continue;
      if (roles.lastDay[row]! < oldest) this.roles.delete(row);
      roles.newsBefore[row] = roles.news[row]!;
      roles.news[row] = 0;
    }
  }

  snapshot(): Uint8Array {
    return packSnapshot(
      {
        subjects: this.subjects.snapshot(),
        roles: this.roles.snapshot(),
        known: this.#known.snapshot(),
        destinations: this.#destinations.snapshot(),
        perSubject: this.#perSubject.snapshot(),
        perDestination: this.#perDestination.snapshot(),
      },
      { refused: this.#refused },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.subjects.restore(columns.get('subjects') as Uint8Array);
    // Without it all roles begin with IPv6 anew.
    this.roles.restore(columns.get('roles') as Uint8Array, ['since6']);
    this.#known.restore(columns.get('known') as Uint8Array);
    this.#destinations.restore(columns.get('destinations') as Uint8Array);
    this.#perSubject.restore(columns.get('perSubject') as Uint8Array);
    this.#perDestination.restore(columns.get('perDestination') as Uint8Array);
    this.#refused = (meta as { refused: number }).refused;
  }

  #knownKey(role: Uint32Array, roleAt: number, things: Uint32Array, thingAt: number): Uint32Array {
    const key = this.#key;
    key[0] = role[roleAt]!;
    key[1] = role[roleAt + 1]!;
    for (let i = 0; i < THING_WORDS; i++) key[ROLE_WORDS + i] = things[thingAt + i]!;
    return key;
  }
}

/** Days since 1970, UTC. */
export function dayOf(time: number): number {
  return Math.floor(time / 86_400);
}

function subjectTable(limit: number) {
  return new StateTable(4, limit, { since: u32(), lastDay: u16(), role: u32(ROLE_WORDS) });
}

/**
 * `since6`: of its first IPv6 network; `news`: destinations learnt today; `newsBefore`: the day before; `lostAt`: when something could not
 * be learnt.
 */
function roleTable(limit: number) {
  return new StateTable(ROLE_WORDS, limit, {
    since: u32(),
    since6: u32(),
    lostAt: u32(),
    lastDay: u16(),
    destinations: u32(),
    ports: u32(),
    news: u16(),
    newsBefore: u16(),
  });
}

function knownTable(limit: number) {
  return new StateTable(KNOWN_WORDS, limit, { lastDay: u16(), isPort: u8() });
}

function destinationTable(limit: number) {
  return new StateTable(THING_WORDS, limit, { lastDay: u16() });
}
