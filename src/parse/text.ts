import type { Damage } from './decode.ts';
import { readDefaultLines } from './default-lines.ts';
import type { Format } from './format.ts';
import { createLineReader, readLine } from './line.ts';
import { REFUSED, type RowSink } from './row-sink.ts';

/** A longer line is refused. The longest a flow log can write (54 fields, six tags) is a few kilobytes. */
export const MAX_LINE = 64 * 1024;

export interface TextDecoder {
  /** Reads what can be read of the next bytes of the source; keeps a copy of a last line that is not complete. */
  push(chunk: Uint8Array): void;
  /** There is no more: a last line without newline is a line. */
  end(): void;
  /** There is no more because the source is damaged here. */
  damaged(damage: Damage): void;
}

/** Reads lines as they come, in any chunks. */
export function createTextDecoder(sink: RowSink, format: Format | undefined): TextDecoder {
  const reader = createLineReader(sink, format);
  /** Begin of a line whose end has not come yet; `carried` bytes of it are kept, `carriedAll` have passed. */
  const carry = new Uint8Array(MAX_LINE + 1);
  let carried = 0;
  let carriedAll = 0;
  /** Byte of the source at which the carried line, or else the next chunk, begins. */
  let position = 0;

  const keep = (bytes: Uint8Array, from: number, to: number): void => {
    const part = bytes.subarray(from, Math.min(to, from + carry.length - carried));
    carry.set(part, carried);
    carried += part.length;
    carriedAll += to - from;
  };
  const lineAt = (bytes: Uint8Array, from: number, to: number, at: number): void => {
    if (to - from > MAX_LINE) sink.reject(REFUSED['line-too-long'], at, bytes.subarray(from, to));
    else readLine(reader, bytes, from, to, at);
  };
  const finishCarry = (): void => {
    if (carriedAll > MAX_LINE) sink.reject(REFUSED['line-too-long'], position, carry.subarray(0, carried));
    else if (carriedAll > 0) readLine(reader, carry, 0, carried, position);
    position += carriedAll;
    carried = 0;
    carriedAll = 0;
  };

  return {
    push(part) {
      // One type of array for the hot loops: V8 compiles for what it has seen, and a Buffer is another type.
      const chunk = new Uint8Array(part.buffer, part.byteOffset, part.length);
      const view = new DataView(part.buffer, part.byteOffset, part.length);
      let from = 0;
      if (carriedAll > 0) {
        const newline = chunk.indexOf(10);
        keep(chunk, 0, newline < 0 ? chunk.length : newline);
        if (newline < 0) return;
        finishCarry();
        position++;
        from = newline + 1;
      }
      const base = position - from;
      const to = chunk.lastIndexOf(10) + 1;
      while (from < to) {
        if (reader.plan === reader.defaultPlan) {
          from = readDefaultLines(sink, chunk, view, from, to);
          if (from >= to) break;
        }
        const newline = chunk.indexOf(10, from);
        lineAt(chunk, from, newline, base + from);
        from = newline + 1;
      }
      position = base + from;
      if (from < chunk.length) keep(chunk, from, chunk.length);
    },
    end() {
      finishCarry();
    },
    damaged(damage) {
      const raw = carriedAll > 0 ? carry.subarray(0, carried) : Buffer.from(damage.note);
      sink.reject(REFUSED[damage.damage], position, raw);
    },
  };
}
