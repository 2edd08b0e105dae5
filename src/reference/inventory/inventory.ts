import { promisify } from 'node:util';
import { zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parseAddress } from '../../columns/address.ts';
import { NO_MATCH } from '../../columns/prefix-trie.ts';
import { packSnapshot, unpackSnapshot } from '../../columns/snapshot.ts';
import type { Asset, InventoryEntry, Stateful } from '../../contracts.ts';
import { isHeldAt } from './file.ts';
import { type InventoryIndex, indexing, type Place } from './inventory-index.ts';
import { atOnce, inBetween, jsonOf, type Sliced } from './slices.ts';

const compress = promisify(zstdCompress);

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
  /** As {@link stage}, made ready between other work: 100,000 interfaces take more than a second. One call at a time. */
  stageInBetween(parts: readonly InventoryPart[]): Promise<void>;
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

/** What is known at a time, made ready. */
interface Contents {
  readonly parts: readonly InventoryPart[];
  readonly index: InventoryIndex;
  /** The entries as they are saved. */
  packed: Uint8Array | undefined;
}

export function createInventory(parts: readonly InventoryPart[] = []): Inventory {
  let held = atOnce(contentsOf(parts, undefined));
  let staged: Contents | undefined;
  let now = 0;
  let epoch = 0;
  /** The next time of {@link InventoryIndex.turns}. */
  let turn = 0;
  /** By place of the index: the epoch of which the role is, and it. */
  let known = new Uint32Array(held.index.places.length);
  let roles: (string | undefined)[] = [];

  const hold = (next: Contents): void => {
    held = next;
    known = new Uint32Array(held.index.places.length);
    roles = [];
    turn = 0;
  };
  const turnTo = (time: number): void => {
    now = time;
    const { turns } = held.index;
    while (turn < turns.length && turns[turn]! <= time) {
      turn++;
      epoch++;
    }
  };
  return {
    get size() {
      return held.parts.reduce((sum, { entries }) => sum + entries.length, 0);
    },
    get epoch() {
      return epoch;
    },
    get parts() {
      return (staged ?? held).parts;
    },
    stage(next) {
      staged = atOnce(contentsOf(next, staged ?? held));
    },
    async stageInBetween(next) {
      const contents = await inBetween(contentsOf(next, staged ?? held));
      contents.packed ??= new Uint8Array(await compress(await inBetween(savedText(next))));
      staged = contents;
    },
    advance(time) {
      if (staged !== undefined) {
        const isNew = staged.index !== held.index;
        if (isNew) {
          hold(staged);
          epoch++;
        } else held = staged;
        staged = undefined;
      }
      turnTo(time);
    },
    roleAt(words, offset) {
      const place = held.index.trie.match(words, offset);
      if (place === NO_MATCH) return undefined;
      // 0 is no epoch of this table.
      if (known[place] !== epoch + 1) {
        known[place] = epoch + 1;
        roles[place] = roleOf(held.index.places[place]!, now);
      }
      return roles[place];
    },
    heldNow() {
      const entries = held.parts.flatMap((part) => part.entries.filter((entry) => isHeldAt(entry, now)));
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
      if (words === undefined) return assetOf(only(validAt(held.index.byName.get(name) ?? [], time)));
      const place = held.index.trie.match(words, 0);
      return place === NO_MATCH ? undefined : assetOf(ownerAt(held.index.places[place]!, time, interfaceId));
    },
    snapshot() {
      held.packed ??= new Uint8Array(zstdCompressSync(atOnce(savedText(held.parts))));
      const sources = held.parts.map(({ source, at }) => ({ source, at }));
      return packSnapshot({ entries: held.packed }, { now, sources });
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      const bytes = columns.get('entries') as Uint8Array;
      const saved = meta as { now: number; sources: { source: string; at: number }[] };
      const entries = JSON.parse(zstdDecompressSync(bytes).toString()) as InventoryEntry[][];
      const parts = saved.sources.map((source, i) => ({ ...source, entries: entries[i] ?? [] }));
      hold(atOnce(contentsOf(parts, undefined)));
      held.packed = bytes.slice();
      epoch++;
      turnTo(saved.now);
    },
  };
}

/** With what was made ready before where the entries are the same. */
function* contentsOf(parts: readonly InventoryPart[], before: Contents | undefined): Sliced<Contents> {
  const isSame =
    before?.parts.length === parts.length &&
    parts.every(({ entries }, i) => entries === before.parts[i]!.entries);
  if (isSame) return { ...before, parts };
  return { parts, index: yield* indexing(parts.map(({ entries }) => entries)), packed: undefined };
}

/** Entries of each part, as they are saved. */
function* savedText(parts: readonly InventoryPart[]): Sliced<string> {
  const lists: string[] = [];
  for (const { entries } of parts) lists.push(yield* jsonOf(entries));
  return `[${lists.join(',')}]`;
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
