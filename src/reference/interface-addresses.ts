import { isIpv4, isSameAddress } from '../columns/address.ts';
import { hasSameKeys, KeyTable, NO_ROW } from '../columns/key-table.ts';
import { keepEnds, putEnds } from '../columns/own-address.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';
import { StateTable, u8, u32 } from '../columns/state-table.ts';
import type { Stateful } from '../contracts.ts';
import { AddressLinks, blockOf, networkOf } from './address-links.ts';
import { createScopes, type ScopeOf } from './scopes.ts';

/** Families of interfaces that are followed; past it they are counted, and nothing is known of their addresses. */
const LIMIT = 262_144;
const DAY = 86_400;
/** An interface that was not seen for so long is forgotten: it was deleted. */
const FORGET = 30 * DAY;
const FAMILY = { ipv4: 0, ipv6: 1 } as const;
/** In the place of how many addresses are left: no session was seen. */
const UNKNOWN = 255;
/**
 * Networks outside (/16, /32) that a public address must have spoken with before it counts as ours: one that stands behind a firewall of
 * ours, whose interface shows sessions of others, is an end of all of them too, but its peers are our own.
 */
const LEAST_PEERS = 3;
/** Seconds between two times that open sessions are gone through: there may be millions, and many hosts new each minute. */
const RESCOPE = 600;

/** What is known of which addresses interfaces have. */
export interface KnownAddresses {
  /** Another number whenever {@link twinOf} may answer otherwise, which is only between two steps. */
  readonly epoch: number;
  /** The other address, IPv4 or IPv6, of the interface that has the address at `offset`: four words; undefined where none is known. */
  twinOf(words: Uint32Array, offset: number): Uint32Array | undefined;
  /** Whether a public address is that of an interface of ours, or within an IPv6 block of theirs. */
  isOurs(words: Uint32Array, offset: number): boolean;
}

/**
 * As {@link KnownAddresses}, found out from sessions: flow logs are taken at interfaces of ours, so the address that is an end of every
 * session which an interface counted is its own. An interface that shows sessions of others (gateway, firewall) or has several addresses
 * of a family (node of pods) comes to have none, as soon as two sessions have no end in common.
 */
export interface InterfaceAddresses extends KnownAddresses, Stateful {
  /** Sessions whose interface found no place. */
  readonly overflow: number;
  /**
   * Learns from a step what holds from the next one on; the order of its rows does not matter. True when open sessions should be asked for
   * their scopes once more.
   */
  learn(step: Step): boolean;
}

/** Goes on from a snapshot. `internal`: the networks of `network` in the configuration. */
export function openInterfaceAddresses(
  saved: Uint8Array | undefined,
  { internal }: { readonly internal: readonly string[] },
): InterfaceAddresses {
  const addresses = createInterfaceAddresses(createScopes({ internal }));
  if (saved !== undefined) addresses.restore(saved);
  return addresses;
}

/** `scopeOf`: what addresses alone tell. */
function createInterfaceAddresses(scopeOf: ScopeOf): InterfaceAddresses {
  const table = candidateTable();
  const key = new Uint32Array(2);
  const block = new Uint32Array(4);
  let links = new AddressLinks();
  let ours = new KeyTable(4, LIMIT);
  let packed: Uint8Array | undefined;
  let epoch = 0;
  let day = 0;
  let overflow = 0;
  /** Whether what is ours is other than when open sessions were gone through last, and when that was. */
  let moved = false;
  let movedAt = 0;

  /** Row of the session's interface and family; {@link NO_ROW} when there is no room for it. */
  function rowOf(sessions: SessionBatch, row: number, isRoom: boolean): number {
    key[0] = sessions.interfaceId[row]!;
    key[1] = isIpv4(sessions.srcAddr, row * 4) ? FAMILY.ipv4 : FAMILY.ipv6;
    const at = isRoom ? table.upsert(key, 0) : table.find(key, 0);
    if (isRoom && at !== NO_ROW && table.keys.added) table.columns.left[at] = UNKNOWN;
    return at;
  }

  /** Keeps those addresses that are an end of this session too; true when some are left out. */
  function narrow(at: number, sessions: SessionBatch, row: number): boolean {
    const { left, addresses, seen } = table.columns;
    if (seen[at] !== day) {
      seen[at] = day;
      packed = undefined;
    }
    const before = left[at]!;
    if (before === UNKNOWN) {
      putEnds(sessions, row, addresses, at * 8);
      // A host that talks to itself has one.
      leave(at, isSameAddress(addresses, at * 8, addresses, at * 8 + 4) ? 1 : 2);
      return true;
    }
    const kept = keepEnds(addresses, at * 8, before, sessions, row);
    if (kept < before) leave(at, kept);
    return kept < before;
  }

  function leave(at: number, count: number): void {
    const { left, addresses, outside } = table.columns;
    left[at] = count;
    outside[at] = count === 1 && scopeOf(addresses, at * 8) === SCOPE.public ? 1 : 0;
  }

  /** Whether a row has an address of its own that is a public one and not known as ours yet. */
  function isPending(at: number): boolean {
    const { outside, peerCount } = table.columns;
    return at !== NO_ROW && outside[at] === 1 && peerCount[at]! < LEAST_PEERS;
  }

  /** Notes the network outside that an interface's address spoke with; true when that makes the address ours. */
  function countPeer(at: number, sessions: SessionBatch, row: number): boolean {
    const { addresses, peers, peerCount } = table.columns;
    const isSource = isSameAddress(addresses, at * 8, sessions.srcAddr, row * 4);
    const other = isSource ? sessions.dstAddr : sessions.srcAddr;
    if (scopeOf(other, row * 4) !== SCOPE.public) return false;
    const network = networkOf(other, row * 4);
    const count = peerCount[at]!;
    if (network === networkOf(addresses, at * 8)) return false;
    for (let i = 0; i < count; i++) if (peers[at * LEAST_PEERS + i] === network) return false;
    peers[at * LEAST_PEERS + count] = network;
    peerCount[at] = count + 1;
    packed = undefined;
    return count + 1 === LEAST_PEERS;
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

  function isOurs(words: Uint32Array, offset: number): boolean {
    return ours.size > 0 && ours.find(blockOf(words, offset, block), 0) !== NO_ROW;
  }

  const isInside = (from: number): boolean =>
    scopeOf(table.columns.addresses, from) === SCOPE.internal || isOurs(table.columns.addresses, from);

  /**
   * Where the row's own address is among `addresses`, {@link NO_ROW} when it cannot be told. Two are left as long as it has one peer: its own
   * is the only one inside, else the one that no other interface has.
   */
  function ownAt(at: number, settled: KeyTable | undefined): number {
    const { left, addresses, outside } = table.columns;
    const [first, second] = [at * 8, at * 8 + 4];
    if (left[at] === 1) return outside[at] === 0 || isOurs(addresses, first) ? first : NO_ROW;
    if (left[at] !== 2) return NO_ROW;
    const isFirstInside = isInside(first);
    if (isFirstInside !== isInside(second)) return isFirstInside ? first : second;
    if (!isFirstInside || settled === undefined) return NO_ROW;
    const isFirstTaken = settled.find(addresses, first) !== NO_ROW;
    const isSecondTaken = settled.find(addresses, second) !== NO_ROW;
    if (isFirstTaken === isSecondTaken) return NO_ROW;
    return isFirstTaken ? second : first;
  }

  /** What follows from the rows as they are now. */
  function conclude(): void {
    packed = undefined;
    const { keys } = table.keys;
    const { addresses, outside, peerCount } = table.columns;
    const before = ours;
    ours = new KeyTable(4, LIMIT);
    for (let at = 0; at < table.rows; at++) {
      if (table.has(at) && outside[at] === 1 && peerCount[at] === LEAST_PEERS)
        ours.upsert(blockOf(addresses, at * 8, block), 0);
    }
    if (!hasSameKeys(before, ours)) moved = true;
    const settled = new KeyTable(4, LIMIT);
    for (let at = 0; at < table.rows; at++) {
      const own = table.has(at) ? ownAt(at, undefined) : NO_ROW;
      if (own !== NO_ROW) settled.upsert(addresses, own);
    }
    const next = new AddressLinks();
    for (let at = 0; at < table.rows; at++) {
      if (!table.has(at) || keys[at * 2 + 1] !== FAMILY.ipv6) continue;
      key[0] = keys[at * 2]!;
      key[1] = FAMILY.ipv4;
      const other = table.find(key, 0);
      if (other === NO_ROW) continue;
      const [ipv6, ipv4] = [ownAt(at, settled), ownAt(other, settled)];
      if (ipv6 === NO_ROW || ipv4 === NO_ROW) continue;
      next.add(addresses, ipv6, ipv4);
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
    twinOf: (words, offset) => links.find(words, offset),
    isOurs,
    learn({ start, active, interfaces }) {
      const today = start - (start % DAY);
      let changed = false;
      if (today !== day) {
        day = today;
        changed = forget();
      }
      // All of a step's interfaces or none: who comes first must not matter.
      const isRoom = table.size + 2 * interfaces.length <= LIMIT;
      const rows = new Int32Array(active.length).fill(NO_ROW);
      for (let row = 0; row < active.length; row++) {
        if (!isFirst(active, row)) continue;
        const at = rowOf(active, row, isRoom);
        rows[row] = at;
        if (at === NO_ROW) overflow++;
        else if (narrow(at, active, row)) changed = true;
      }
      for (let row = 0; row < active.length; row++)
        if (isPending(rows[row]!) && countPeer(rows[row]!, active, row)) changed = true;
      if (changed) conclude();
      if (!moved || start - movedAt < RESCOPE) return false;
      moved = false;
      movedAt = start;
      packed = undefined;
      return true;
    },
    snapshot() {
      packed ??= packSnapshot({ table: table.snapshot() }, { day, overflow, moved, movedAt });
      return packed;
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      table.restore(columns.get('table') as Uint8Array);
      conclude();
      ({ day, overflow, moved, movedAt } = meta as SavedMeta);
    },
  };
}

interface SavedMeta {
  readonly day: number;
  readonly overflow: number;
  readonly moved: boolean;
  readonly movedAt: number;
}

/** Whether a session says something of its interface: its first row does, between addresses that interfaces can have. */
function isFirst(sessions: SessionBatch, row: number): boolean {
  return (
    (sessions.state[row]! & STATE.first) !== 0 &&
    sessions.interfaceId[row] !== 0 &&
    sessions.srcScope[row]! <= SCOPE.public &&
    sessions.dstScope[row]! <= SCOPE.public
  );
}

/**
 * By interface (dictionary code) and {@link FAMILY}. `addresses`: the first `left` of two may be its own; `seen`: the day, Unix seconds;
 * `outside`: 1 when its own is a public one; `peers`: networks that it spoke with then.
 */
function candidateTable() {
  return new StateTable(2, LIMIT, {
    left: u8(),
    addresses: u32(8),
    seen: u32(),
    outside: u8(),
    peers: u32(LEAST_PEERS),
    peerCount: u8(),
  });
}
