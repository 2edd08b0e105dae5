import { hashWords, KeyTable, NO_ROW } from '../src/columns/key-table.ts';

const HASHES = 2 ** 32;

/** A table of keys with a limit, as {@link admit} sees it. */
export interface Places {
  readonly keys: KeyTable;
  /** Gives the key at `offset` a row, as new. */
  upsert(key: Uint32Array, offset: number): number;
  /** Worth of a row against newcomers, which count their items; Infinity: it stays. */
  weigh(row: number): number;
  drop(row: number): void;
}

/**
 * Makes room for the keys of `count` items when not all of them fit: rows and newcomers with the most weight have the places, of equal ones
 * those whose hash is higher, so that the order of items decides nothing. Newcomers that have a place are in the table afterwards; what is
 * left out is refused, and counted, by later upserts. Returns how many rows were dropped.
 */
export function admit(places: Places, count: number, fill: (item: number, key: Uint32Array) => void): number {
  const { keys } = places;
  if (keys.size + count <= keys.limit) return 0;
  const key = new Uint32Array(keys.words);
  const newcomers = new KeyTable(keys.words, count);
  const seen: number[] = [];
  for (let item = 0; item < count; item++) {
    fill(item, key);
    if (keys.find(key, 0) !== NO_ROW) continue;
    const at = newcomers.upsert(key, 0);
    seen[at] = (seen[at] ?? 0) + 1;
  }
  if (keys.size + newcomers.size <= keys.limit) return 0;
  const tieBreak = (table: KeyTable, row: number): number =>
    hashWords(table.keys, row * table.words, table.words) / HASHES;
  const all = new Float64Array(keys.size + newcomers.size);
  let filled = 0;
  for (let row = 0; row < keys.rows; row++)
    if (keys.has(row)) all[filled++] = places.weigh(row) + tieBreak(keys, row);
  for (let at = 0; at < newcomers.size; at++) all[filled++] = seen[at]! + tieBreak(newcomers, at);
  all.sort();
  // The heaviest without a place; whatever weighs no more has none either.
  const cut = all[all.length - keys.limit - 1]!;
  let dropped = 0;
  for (let row = 0; row < keys.rows; row++) {
    if (!keys.has(row) || places.weigh(row) + tieBreak(keys, row) > cut) continue;
    places.drop(row);
    dropped++;
  }
  for (let at = 0; at < newcomers.size; at++)
    if (seen[at]! + tieBreak(newcomers, at) > cut && keys.size < keys.limit)
      places.upsert(newcomers.keys, at * keys.words);
  return dropped;
}
