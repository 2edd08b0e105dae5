import { readAddress } from '../columns/address.ts';
import { ACTION, LOG_STATUS, PRESENT } from '../columns/flow-batch.ts';
import { readEndpoint } from './default-lines.ts';
import { bindPlan, OP, type Plan } from './plan.ts';
import { clearRow } from './row.ts';
import type { RowSink } from './row-sink.ts';

const BLANK = 32;
const NEWLINE = 10;
const DASH = 45;

/** "ACCE", "REJE" and "PT", "CT" as big-endian words. */
const ACCE = 0x41434345;
const REJE = 0x52454a45;
const PT = 0x5054;
const CT = 0x4354;

/**
 * As `readDefaultLines`, for any format whose values are separated by single blanks: complete lines of `bytes[from, to)` into rows. Returns the
 * start of the first line that needs the careful reader, `to` when there is none.
 */
export function readPlannedLines(
  sink: RowSink,
  plan: Plan,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): number {
  let line = from;
  // A format of texts and one time would take nearly anything for a record, so what a line begins with is looked at first.
  while (line < to && !isSpecial(bytes[line]!)) {
    bindPlan(plan, sink);
    sink.open();
    const next = readRow(sink, plan, bytes, view, line, to);
    if (next < 0) return line;
    line = next;
    sink.accept();
  }
  return line;
}

/** Whether a line that begins with `c` may be a comment, a document, AWS's delivery test, a byte order mark or else no plain record. */
function isSpecial(c: number): boolean {
  return c <= 35 || c === 80 || c === 91 || c === 123 || c === 0xef;
}

/** Reads one line into the current row; the start of the next line, or -1 when it needs care. */
function readRow(
  sink: RowSink,
  plan: Plan,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): number {
  const { batch, row, codes } = sink;
  const { ops, columns, lengths } = plan;
  clearRow(sink);
  let present = 0;
  let start = -1;
  let end = -1;
  let p = from;
  const last = ops.length - 1;
  for (let i = 0; i <= last; i++) {
    const stop = i === last ? NEWLINE : BLANK;
    if (bytes[p] === DASH && bytes[p + 1] === stop) {
      p += 2;
      continue;
    }
    const op = ops[i]!;
    switch (op) {
      case OP.srcAddr:
      case OP.dstAddr:
      case OP.pktSrcAddr:
      case OP.pktDstAddr: {
        const column =
          op === OP.srcAddr
            ? batch.srcAddr
            : op === OP.dstAddr
              ? batch.dstAddr
              : op === OP.pktSrcAddr
                ? batch.pktSrcAddr
                : batch.pktDstAddr;
        if (stop === BLANK) {
          p = readEndpoint(bytes, p, column, row * 4);
          if (p === 0) return -1;
        } else {
          let e = p;
          while (bytes[e]! > BLANK) e++;
          if (bytes[e] !== NEWLINE || !readAddress(bytes, p, e, column, row * 4)) return -1;
          p = e + 1;
        }
        present |= ADDRESS_BITS[op]!;
        break;
      }
      case OP.version:
      case OP.srcPort:
      case OP.dstPort:
      case OP.protocol:
      case OP.tcpFlags:
      case OP.packets:
      case OP.bytes:
      case OP.start:
      case OP.end: {
        const first = p;
        let value = 0;
        let bad = 0;
        let c = bytes[p]! - 48;
        for (; c > -16; c = bytes[++p]! - 48) {
          bad |= c | (9 - c);
          value = value * 10 + c;
        }
        // Fifteen digits are below 2^53; milliseconds and other oddities are the careful reader's.
        if (c + 48 !== stop || bad < 0 || p === first || p - first > 15) return -1;
        p++;
        if (value > LIMITS[op]!) return -1;
        switch (op) {
          case OP.version:
            if (value < 2) return -1;
            break;
          case OP.srcPort:
            batch.srcPort[row] = value;
            present |= PRESENT.srcPort;
            break;
          case OP.dstPort:
            batch.dstPort[row] = value;
            present |= PRESENT.dstPort;
            break;
          case OP.protocol:
            batch.protocol[row] = value;
            present |= PRESENT.protocol;
            break;
          case OP.tcpFlags:
            batch.tcpFlags[row] = value;
            present |= PRESENT.tcpFlags;
            break;
          case OP.packets:
            batch.packets[row] = value;
            present |= PRESENT.packets;
            break;
          case OP.bytes:
            batch.bytes[row] = value;
            present |= PRESENT.bytes;
            break;
          case OP.start:
            start = value;
            present |= PRESENT.start;
            break;
          default:
            end = value;
            present |= PRESENT.end;
        }
        break;
      }
      case OP.action: {
        if (p + 7 > to || bytes[p + 6] !== stop) return -1;
        const word = view.getInt32(p);
        const tail = view.getInt16(p + 4);
        if (word === ACCE && tail === PT) batch.action[row] = ACTION.accept;
        else if (word === REJE && tail === CT) batch.action[row] = ACTION.reject;
        else return -1;
        present |= PRESENT.action;
        p += 7;
        break;
      }
      case OP.logStatus:
        // NODATA and SKIPDATA are rare.
        if (bytes[p] !== 79 || bytes[p + 1] !== 75 || bytes[p + 2] !== stop) return -1;
        batch.logStatus[row] = LOG_STATUS.ok;
        present |= PRESENT.logStatus;
        p += 3;
        break;
      default: {
        const e = codes.endOf(bytes, view, p, to, lengths[i]!, stop);
        if (e < 0) return -1;
        lengths[i] = e - p;
        if (op === OP.accountId) batch.accountId[row] = codes.found;
        else if (op === OP.interfaceId) batch.interfaceId[row] = codes.found;
        else {
          if (op === OP.tag) for (let k = p; k < e; k++) if (bytes[k] === 37) return -1;
          batch.extra[columns[i]!]![row] = codes.found;
        }
        p = e + 1;
      }
    }
  }
  if (start < 0) start = end;
  if (end < 0) end = start;
  if (start < 0 || end < start) return -1;
  batch.start[row] = start;
  batch.end[row] = end;
  batch.present[row] = present;
  return p;
}

/** By op: the largest value that the quick reader takes. */
const LIMITS = new Float64Array(OP.tag + 1);
LIMITS[OP.version] = 255;
LIMITS[OP.srcPort] = 65535;
LIMITS[OP.dstPort] = 65535;
LIMITS[OP.protocol] = 255;
LIMITS[OP.tcpFlags] = 255;
LIMITS[OP.packets] = Number.MAX_SAFE_INTEGER;
LIMITS[OP.bytes] = Number.MAX_SAFE_INTEGER;
LIMITS[OP.start] = 0xffffffff;
LIMITS[OP.end] = 0xffffffff;

const ADDRESS_BITS = new Uint32Array(OP.tag + 1);
ADDRESS_BITS[OP.srcAddr] = PRESENT.srcAddr;
ADDRESS_BITS[OP.dstAddr] = PRESENT.dstAddr;
ADDRESS_BITS[OP.pktSrcAddr] = PRESENT.pktSrcAddr;
ADDRESS_BITS[OP.pktDstAddr] = PRESENT.pktDstAddr;
