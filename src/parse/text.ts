import { isUtf8 } from 'node:buffer';
import { REJECT_RAW_LIMIT } from '../contracts.ts';
import type { Damage } from './decode.ts';
import { readDefaultLines } from './default-lines.ts';
import { type DocumentReader, MAX_NESTING, readDocument, readEncoded } from './document.ts';
import type { Format } from './format.ts';
import { createJsonScan, MAX_DOCUMENT, resetJsonScan, SCAN, scanJson } from './json-scan.ts';
import { MAX_LINE } from './limits.ts';
import { createLineReader, readLine } from './line.ts';
import { readPlannedLines } from './planned-lines.ts';
import { createRecordReader, type RecordReader } from './record.ts';
import { REFUSED, type RowSink } from './row-sink.ts';

export interface TextDecoder {
  /** Reads what can be read of the next bytes of the source; keeps a copy of a last record that is not complete. */
  push(chunk: Uint8Array): void;
  /** There is no more: a last line without newline is a line. */
  end(): void;
  /** There is no more because the source is damaged here. */
  damaged(damage: Damage): void;
  /** Reads bytes that are whole lines or documents by themselves, and begin at `position` of the source. */
  message(bytes: Uint8Array, position: number): void;
}

/** What readers of one source share: the format of the last header holds inside messages, too. */
interface Shared extends DocumentReader {
  readonly lines: ReturnType<typeof createLineReader>;
}

const NO_BYTES = new Uint8Array(0);

/** Reads lines, JSON documents and base64 payloads as they come, in any mixture and any chunks. */
export function createTextDecoder(sink: RowSink, format: Format | undefined): TextDecoder {
  // Most sources hold no documents, and its buffer is the largest thing here.
  let records: RecordReader | undefined;
  const shared: Shared = {
    sink,
    lines: createLineReader(sink, format),
    get records() {
      records ??= createRecordReader(sink);
      return records;
    },
    readText: (bytes, position, nesting) => {
      createDecoder(shared, nesting, position).all(bytes);
    },
  };
  return {
    ...createDecoder(shared, 0, undefined),
    message(bytes, position) {
      createDecoder(shared, 0, undefined).all(bytes, position);
      // Its stream may be silent for long, and is remembered meanwhile.
      shared.lines.values.bytes = NO_BYTES;
    },
  };
}

interface Decoder extends Omit<TextDecoder, 'message'> {
  /** Instead of `push` and `end`, when these are all the bytes there are; they begin at `base` of the source. */
  all(bytes: Uint8Array, base?: number): void;
}

/** `nesting` payloads deep; `fixedPosition` is where the outermost one is in the source. */
function createDecoder(shared: Shared, nesting: number, fixedPosition: number | undefined): Decoder {
  const { sink, lines } = shared;
  const scan = createJsonScan();
  /** Begin of a record whose end has not come yet. */
  let carry = new Uint8Array(0);
  let carried = 0;
  /** Byte of the source at which the carry, or else the next chunk, begins. */
  let offset = 0;
  /** Why the line at hand is refused, until enough of it is there to show; -1 when it is not. */
  let refusal = -1;
  /** The rest of the current line belongs to a record that was refused. */
  let skipping = false;
  /** Inside a list of documents. */
  let inList = false;

  const keep = (bytes: Uint8Array, from: number, to: number): void => {
    const needed = carried + to - from;
    if (needed > carry.length) {
      const larger = new Uint8Array(Math.max(needed, Math.min(carry.length * 2, MAX_DOCUMENT), 4096));
      larger.set(carry.subarray(0, carried));
      carry = larger;
    }
    carry.set(bytes.subarray(from, to), carried);
    carried = needed;
  };

  const document = (bytes: Uint8Array, from: number, to: number, position: number): void => {
    const slice = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
    if (!isUtf8(slice)) {
      sink.reject(REFUSED['bad-encoding'], position, slice);
      return;
    }
    let json: unknown;
    try {
      json = JSON.parse(slice.toString('utf8'));
    } catch {
      sink.reject(REFUSED['bad-json'], position, slice);
      return;
    }
    readDocument(shared, json, position, nesting, slice);
  };

  /** Reads lines without any oddity; the start of the first that has one. */
  const readPlain = (bytes: Uint8Array, view: DataView, from: number, to: number): number => {
    const { plan } = lines;
    if (plan === lines.defaultPlan) return readDefaultLines(sink, bytes, view, from, to);
    // In a list, a comma or bracket may stand before a line.
    if (plan.format.separator !== ' ' || inList) return from;
    return readPlannedLines(sink, plan, bytes, view, from, to);
  };

  /**
   * Reads what is complete of `bytes[from, to)`, which begins where a record may begin. `base + i` is the place of byte i in the source.
   * Returns the start of what has to wait for more; `to` when `last`.
   */
  const consume = (
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    base: number,
    last: boolean,
  ): number => {
    let i = from;
    let complete = -1;
    while (i < to) {
      if (skipping) {
        const newline = indexOfNewline(bytes, i, to);
        if (newline < 0) return to;
        skipping = false;
        i = newline + 1;
        continue;
      }
      const position = fixedPosition ?? base + i;
      if (refusal >= 0) {
        const newline = indexOfNewline(bytes, i, to);
        if (newline < 0 && !last && to - i < REJECT_RAW_LIMIT) return i;
        sink.reject(refusal, position, bytes.subarray(i, newline < 0 ? to : newline));
        refusal = -1;
        skipping = true;
        continue;
      }
      const c = bytes[i]!;
      // Below are blanks and comments; braces and brackets are documents.
      if (c > 35 && c !== 91 && c !== 123) {
        if (complete < 0) complete = lastNewline(bytes, i, to) + 1;
        const next = i < complete ? readPlain(bytes, view, i, complete) : i;
        if (next > i) {
          i = next;
          continue;
        }
      }
      if (c === 123 || (c === 91 && inList) || (c === 34 && inList)) {
        const end = scanJson(scan, bytes, i, to);
        if (end === SCAN.more && !last) return i;
        resetJsonScan(scan);
        if (end >= 0) {
          document(bytes, i, end, position);
          i = end;
        } else {
          refusal = scanReason(end);
        }
        continue;
      }
      if (c === 91) {
        const next = skipBlanks(bytes, i + 1, to);
        if (next === to && !last) return i;
        if (next < to && beginsItem(bytes[next]!)) {
          inList = true;
          i = next;
          continue;
        }
      } else if (inList && (c === 44 || c === 93)) {
        if (c === 93) inList = false;
        i++;
        continue;
      } else if (c === 32 || c === 10 || c === 13 || c === 9) {
        i++;
        continue;
      } else if (c === 0xef && i + 3 > to && !last) {
        return i;
      } else if (c === 0xef && bytes[i + 1] === 0xbb && bytes[i + 2] === 0xbf && i + 3 <= to) {
        i += 3;
        continue;
      }
      const newline = indexOfNewline(bytes, i, to);
      const encoded = c === 72 && isGzipBase64(bytes, i, to);
      const limit = encoded ? MAX_DOCUMENT : MAX_LINE;
      const end = newline < 0 ? to : newline;
      if (end - i > limit) {
        refusal = REFUSED['line-too-long'];
        continue;
      }
      if (newline < 0 && !last) return i;
      if (!encoded || !encodedLine(bytes, i, end, position)) readLine(lines, bytes, i, end, position);
      i = newline < 0 ? to : newline + 1;
    }
    return to;
  };

  const encodedLine = (bytes: Uint8Array, from: number, to: number, position: number): boolean =>
    nesting < MAX_NESTING &&
    readEncoded(
      shared,
      Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from)
        .toString('latin1')
        .trim(),
      position,
      nesting,
    );

  const consumeCarry = (last: boolean): void => {
    const view = new DataView(carry.buffer, 0, carried);
    const read = consume(carry, view, 0, carried, offset, last);
    carry.copyWithin(0, read, carried);
    carried -= read;
    offset += read;
  };

  return {
    all(bytes, base = 0) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      consume(plain, view, 0, bytes.length, base, true);
    },
    push(part) {
      // One type of array for the hot loops: V8 compiles for what it has seen, and a Buffer is another type.
      const chunk = new Uint8Array(part.buffer, part.byteOffset, part.length);
      let from = 0;
      while (carried > 0 && from < chunk.length) {
        // Up to the next newline completes a line; a document needs more of it.
        const newline = scan.seen > 0 ? -1 : chunk.indexOf(10, from);
        const to = newline < 0 ? chunk.length : newline + 1;
        keep(chunk, from, to);
        from = to;
        consumeCarry(false);
      }
      if (from === chunk.length) return;
      const view = new DataView(part.buffer, part.byteOffset, part.length);
      const read = consume(chunk, view, from, chunk.length, offset - from, false);
      offset += read - from;
      if (read < chunk.length) keep(chunk, read, chunk.length);
    },
    end() {
      consumeCarry(true);
    },
    damaged(damage) {
      const raw = carried > 0 ? carry.subarray(0, carried) : Buffer.from(damage.note);
      sink.reject(REFUSED[damage.damage], offset, raw);
    },
  };
}

function scanReason(result: number): number {
  if (result === SCAN.tooDeep) return REFUSED['too-deep'];
  if (result === SCAN.tooLong) return REFUSED['line-too-long'];
  return result === SCAN.more ? REFUSED.truncated : REFUSED['bad-json'];
}

function indexOfNewline(bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) if (bytes[i] === 10) return i;
  return -1;
}

function lastNewline(bytes: Uint8Array, from: number, to: number): number {
  for (let i = to - 1; i >= from; i--) if (bytes[i] === 10) return i;
  return from - 1;
}

function skipBlanks(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && (bytes[i] === 32 || bytes[i] === 10 || bytes[i] === 13 || bytes[i] === 9)) i++;
  return i;
}

/** Whether `c` can follow the bracket that opens a list of documents: an object, a list, a string or the end. */
function beginsItem(c: number): boolean {
  return c === 123 || c === 91 || c === 34 || c === 93;
}

/** `H4sI` is how base64 of a gzip file begins. */
function isGzipBase64(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from > 4 && bytes[from + 1] === 52 && bytes[from + 2] === 115 && bytes[from + 3] === 73;
}
