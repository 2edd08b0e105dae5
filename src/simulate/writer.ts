import { type Addresses, V6_BASE } from './addresses.ts';
import type { Put } from './columns.ts';
import type { Rows } from './rows.ts';

const CHUNK = 1 << 18;
/** More than the longest line: 54 fields of at most 50 bytes. */
const ROOM = 4096;
const OCTETS: readonly Uint8Array[] = Array.from({ length: 256 }, (_, value) =>
  Buffer.from(String(value), 'latin1'),
);

/** Renders rows as lines of text, byte by byte: making strings costs three times as much. */
export class LineWriter {
  /** Full chunks, for the owner to take away. */
  chunks: Buffer[] = [];
  /** Bytes flushed so far. */
  bytes = 0;
  buffer: Buffer = Buffer.allocUnsafe(CHUNK);
  at = 0;
  readonly #addresses: Addresses;
  readonly #puts: readonly Put[];

  constructor(puts: readonly Put[], addresses: Addresses) {
    this.#puts = puts;
    this.#addresses = addresses;
  }

  header(fields: readonly string[]): void {
    this.text(Buffer.from(fields.join(' '), 'latin1'));
    this.#endLine();
  }

  line(rows: Rows, row: number): void {
    const puts = this.#puts;
    puts[0]!(this, rows, row);
    for (let i = 1; i < puts.length; i++) {
      this.buffer[this.at++] = 32;
      puts[i]!(this, rows, row);
    }
    this.#endLine();
  }

  /** Moves what is written so far to {@link chunks}. */
  flush(): void {
    if (this.at === 0) return;
    this.bytes += this.at;
    this.chunks.push(this.buffer.subarray(0, this.at));
    this.buffer = Buffer.allocUnsafe(CHUNK);
    this.at = 0;
  }

  /** A whole number from 0 to 2^53. */
  number(value: number): void {
    if (value > 0x7fffffff) {
      const high = Math.floor(value / 1e9);
      this.number(high);
      let low = value - high * 1e9;
      for (let place = this.at + 8; place >= this.at; place--) {
        this.buffer[place] = 48 + (low % 10);
        low = Math.trunc(low / 10);
      }
      this.at += 9;
      return;
    }
    let rest = value | 0;
    let digits = 1;
    for (let power = 10; digits < 10 && rest >= power; power *= 10) digits++;
    for (let place = this.at + digits - 1; place >= this.at; place--) {
      const next = (rest / 10) | 0;
      this.buffer[place] = 48 + rest - next * 10;
      rest = next;
    }
    this.at += digits;
  }

  dash(): void {
    this.buffer[this.at++] = 45;
  }

  text(bytes: Uint8Array): void {
    const { buffer } = this;
    let { at } = this;
    for (let i = 0; i < bytes.length; i++) buffer[at++] = bytes[i]!;
    this.at = at;
  }

  address(code: number): void {
    if (code >= V6_BASE) {
      this.text(this.#addresses.v6Text(code));
      return;
    }
    this.text(OCTETS[(code >>> 24) & 255]!);
    this.buffer[this.at++] = 46;
    this.text(OCTETS[(code >>> 16) & 255]!);
    this.buffer[this.at++] = 46;
    this.text(OCTETS[(code >>> 8) & 255]!);
    this.buffer[this.at++] = 46;
    this.text(OCTETS[code & 255]!);
  }

  #endLine(): void {
    this.buffer[this.at++] = 10;
    if (this.at > CHUNK - ROOM) this.flush();
  }
}
