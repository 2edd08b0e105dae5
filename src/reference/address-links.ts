import { isIpv4, isSameAddress, prefixMask } from '../columns/address.ts';
import { grown, KeyTable, NO_ROW } from '../columns/key-table.ts';

/** A network of Amazon's that a VPC gets is a /56 (VPC User Guide, "IPv6 VPC CIDR blocks"); a smaller one lies in a block of its owner. */
const IPV6_BLOCK = 56;

/** Both ways; an address that two interfaces have, one after the other or in two networks, leads nowhere. */
export class AddressLinks {
  /** Pairs that were added. */
  size = 0;
  readonly #index = new KeyTable(4, 0xffff_ffff);
  /** By row of the index the row of the other address, or {@link NO_ROW}. */
  #others = new Int32Array(64);

  /** Links the addresses at these offsets of `words`. */
  add(words: Uint32Array, one: number, other: number): void {
    this.size++;
    const oneRow = this.#index.upsert(words, one);
    const isOneNew = this.#index.added;
    const otherRow = this.#index.upsert(words, other);
    const isOtherNew = this.#index.added;
    if (this.#index.capacity > this.#others.length) this.#others = grown(this.#others, this.#index.capacity);
    this.#others[oneRow] = isOneNew ? otherRow : NO_ROW;
    this.#others[otherRow] = isOtherNew ? oneRow : NO_ROW;
  }

  find(words: Uint32Array, offset: number): Uint32Array | undefined {
    const row = this.#index.find(words, offset);
    const other = row === NO_ROW ? NO_ROW : this.#others[row]!;
    return other === NO_ROW ? undefined : this.#index.keys.subarray(other * 4, other * 4 + 4);
  }

  isSame(as: AddressLinks): boolean {
    if (this.size !== as.size || this.#index.size !== as.#index.size) return false;
    const { keys, rows } = this.#index;
    for (let row = 0; row < rows; row++) {
      const known = as.#index.find(keys, row * 4);
      const theirs = known === NO_ROW ? NO_ROW : as.#others[known]!;
      const other = this.#others[row]!;
      if (other === NO_ROW || theirs === NO_ROW ? other !== theirs : !this.#isOf(other, as, theirs))
        return false;
    }
    return true;
  }

  #isOf(row: number, as: AddressLinks, theirs: number): boolean {
    return isSameAddress(this.#index.keys, row * 4, as.#index.keys, theirs * 4);
  }
}

/** /16 or /32 as a word: of two networks of one family it tells whether they are the same. */
export function networkOf(words: Uint32Array, offset: number): number {
  return isIpv4(words, offset) ? (words[offset + 3]! & 0xffff_0000) >>> 0 : words[offset]!;
}

/** The address, or its IPv6 block, in `block`. */
export function blockOf(words: Uint32Array, offset: number, block: Uint32Array): Uint32Array {
  const length = isIpv4(words, offset) ? 128 : IPV6_BLOCK;
  for (let word = 0; word < 4; word++) block[word] = words[offset + word]! & prefixMask(length, word);
  return block;
}
