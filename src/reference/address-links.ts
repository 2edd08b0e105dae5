import { isIpv4, prefixMask } from '../columns/address.ts';
import { KeyTable, NO_ROW } from '../columns/key-table.ts';

/** A network of Amazon's that a VPC gets is a /56 (VPC User Guide, "IPv6 VPC CIDR blocks"); a smaller one lies in a block of its owner. */
const IPV6_BLOCK = 56;

/** Both ways; an address that two interfaces have, one after the other or in two networks, leads nowhere. */
export class AddressLinks {
  /** Pairs that were added. */
  size = 0;
  readonly #index = new KeyTable(4, 0xffff_ffff);
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

  isSame(as: AddressLinks): boolean {
    if (this.size !== as.size || this.#index.size !== as.#index.size) return false;
    const { keys } = this.#index;
    return this.#others.every((other, row) => {
      const known = as.find(keys, row * 4);
      return other === undefined
        ? known === undefined
        : known !== undefined && isSameAddress(other, 0, known, 0);
    });
  }

  #put(address: Uint32Array, other: Uint32Array): void {
    const row = this.#index.upsert(address, 0);
    if (row !== NO_ROW) this.#others[row] = this.#index.added ? other : undefined;
  }
}

/** Whether two addresses of four words are the same. */
export function isSameAddress(a: Uint32Array, i: number, b: Uint32Array, j: number): boolean {
  return a[i] === b[j] && a[i + 1] === b[j + 1] && a[i + 2] === b[j + 2] && a[i + 3] === b[j + 3];
}

/** Copies an address of four words. */
export function copyAddress(from: Uint32Array, i: number, to: Uint32Array, j: number): void {
  for (let word = 0; word < 4; word++) to[j + word] = from[i + word]!;
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

/** Whether two tables have the same keys. */
export function hasSameKeys(a: KeyTable, b: KeyTable): boolean {
  if (a.size !== b.size) return false;
  for (let row = 0; row < a.rows; row++)
    if (a.has(row) && b.find(a.keys, row * a.words) === NO_ROW) return false;
  return true;
}
