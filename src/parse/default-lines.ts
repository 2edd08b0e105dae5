import { readAddress, V4_MARK } from '../columns/address.ts';
import { ACTION, LOG_STATUS, PRESENT_V2 } from '../columns/flow-batch.ts';
import type { RowSink } from './row-sink.ts';

/**
 * Rows read in one call of {@link readRows}. Few, so that it is entered often: V8 compiles a function that sits in its loop for a
 * whole batch in the middle of it, and throws that code away at the loop's end each time.
 */
const STRIDE = 128;

/** "ACCE", "REJE", "PT O", "CT O" and "K\n" as big-endian words. */
const ACCE = 0x41434345;
const REJE = 0x52454a45;
const PT_O = 0x5054204f;
const CT_O = 0x4354204f;
const K_NEWLINE = 0x4b0a;

/**
 * The hot loop: complete default (version 2) lines of `bytes[from, to)` into rows, where `bytes[to - 1]` is a newline. Returns the start of
 * the first line that is anything but a plain, flawless OK record, for the careful reader; `to` when there is none. It accepts
 * nothing that the careful reader would not read the same way. `view` is a view of the same bytes.
 */
export function readDefaultLines(
  sink: RowSink,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): number {
  let line = from;
  while (line < to) {
    sink.open();
    const next = readRows(sink, bytes, view, line, to);
    if (next === line) return line;
    line = next;
  }
  return line;
}

/**
 * Reads until {@link STRIDE} rows are read, the batch is full (and handed on), the bytes end, or a line needs care. Returns the start of
 * the first unread line. The same four statements read each number: a call or a shared loop costs a third of the speed.
 */
function readRows(sink: RowSink, bytes: Uint8Array, view: DataView, from: number, to: number): number {
  const { batch, codes } = sink;
  const { srcAddr, dstAddr, srcPort, dstPort, protocol, packets, start, end, action, present } = batch;
  const { logStatus, tcpFlags, accountId, interfaceId, extra, pktSrcAddr, pktDstAddr } = batch;
  const octets = batch.bytes;
  const limit = Math.min(batch.capacity, sink.row + STRIDE);
  let row = sink.row;
  let skip = sink.skipLeft;
  let line = from;
  // Every loop over a value stops at a blank or a control character, so at the newline before `to` at the latest.
  while (line < to && row < limit) {
    // The shortest plain line is longer; below, words are read without looking for the end.
    if (to - line < 60 || bytes[line] !== 50 || bytes[line + 1] !== 32) break;
    let from = line + 2;
    let p = codes.endOf(bytes, view, from, to, codes.accountLength, 32);
    if (p < 0) break;
    codes.accountLength = p - from;
    accountId[row] = codes.found;

    from = p + 1;
    p = codes.endOf(bytes, view, from, to, codes.interfaceLength, 32);
    if (p < 0) break;
    codes.interfaceLength = p - from;
    interfaceId[row] = codes.found;

    p = readEndpoint(bytes, p + 1, srcAddr, row * 4);
    if (p === 0) break;
    p = readEndpoint(bytes, p, dstAddr, row * 4);
    if (p === 0) break;

    // Negative once a character was no digit.
    let bad = 0;
    let value = 0;
    from = p;
    let c = bytes[p]! - 48;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p === from || p - from > 5 || value > 65535) break;
    srcPort[row] = value;

    value = 0;
    from = ++p;
    c = bytes[p]! - 48;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p === from || p - from > 5 || value > 65535) break;
    dstPort[row] = value;

    value = 0;
    from = ++p;
    c = bytes[p]! - 48;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p === from || p - from > 3 || value > 255) break;
    protocol[row] = value;

    value = 0;
    from = ++p;
    c = bytes[p]! - 48;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p === from || p - from > 15) break;
    packets[row] = p - from < 10 ? value : readLong(bytes, from, p);

    value = 0;
    from = ++p;
    c = bytes[p]! - 48;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p === from || p - from > 15) break;
    octets[row] = p - from < 10 ? value : readLong(bytes, from, p);

    // Ten digits that begin with 1, 2 or 3, so from 2001 to 2096: exact modulo 2^32.
    value = 0;
    from = ++p;
    c = bytes[p]! - 48;
    if (c < 1 || c > 3) break;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p - from !== 10) break;
    const startTime = value >>> 0;
    start[row] = startTime;

    value = 0;
    from = ++p;
    c = bytes[p]! - 48;
    if (c < 1 || c > 3) break;
    for (; c > -16; c = bytes[++p]! - 48) {
      bad |= c | (9 - c);
      value = (Math.imul(value, 10) + c) | 0;
    }
    if (c !== -16 || p - from !== 10 || bad < 0) break;
    const endTime = value >>> 0;
    if (endTime < startTime) break;
    end[row] = endTime;

    if (++p + 10 > to) break;
    const word = view.getInt32(p);
    if (word === ACCE) {
      if (view.getInt32(p + 4) !== PT_O) break;
      action[row] = ACTION.accept;
    } else {
      if (word !== REJE || view.getInt32(p + 4) !== CT_O) break;
      action[row] = ACTION.reject;
    }
    if (view.getInt16(p + 8) !== K_NEWLINE) break;

    present[row] = PRESENT_V2;
    logStatus[row] = LOG_STATUS.ok;
    tcpFlags[row] = 0;
    for (let i = 0; i < extra.length; i++) extra[i]![row] = 0;
    if (pktSrcAddr.length > 0) {
      pktSrcAddr.fill(0, row * 4, row * 4 + 4);
      pktDstAddr.fill(0, row * 4, row * 4 + 4);
    }
    line = p + 10;
    if (skip > 0) skip--;
    else row++;
  }
  sink.skipped += sink.skipLeft - skip;
  sink.skipLeft = skip;
  sink.row = row;
  if (row === batch.capacity) sink.flush();
  return line;
}

/** A number of 10 to 15 digits: below 2^53. */
function readLong(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + bytes[i]! - 48;
  return value;
}

/** Reads the address at `p` and the blank after it; the position after the blank, or 0 when it is not a plain one. */
export function readEndpoint(bytes: Uint8Array, p: number, out: Uint32Array, offset: number): number {
  let value = 0;
  let i = p;
  for (let index = 0; index < 4; index++) {
    const stop = index < 3 ? 46 : 32;
    let octet = bytes[i]! - 48;
    if (octet < 0 || octet > 9) return readOther(bytes, p, out, offset);
    let c = bytes[++i]!;
    if (c !== stop) {
      // A second digit, so the first was not a zero.
      c -= 48;
      if (c < 0 || c > 9 || octet === 0) return readOther(bytes, p, out, offset);
      octet = octet * 10 + c;
      c = bytes[++i]!;
      if (c !== stop) {
        c -= 48;
        if (c < 0 || c > 9) return readOther(bytes, p, out, offset);
        octet = octet * 10 + c;
        if (octet > 255 || bytes[++i] !== stop) return readOther(bytes, p, out, offset);
      }
    }
    value = (value << 8) | octet;
    i++;
  }
  out[offset] = 0;
  out[offset + 1] = 0;
  out[offset + 2] = V4_MARK;
  out[offset + 3] = value;
  return i;
}

function readOther(bytes: Uint8Array, p: number, out: Uint32Array, offset: number): number {
  let i = p;
  while (bytes[i]! > 32) i++;
  return bytes[i] === 32 && readAddress(bytes, p, i, out, offset) ? i + 1 : 0;
}
