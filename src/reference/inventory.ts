import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { formatPrefix, networksAround, type Prefix, parseAddress, parsePrefix } from '../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../columns/prefix-trie.ts';
import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';
import { compareTexts } from '../columns/text-order.ts';
import type { Asset, InventoryEntry, Stateful } from '../contracts.ts';
import { isHeldAt } from './inventory-file.ts';

/** What one source of the inventory said. */
export interface InventoryPart {
  /** A file, or an account and region. */
  readonly source: string;
  /** Unix seconds by the clock when it was asked last; 0 for a file. */
  readonly at: number;
  readonly entries: readonly InventoryEntry[];
}

/**
 * Whose addresses are whose, and since when. It has a time of its own, event time, which moves on with the steps; what it is told in
 * between holds from the next step on.
 */
export interface Inventory extends Stateful {
  /** Entries, those that ended included. */
  readonly size: number;
  /** Another number whenever an answer of {@link roleAt} or {@link heldNow} may be another. */
  readonly epoch: number;
  /** All that it was told, also what holds only from the next step on. */
  readonly parts: readonly InventoryPart[];
  /** What holds from the next {@link advance} on, in the place of all that was there. */
  stage(parts: readonly InventoryPart[]): void;
  /** A step begins: `time`, Unix seconds, is within it. */
  advance(time: number): void;
  /** The role of the address at `offset`, now; undefined where none is known, or several. */
  roleAt(words: Uint32Array, offset: number): string | undefined;
  /** Entries that hold now, but those whose address another VPC has too: nobody can tell which of the two it is. */
  heldNow(): InventoryEntry[];
  /**
   * What had an address, or is an interface, at a time, Unix seconds. `interfaceId` says which, where networks overlap; without it nothing is
   * said of an address that two networks have.
   */
  find(name: string, time: number, interfaceId?: string): Asset | undefined;
}

export function createInventory(parts: readonly InventoryPart[] = []): Inventory {
  let held = parts;
  let staged: readonly InventoryPart[] | undefined;
  let index = createIndex(held);
  let packed: Uint8Array | undefined;
  let now = 0;
  let epoch = 0;
  /** The next time of {@link Index.turns}. */
  let turn = 0;
  /** By place of the index: the epoch of which the role is, and it. */
  let known = new Uint32Array(index.places.length);
  let roles: (string | undefined)[] = [];

  const hold = (next: readonly InventoryPart[]): void => {
    held = next;
    index = createIndex(held);
    packed = undefined;
    known = new Uint32Array(index.places.length);
    roles = [];
    turn = 0;
  };
  const turnTo = (time: number): void => {
    now = time;
    while (turn < index.turns.length && index.turns[turn]! <= time) {
      turn++;
      epoch++;
    }
  };
  return {
    get size() {
      return held.reduce((sum, { entries }) => sum + entries.length, 0);
    },
    get epoch() {
      return epoch;
    },
    get parts() {
      return staged ?? held;
    },
    stage(next) {
      staged = next;
    },
    advance(time) {
      if (staged !== undefined) {
        const isNew =
          staged.length !== held.length || staged.some(({ entries }, i) => entries !== held[i]?.entries);
        if (isNew) {
          hold(staged);
          epoch++;
        } else held = staged;
        staged = undefined;
      }
      turnTo(time);
    },
    roleAt(words, offset) {
      const place = index.trie.match(words, offset);
      if (place === NO_MATCH) return undefined;
      // 0 is no epoch of this table.
      if (known[place] !== epoch + 1) {
        known[place] = epoch + 1;
        roles[place] = roleOf(index.places[place]!, now);
      }
      return roles[place];
    },
    heldNow() {
      const entries = held.flatMap((part) => part.entries.filter((entry) => isHeldAt(entry, now)));
      const vpcs = Map.groupBy(
        entries.flatMap(({ addresses, vpc }) => addresses.map((address) => ({ address, vpc }))),
        ({ address }) => address,
      );
      const isSure = (address: string): boolean =>
        new Set(vpcs.get(address)?.map(({ vpc }) => vpc)).size === 1;
      return entries.map((entry) => ({ ...entry, addresses: entry.addresses.filter(isSure) }));
    },
    find(name, time, interfaceId) {
      const words = parseAddress(name);
      if (words === undefined) return assetOf(only(validAt(index.byName.get(name) ?? [], time)));
      const place = index.trie.match(words, 0);
      return place === NO_MATCH ? undefined : assetOf(ownerAt(index.places[place]!, time, interfaceId));
    },
    snapshot() {
      packed ??= new Uint8Array(zstdCompressSync(JSON.stringify(held.map(({ entries }) => entries))));
      return packSnapshot(
        { entries: packed },
        { now, sources: held.map(({ source, at }) => ({ source, at })) },
      );
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      const bytes = columns.get('entries') as Uint8Array;
      const saved = meta as { now: number; sources: { source: string; at: number }[] };
      const entries = JSON.parse(zstdDecompressSync(bytes).toString()) as InventoryEntry[][];
      hold(saved.sources.map((source, i) => ({ ...source, entries: entries[i] ?? [] })));
      packed = bytes.slice();
      epoch++;
      turnTo(saved.now);
    },
  };
}

/** Entries that have a network, then those that have the next one around it, and so on: each list by beginning, the last first. */
type Place = readonly (readonly InventoryEntry[])[];

interface Index {
  readonly trie: PrefixTrie;
  readonly places: readonly Place[];
  /** By interface and by id. */
  readonly byName: ReadonlyMap<string, readonly InventoryEntry[]>;
  /** Times at which something begins or ends, ascending. */
  readonly turns: readonly number[];
}

function createIndex(parts: readonly InventoryPart[]): Index {
  const networks = new Map<string, { readonly prefix: Prefix; readonly entries: InventoryEntry[] }>();
  const byName = new Map<string, InventoryEntry[]>();
  const turns = new Set<number>();
  for (const entry of parts.flatMap(({ entries }) => entries)) {
    for (const time of [entry.from, entry.to ?? 0]) if (time > 0) turns.add(time);
    for (const name of new Set([entry.id, entry.interface ?? entry.id])) append(byName, name, entry);
    for (const text of entry.addresses) {
      const prefix = parsePrefix(text);
      if (prefix === undefined) continue;
      const key = formatPrefix(prefix);
      const network = networks.get(key);
      if (network === undefined) networks.set(key, { prefix, entries: [entry] });
      else network.entries.push(entry);
    }
  }
  for (const { entries } of networks.values()) entries.sort(byBeginning);
  for (const entries of byName.values()) entries.sort(byBeginning);
  const lengths = [...new Set([...networks.values()].map(({ prefix }) => prefix.length))].sort(
    (a, b) => b - a,
  );
  const list = new PrefixList();
  const places = [...networks.values()].map(({ prefix }, place): Place => {
    list.add(prefix, place);
    return networksAround(prefix, lengths).flatMap((key) => {
      const network = networks.get(key);
      return network === undefined ? [] : [network.entries];
    });
  });
  return { trie: new PrefixTrie(list), places, byName, turns: [...turns].sort((a, b) => a - b) };
}

function append(lists: Map<string, InventoryEntry[]>, key: string, entry: InventoryEntry): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [entry]);
  else list.push(entry);
}

/** The last that began first; those that began together in one order. */
function byBeginning(a: InventoryEntry, b: InventoryEntry): number {
  return b.from - a.from || compareTexts(a.id, b.id) || compareTexts(a.interface ?? '', b.interface ?? '');
}

function validAt(entries: readonly InventoryEntry[], time: number): InventoryEntry[] {
  return entries.filter((entry) => isHeldAt(entry, time));
}

/** The one that is valid, or the last to begin; undefined where nobody can tell: two VPCs, or two that began at once. */
function only([first, second, ...others]: readonly InventoryEntry[]): InventoryEntry | undefined {
  if (first === undefined || second === undefined) return first;
  if (first.from === second.from && first.id !== second.id) return undefined;
  return [second, ...others].every(({ vpc }) => vpc === first.vpc) ? first : undefined;
}

/** What had the address, by the most specific network that somebody had then. */
function ownerAt(place: Place, time: number, interfaceId: string | undefined): InventoryEntry | undefined {
  const candidates = place.map((entries) => validAt(entries, time));
  const named = candidates
    .flat()
    .find((entry) => entry.interface !== undefined && entry.interface === interfaceId);
  return named ?? only(candidates.find(({ length }) => length > 0) ?? []);
}

/** The role of who has the address; where several may, the role that all of them have. */
function roleOf(place: Place, time: number): string | undefined {
  const candidates = place.map((entries) => validAt(entries, time)).find(({ length }) => length > 0) ?? [];
  const [first, ...others] = candidates;
  if (others.every(({ role }) => role === first?.role)) return first?.role;
  return only(candidates)?.role;
}

function assetOf(entry: InventoryEntry | undefined): Asset | undefined {
  if (entry === undefined) return undefined;
  const { addresses: _, from: __, to: ___, ...asset } = entry;
  return asset;
}
