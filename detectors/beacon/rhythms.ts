import { isIpv4 } from '../../src/columns/address.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { StateTable, u16, u32 } from '../../src/columns/state-table.ts';

/** Rhythms remembered of one address: the latest ones. */
const SLOTS = 16;
const KEY_WORDS = 5;
/** Seconds for which a rhythm counts. */
const FRESH = 86_400;
/** What goes on is told once in so many seconds, so that its alert says until when. */
const RETELL = 3600;
/** Medians that differ by less are one rhythm. */
const TOLERANCE = 0.1;

/** A rhythm that an address has with a network. */
export interface Rhythm {
  readonly network: number;
  /** Median interval, seconds. */
  readonly median: number;
  readonly calls: number;
  readonly first: number;
  readonly last: number;
}

/** The /16 of an IPv4 address, the /32 of an IPv6 one: servers nearer than that are often one service. */
export function networkOf(words: Uint32Array, offset: number): number {
  return isIpv4(words, offset) ? words[offset + 3]! >>> 16 : words[offset]!;
}

/** Steady rhythms by address and port (0: whichever): of one that calls, with the networks called; of one that is called, with those that call. */
export class Rhythms {
  readonly table: ReturnType<typeof rhythmTable>;
  readonly #key = new Uint32Array(KEY_WORDS);

  constructor(limit: number) {
    this.table = rhythmTable(limit);
  }

  get overflow(): number {
    return this.table.keys.overflow;
  }

  /** Makes a place for the address at `offset`; {@link NO_ROW} when there is none. */
  place(words: Uint32Array, offset: number, port: number, time: number): number {
    const at = this.table.upsert(this.#keyOf(words, offset, port), 0);
    if (at !== NO_ROW) this.table.columns.seen[at] = time;
    return at;
  }

  find(words: Uint32Array, offset: number, port: number): number {
    return this.table.find(this.#keyOf(words, offset, port), 0);
  }

  /** Remembers a rhythm, in the place of what is known of its network, or of the oldest. */
  note(at: number, rhythm: Rhythm): void {
    const { network, median, calls, first, last } = this.table.columns;
    let slot = at * SLOTS;
    for (let each = at * SLOTS; each < (at + 1) * SLOTS; each++) {
      if (network[each] === rhythm.network && last[each] !== 0) {
        slot = each;
        break;
      }
      if (last[each]! < last[slot]!) slot = each;
    }
    network[slot] = rhythm.network;
    median[slot] = rhythm.median;
    calls[slot] = rhythm.calls;
    first[slot] = rhythm.first;
    last[slot] = rhythm.last;
  }

  /** What is known of the rhythm with that median: one entry a network. */
  like(at: number, wanted: number, time: number): Rhythm[] {
    const { network, median, calls, first, last } = this.table.columns;
    const found: Rhythm[] = [];
    for (let slot = at * SLOTS; slot < (at + 1) * SLOTS; slot++) {
      if (last[slot] === 0 || last[slot]! < time - FRESH) continue;
      if (Math.abs(median[slot]! - wanted) > TOLERANCE * wanted) continue;
      found.push({
        network: network[slot]!,
        median: median[slot]!,
        calls: calls[slot]!,
        first: first[slot]!,
        last: last[slot]!,
      });
    }
    return found;
  }

  /** Whether to tell that so many networks share a rhythm: for the first time in the hour, or twice as many; remembers that it is told. */
  isNews(at: number, networks: number, time: number): boolean {
    const { told, toldNetworks } = this.table.columns;
    const thisHour = Math.floor(told[at]! / RETELL) === Math.floor(time / RETELL);
    if (thisHour && networks < 2 * toldNetworks[at]!) return false;
    told[at] = time;
    toldNetworks[at] = Math.max(networks, toldNetworks[at]!);
    return true;
  }

  /** Forgets what was not seen since `time`. */
  expire(time: number): void {
    const { seen } = this.table.columns;
    for (let at = 0; at < this.table.rows; at++)
      if (this.table.has(at) && seen[at]! < time) this.table.delete(at);
  }

  #keyOf(words: Uint32Array, offset: number, port: number): Uint32Array {
    for (let word = 0; word < 4; word++) this.#key[word] = words[offset + word]!;
    this.#key[4] = port;
    return this.#key;
  }
}

/** `seen`: when the address last called or was called; `told*`: when several servers were told last, and how many. */
function rhythmTable(limit: number) {
  return new StateTable(KEY_WORDS, limit, {
    seen: u32(),
    told: u32(),
    toldNetworks: u16(),
    network: u32(SLOTS),
    median: u16(SLOTS),
    calls: u32(SLOTS),
    first: u32(SLOTS),
    last: u32(SLOTS),
  });
}
