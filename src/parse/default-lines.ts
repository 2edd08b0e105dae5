import { readAddress } from '../columns/address.ts';
import { ACTION, LOG_STATUS, PRESENT_V2 } from '../columns/flow-batch.ts';
import type { RowSink } from './row-sink.ts';

/**
 * The hot loop: complete default (version 2) lines of `bytes[from, to)` into rows, where `bytes[to - 1]` is a newline. Returns the start of
 * the first line that is anything but a plain, flawless OK record, for the careful reader; `to` when there is none. It accepts
 * nothing that the careful reader would not read the same way.
 */
export function readDefaultLines(sink: RowSink, bytes: Uint8Array, from: number, to: number): number {
  let line = from;
  while (line < to) {
    sink.open();
    const next = fillBatch(sink, bytes, line, to);
    if (next === line) return line;
    line = next;
  }
  return line;
}

/** Reads until the batch is full (and hands it on), the bytes end, or a line needs care. Returns the start of the first unread line. */
function fillBatch(sink: RowSink, bytes: Uint8Array, from: number, to: number): number {
  const { batch, codes } = sink;
  const { srcAddr, dstAddr, srcPort, dstPort, protocol, packets, start, end, action, present } = batch;
  const { logStatus, tcpFlags, accountId, interfaceId, extra, capacity, pktSrcAddr, pktDstAddr } = batch;
  const octets = batch.bytes;
  const first = sink.row;
  let row = first;
  let skip = sink.skipLeft;
  let line = from;
  let p = from;
  let c = 0;
  // Every loop over a token stops at a control character, so at the newline before `to` at the latest.
  while (line < to && row < capacity) {
    p = line;
    if (bytes[p] !== 50 || bytes[p + 1] !== 32) break;
    let tokenStart = p + 2;
    p = tokenStart;
    c = bytes[p]!;
    while (c > 32 && c < 128) c = bytes[++p]!;
    if (c !== 32 || p === tokenStart || (p === tokenStart + 1 && bytes[tokenStart] === 45)) break;
    let code = codes.peek(bytes, tokenStart, p);
    accountId[row] = code >= 0 ? code : codes.add(bytes, tokenStart, p);

    tokenStart = ++p;
    c = bytes[p]!;
    while (c > 32 && c < 128) c = bytes[++p]!;
    if (c !== 32 || p === tokenStart || (p === tokenStart + 1 && bytes[tokenStart] === 45)) break;
    code = codes.peek(bytes, tokenStart, p);
    interfaceId[row] = code >= 0 ? code : codes.add(bytes, tokenStart, p);

    p = readEndpoint(bytes, p + 1, srcAddr, row * 4);
    if (p === 0) break;
    p = readEndpoint(bytes, p, dstAddr, row * 4);
    if (p === 0) break;

    let value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9 && value < 65536) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    if (c !== -16 || value > 65535) break;
    srcPort[row] = value;
    p++;

    value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9 && value < 65536) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    if (c !== -16 || value > 65535) break;
    dstPort[row] = value;
    p++;

    value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9 && value < 256) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    if (c !== -16 || value > 255) break;
    protocol[row] = value;
    p++;

    tokenStart = p;
    value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    // Fifteen digits are below 2^53.
    if (c !== -16 || p - tokenStart > 15) break;
    packets[row] = value;
    p++;

    tokenStart = p;
    value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    if (c !== -16 || p - tokenStart > 15) break;
    octets[row] = value;
    p++;

    value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9 && value <= 0xffffffff) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    if (c !== -16 || value > 0xffffffff) break;
    const startTime = value;
    start[row] = value;
    p++;

    value = bytes[p]! - 48;
    if (value < 0 || value > 9) break;
    c = bytes[++p]! - 48;
    while (c >= 0 && c <= 9 && value <= 0xffffffff) {
      value = value * 10 + c;
      c = bytes[++p]! - 48;
    }
    if (c !== -16 || value > 0xffffffff || value < startTime) break;
    end[row] = value;
    p++;

    // "ACCEPT OK\n" or "REJECT OK\n".
    if (bytes[p] === 65) {
      if (bytes[p + 1] !== 67 || bytes[p + 2] !== 67 || bytes[p + 3] !== 69) break;
      if (bytes[p + 4] !== 80) break;
      action[row] = ACTION.accept;
    } else {
      if (bytes[p] !== 82 || bytes[p + 1] !== 69 || bytes[p + 2] !== 74 || bytes[p + 3] !== 69) break;
      if (bytes[p + 4] !== 67) break;
      action[row] = ACTION.reject;
    }
    if (bytes[p + 5] !== 84 || bytes[p + 6] !== 32 || bytes[p + 7] !== 79) break;
    if (bytes[p + 8] !== 75 || bytes[p + 9] !== 10) break;

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
  if (row === capacity) sink.flush();
  return line;
}

/** Reads the address at `p` and the blank after it; the position after the blank, or 0 when it is not a plain one. */
function readEndpoint(bytes: Uint8Array, p: number, out: Uint32Array, offset: number): number {
  let value = 0;
  let octet = 0;
  let c = 0;
  let i = p;
  let dots = 0;
  let octetStart = p;
  for (c = bytes[i]!; c !== 32; c = bytes[i]!) {
    if (c === 46) {
      if (i === octetStart || octet > 255 || (i - octetStart > 1 && bytes[octetStart] === 48)) return 0;
      value = (value << 8) | octet;
      octet = 0;
      octetStart = i + 1;
      dots++;
    } else {
      c -= 48;
      if (c < 0 || c > 9) return readOther(bytes, p, out, offset);
      octet = octet * 10 + c;
    }
    if (++i - octetStart > 3) return readOther(bytes, p, out, offset);
  }
  if (dots !== 3 || i === octetStart || octet > 255) return 0;
  if (i - octetStart > 1 && bytes[octetStart] === 48) return 0;
  out[offset] = 0;
  out[offset + 1] = 0;
  out[offset + 2] = 0xffff;
  out[offset + 3] = (value << 8) | octet;
  return i + 1;
}

function readOther(bytes: Uint8Array, p: number, out: Uint32Array, offset: number): number {
  let i = p;
  while (bytes[i]! > 32) i++;
  return bytes[i] === 32 && readAddress(bytes, p, i, out, offset) ? i + 1 : 0;
}
