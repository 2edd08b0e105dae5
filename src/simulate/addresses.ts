import { formatAddress, parseAddress } from '../columns/address.ts';

/** Numbers from here on are IPv6 addresses of the table; below are IPv4 addresses themselves. */
export const V6_BASE = 4294967296;

/**
 * Addresses as plain numbers, so that a record is a row of numbers: an IPv4 address is its 32 bits, an IPv6 address its place in this
 * table.
 */
export class Addresses {
  readonly #v6: { text: Uint8Array; service: string }[] = [];
  readonly #codes = new Map<string, number>();
  readonly #services = new Map<number, string>();

  /** The number of an address text. Throws a RangeError on a text that is none: addresses here come from our own tables. */
  of(text: string, service = ''): number {
    const words = parseAddress(text);
    if (words === undefined) throw new RangeError(`cannot simulate the address ${text}: it is not one`);
    if (!text.includes(':')) {
      const value = words[3]!;
      if (service !== '') this.#services.set(value, service);
      return value;
    }
    const canonical = formatAddress(words);
    const known = this.#codes.get(canonical);
    if (known !== undefined) return known;
    const code = V6_BASE + this.#v6.length;
    this.#v6.push({ text: Buffer.from(canonical, 'latin1'), service });
    this.#codes.set(canonical, code);
    return code;
  }

  text(code: number): string {
    if (code >= V6_BASE) return Buffer.from(this.#v6[code - V6_BASE]!.text).toString('latin1');
    return `${Math.floor(code / 16777216)}.${(code >>> 16) & 255}.${(code >>> 8) & 255}.${code & 255}`;
  }

  /** Text bytes of an IPv6 address. */
  v6Text(code: number): Uint8Array {
    return this.#v6[code - V6_BASE]!.text;
  }

  /** The AWS service whose range holds the address, '' when none. */
  service(code: number): string {
    return code >= V6_BASE ? this.#v6[code - V6_BASE]!.service : (this.#services.get(code) ?? '');
  }
}
