import { isIpv4 } from '../columns/address.ts';
import { KeyTable, NO_ROW } from '../columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';
import { StateTable, u8, u32 } from '../columns/state-table.ts';
import type { Stateful } from '../contracts.ts';

/** Families of interfaces that are followed; past it they are counted, and their addresses have no twin. */
const LIMIT = 262_144;
const DAY = 86_400;
/** An interface that was not seen for so long is forgotten: it was deleted. */
const FORGET = 30 * DAY;
const FAMILY = { ipv4: 0, ipv6: 1 } as const;

/** Both addresses of interfaces that have one of each family. */
export interface KnownTwins {
  /** Another number whenever an answer of {@link find} may be another, which is only between two steps. */
  readonly epoch: number;
  /** The other address of the interface that has the address at `offset`: four words; undefined where none is known. */
  find(words: Uint32Array, offset: number): Uint32Array | undefined;
}

/**
 * As {@link KnownTwins}, found out from sessions: an address of ours that is an end of every session which an interface counted is the
 * interface's own. One that shows sessions of others (gateway, firewall) or has several addresses (node of pods) comes to have none.
 */
export interface Twins extends KnownTwins, Stateful {
  /** Sessions whose interface found no place. */
  readonly overflow: number;
  /** Interfaces that have both. */
  readonly size: number;
  /** Learns from a step what holds from it on; the order of its rows does not matter. */
  learn(step: Step): void;
}

/** Goes on from a snapshot. */
export function openTwins(saved: Uint8Array | undefined): Twins {
  const twins = createTwins();
  if (saved !== undefined) twins.restore(saved);
  return twins;
}

export function createTwins(): Twins {
  const table = candidateTable();
  const key = new Uint32Array(2);
  const ends = new Uint32Array(8);
  let links = new Links();
  let packed: Uint8Array | undefined;
  let epoch = 0;
  let day = 0;
  let overflow = 0;

  /** Keeps those addresses that are an end of this session too; true when some are left out. */
  function narrow(sessions: SessionBatch, row: number, isRoom: boolean): boolean {
    const count = ownEnds(sessions, row, ends);
    if (count === 0) return false;
    key[0] = sessions.interfaceId[row]!;
    key[1] = isIpv4(ends, 0) ? FAMILY.ipv4 : FAMILY.ipv6;
    const at = isRoom ? table.upsert(key, 0) : table.find(key, 0);
    if (at === NO_ROW) {
      overflow++;
      return false;
    }
    const { left, addresses, seen } = table.columns;
    if (seen[at] !== day) {
      seen[at] = day;
      packed = undefined;
    }
    if (isRoom && table.keys.added) {
      addresses.set(ends, at * 8);
      left[at] = count;
      return true;
    }
    const before = left[at]!;
    let kept = 0;
    for (let i = 0; i < before; i++) {
      const from = at * 8 + i * 4;
      if (!isAmong(addresses, from, ends, count)) continue;
      if (kept < i) addresses.copyWithin(at * 8 + kept * 4, from, from + 4);
      kept++;
    }
    left[at] = kept;
    return kept < before;
  }

  function forget(): boolean {
    let forgot = false;
    for (let at = 0; at < table.rows; at++) {
      if (!table.has(at) || table.columns.seen[at]! >= day - FORGET) continue;
      table.delete(at);
      forgot = true;
    }
    return forgot;
  }

  /** Where the row's own address is among `addresses`; undefined when it cannot be told. Two are left as long as it has one peer: it is not the one that another interface has. */
  function ownAt(at: number, settled: KeyTable): number | undefined {
    const { left, addresses } = table.columns;
    if (left[at] === 1) return at * 8;
    if (left[at] !== 2) return undefined;
    const [first, second] = [at * 8, at * 8 + 4];
    const [isFirstTaken, isSecondTaken] = [first, second].map(
      (from) => settled.find(addresses, from) !== NO_ROW,
    );
    if (isFirstTaken === isSecondTaken) return undefined;
    return isFirstTaken ? second : first;
  }

  function link(): void {
    packed = undefined;
    const { left, addresses } = table.columns;
    const settled = new KeyTable(4, LIMIT);
    for (let at = 0; at < table.rows; at++)
      if (table.has(at) && left[at] === 1) settled.upsert(addresses, at * 8);
    const next = new Links();
    for (let at = 0; at < table.rows; at++) {
      if (!table.has(at) || table.keys.keys[at * 2 + 1] !== FAMILY.ipv6) continue;
      key[0] = table.keys.keys[at * 2]!;
      key[1] = FAMILY.ipv4;
      const other = table.find(key, 0);
      if (other === NO_ROW) continue;
      const [ipv6, ipv4] = [ownAt(at, settled), ownAt(other, settled)];
      if (ipv6 === undefined || ipv4 === undefined) continue;
      next.add(addresses.slice(ipv6, ipv6 + 4), addresses.slice(ipv4, ipv4 + 4));
    }
    if (next.isSame(links)) return;
    links = next;
    epoch++;
  }

  return {
    get epoch() {
      return epoch;
    },
    get overflow() {
      return overflow;
    },
    get size() {
      return links.size;
    },
    find: (words, offset) => links.find(words, offset),
    learn({ start, active, interfaces }) {
      let changed = false;
      const today = start - (start % DAY);
      if (today !== day) {
        day = today;
        changed = forget();
      }
      // All of a step's interfaces or none: who comes first must not matter.
      const isRoom = table.size + 2 * interfaces.length <= LIMIT;
      for (let row = 0; row < active.length; row++) {
        if ((active.state[row]! & STATE.first) === 0 || active.interfaceId[row] === 0) continue;
        if (narrow(active, row, isRoom)) changed = true;
      }
      if (changed) link();
    },
    snapshot() {
      packed ??= packSnapshot({ table: table.snapshot() }, { day, overflow });
      return packed;
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      table.restore(columns.get('table') as Uint8Array);
      ({ day, overflow } = meta as { day: number; overflow: number });
      link();
    },
  };
}

/** Writes the ends of a session that are ours; how many there are. */
function ownEnds(sessions: SessionBatch, row: number, out: Uint32Array): number {
  let count = 0;
  if (sessions.srcScope[row] === SCOPE.internal) copy(sessions.srcAddr, row, out, count++);
  if (sessions.dstScope[row] !== SCOPE.internal) return count;
  // A host that talks to itself has one end.
  if (count === 0 || !isAmong(sessions.dstAddr, row * 4, out, count))
    copy(sessions.dstAddr, row, out, count++);
  return count;
}

function copy(addresses: Uint32Array, row: number, out: Uint32Array, at: number): void {
  for (let word = 0; word < 4; word++) out[at * 4 + word] = addresses[row * 4 + word]!;
}

function isAmong(addresses: Uint32Array, from: number, ends: Uint32Array, count: number): boolean {
  for (let i = 0; i < count; i++)
    if (
      addresses[from] === ends[i * 4] &&
      addresses[from + 1] === ends[i * 4 + 1] &&
      addresses[from + 2] === ends[i * 4 + 2] &&
      addresses[from + 3] === ends[i * 4 + 3]
    )
      return true;
  return false;
}

/** Both ways; an address that two interfaces have, one after the other or in two networks, leads nowhere. */
class Links {
  /** Pairs that were added. */
  size = 0;
  readonly #index = new KeyTable(4, 2 * LIMIT);
  readonly #others: (Uint32Array | undefined)[] = [];

  add(ipv6: Uint32Array, ipv4: Uint32Array): void {
    this.size++;
    this.#put(ipv6, ipv4);
    this.#put(ipv4, ipv6);
  }

  find(words: Uint32Array, offset: number): Uint32Array | undefined {
    const row = this.#index.find(words, offset);
    return row === NO_ROW ? undefined : this.#others[row];
  }

  isSame(as: Links): boolean {
    if (this.size !== as.size || this.#index.size !== as.#index.size) return false;
    const { keys } = this.#index;
    return this.#others.every((other, row) => {
      const known = as.find(keys, row * 4);
      return other === undefined ? known === undefined : known !== undefined && isAmong(other, 0, known, 1);
    });
  }

  #put(address: Uint32Array, other: Uint32Array): void {
    const row = this.#index.upsert(address, 0);
    if (row !== NO_ROW) this.#others[row] = this.#index.added ? other : undefined;
  }
}

/** By interface (dictionary code) and {@link FAMILY}. `addresses`: the first `left` of two may be its own; `seen`: the day, Unix seconds. */
function candidateTable() {
  return new StateTable(2, LIMIT, { left: u8(), addresses: u32(8), seen: u32() });
}
