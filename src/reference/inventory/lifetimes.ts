import { compareTexts } from '../../columns/text-order.ts';
import type { InventoryEntry } from '../../contracts.ts';
import type { InventoryPart } from './inventory.ts';
import type { Sliced } from './slices.ts';

/** Seconds that an entry which ended is kept: records and backtests come later. */
const KEPT_SECONDS = 30 * 86_400;
/** Entries that are compared between two pauses: some milliseconds. */
const PIECE = 1000;
/** Most entries of one source that ended. */
const MOST_ENDED = 100_000;

/**
 * What is known of a source after another look at it, at `at` (Unix seconds). What is not there any more, or has changed, has ended; what
 * is new has been there since it was attached, where the source says so, else since the last look, else since ever. Gives the same
 * list of entries when nothing has changed.
 */
export function* lookedAgain(
  source: string,
  known: InventoryPart | undefined,
  found: readonly InventoryEntry[],
  at: number,
): Sliced<InventoryPart> {
  if (known === undefined) return { source, at, entries: inOrder(found) };
  const now = new Map(found.map((entry) => [keyOf(entry), entry]));
  const entries: InventoryEntry[] = [];
  let ended: InventoryEntry[] = [];
  for (const [i, entry] of known.entries.entries()) {
    if (i % PIECE === 0) yield;
    if (entry.to !== undefined) {
      ended.push(entry);
      continue;
    }
    const key = keyOf(entry);
    const next = now.get(key);
    if (next !== undefined && isSame(entry, next)) {
      entries.push(entry);
      now.delete(key);
      continue;
    }
    const to = next !== undefined && next.from > entry.from ? Math.min(next.from, at) : at;
    // What began and ended within one second was never seen.
    if (to > entry.from) ended.push({ ...entry, to });
    if (next !== undefined) {
      entries.push({ ...next, from: to });
      now.delete(key);
    }
  }
  for (const entry of now.values()) entries.push(entry.from > 0 ? entry : { ...entry, from: known.at });
  ended = ended
    .filter(({ to = 0 }) => to > at - KEPT_SECONDS)
    .sort((a, b) => (b.to ?? 0) - (a.to ?? 0))
    .slice(0, MOST_ENDED);
  const all = inOrder([...entries, ...ended]);
  const isUnchanged =
    all.length === known.entries.length && all.every((entry, i) => entry === known.entries[i]);
  return { source, at, entries: isUnchanged ? known.entries : all };
}

function keyOf({ interface: name, id }: InventoryEntry): string {
  return name ?? id;
}

/** Whether nothing but its times is another. An interface that was attached anew is another one, also at the same instance. */
function isSame(a: InventoryEntry, b: InventoryEntry): boolean {
  const { from, to: _, ...one } = a;
  const { from: attached, to: __, ...other } = b;
  return attached <= from && JSON.stringify(one) === JSON.stringify(other);
}

function inOrder(entries: readonly InventoryEntry[]): InventoryEntry[] {
  return entries.toSorted((a, b) => compareTexts(keyOf(a), keyOf(b)) || a.from - b.from);
}
