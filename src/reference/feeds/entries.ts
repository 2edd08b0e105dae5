import { grown, KeyTable, NO_ROW } from '../../columns/key-table.ts';

/** What a feed says of one network, beside the network. */
export interface EntryFacts {
  /** 0 to 100. */
  readonly confidence: number;
  readonly category: string;
  /** Unix seconds; 0 = never. */
  readonly expires: number;
  /** Unix seconds from which on its confidence falls; 0 = it does not. */
  readonly seen: number;
}

/** Most networks a set may have: 60 bytes each while they are read. */
export const MAX_ENTRIES = 4_000_000;
const MAX_CATEGORIES = 4096;
/** Category of what came after a feed named thousands of them. */
const OTHER = 'other';
const NETWORK_WORDS = 5;

/**
 * Networks with what is said of them, in columns: row r of each column belongs to row r of `keys`, whose five words are the address and
 * the length. Of a network given twice the surer one counts, of equally sure ones the one that holds longer.
 */
export class FeedEntries {
  /** Four words of address and the length over 128 bits. */
  readonly keys = new KeyTable(NETWORK_WORDS, MAX_ENTRIES);
  confidence: Uint8Array = new Uint8Array(0);
  expires: Uint32Array = new Uint32Array(0);
  seen: Uint32Array = new Uint32Array(0);
  category: Uint32Array = new Uint32Array(0);
  /** Which set it came from, as the caller numbers them. */
  source: Uint32Array = new Uint32Array(0);
  readonly #categories: string[] = [];
  readonly #codes = new Map<string, number>();
  readonly #key = new Uint32Array(NETWORK_WORDS);

  get count(): number {
    return this.keys.rows;
  }

  /** Networks that found no place. */
  get overflow(): number {
    return this.keys.overflow;
  }

  get categories(): readonly string[] {
    return this.#categories;
  }

  categoryText(row: number): string {
    return this.#categories[this.category[row]!]!;
  }

  add(words: Uint32Array, offset: number, length: number, facts: EntryFacts, source = 0): void {
    const key = this.#key;
    for (let word = 0; word < 4; word++) key[word] = words[offset + word]!;
    key[4] = length;
    const row = this.keys.upsert(key, 0);
    if (row === NO_ROW) return;
    if (this.keys.capacity > this.confidence.length) this.#grow();
    if (!this.keys.added && !this.#isBetter(row, facts)) return;
    this.confidence[row] = facts.confidence;
    this.expires[row] = facts.expires;
    this.seen[row] = facts.seen;
    this.category[row] = this.#code(facts.category);
    this.source[row] = source;
  }

  #isBetter(row: number, facts: EntryFacts): boolean {
    const known = this.confidence[row]!;
    if (facts.confidence !== known) return facts.confidence > known;
    const until = this.expires[row]!;
    return until !== 0 && (facts.expires === 0 || facts.expires > until);
  }

  #code(text: string): number {
    let code = this.#codes.get(text);
    if (code === undefined) {
      if (this.#categories.length >= MAX_CATEGORIES && text !== OTHER) return this.#code(OTHER);
      code = this.#categories.push(text) - 1;
      this.#codes.set(text, code);
    }
    return code;
  }

  #grow(): void {
    const { capacity } = this.keys;
    this.confidence = grown(this.confidence, capacity);
    this.expires = grown(this.expires, capacity);
    this.seen = grown(this.seen, capacity);
    this.category = grown(this.category, capacity);
    this.source = grown(this.source, capacity);
  }
}
