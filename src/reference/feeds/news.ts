import { formatPrefix } from '../../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../../columns/prefix-trie.ts';
import type { FeedEntries } from './entries.ts';
import type { IndicatorColumns } from './indicator-set.ts';

/** Rows of a list whose networks no network of the list before held; all of them when there was none. */
export function newsOf(next: FeedEntries, before: FeedEntries | undefined): number[] {
  const list = new PrefixList();
  const held = before?.keys.keys ?? new Uint32Array(0);
  for (let row = 0; row < (before?.count ?? 0); row++)
    list.addWords(held, row * 5, held[row * 5 + 4]!, held[row * 5 + 4]!);
  const trie = new PrefixTrie(list);
  const { keys } = next.keys;
  const rows: number[] = [];
  for (let row = 0; row < next.count; row++) {
    // The longest that holds its first address: one that is shorter than it holds all of it.
    const around = trie.match(keys, row * 5);
    if (around === NO_MATCH || around > keys[row * 5 + 4]!) rows.push(row);
  }
  return rows;
}

/** What is said of those rows, as JSON lines that every reader of feeds takes. */
export function newsText(entries: FeedEntries, rows: readonly number[]): string {
  const { keys } = entries.keys;
  return rows
    .map((row) => {
      const network = formatPrefix({ words: keys.slice(row * 5, row * 5 + 4), length: keys[row * 5 + 4]! });
      const confidence = entries.confidence[row]!;
      const seen = entries.seen[row]!;
      // Whoever reads it knows how long the feed's addresses count after that.
      const times = seen > 0 ? { last_seen: seen } : { expires: entries.expires[row]! };
      return `${JSON.stringify({ network, category: entries.categoryText(row), confidence, ...times })}\n`;
    })
    .join('');
}

/** Marks the rows of the set of all feeds that are news: `news` has rows of the list of feed `source`. */
export function markNews(
  columns: IndicatorColumns,
  fresh: Uint8Array,
  source: number,
  entries: FeedEntries,
  news: readonly number[],
): void {
  const isNew = new Uint8Array(entries.count);
  for (const row of news) isNew[row] = 1;
  for (let row = 0; row < columns.count; row++) {
    if (columns.source[row] !== source) continue;
    const own = entries.keys.find(columns.keys, row * 5);
    if (own >= 0) fresh[row] = isNew[own]!;
  }
}
