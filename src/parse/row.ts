import { readAddress } from '../columns/address.ts';
import { ACTION, LOG_STATUS, PRESENT } from '../columns/flow-batch.ts';
import { bindPlan, OP, type Plan } from './plan.ts';
import { REFUSED, ROW_OK, type RowSink } from './row-sink.ts';

/** Values of one record: value i is `bytes[from[i], to[i])`, valid UTF-8. */
export interface Values {
  bytes: Uint8Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  count: number;
}

const NOT_A_NUMBER = -1;
const TOO_LARGE = -2;

/** Times from here on are milliseconds: as seconds they would be in the year 5138. */
const MILLISECONDS_FROM = 1e11;

/** The strictly decimal number in `bytes[from, to)`: no sign, no exponent, at most 2^53. */
function readNumber(bytes: Uint8Array, from: number, to: number, max: number): number {
  if (from === to) return NOT_A_NUMBER;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return NOT_A_NUMBER;
    // Past 2^53 it only has to stay too large.
    if (value <= max) value = value * 10 + digit;
  }
  return value > max ? TOO_LARGE : value;
}

function equals(bytes: Uint8Array, from: number, to: number, text: string): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
  return true;
}

/**
 * Writes one record into the sink's current row by the plan. Returns ROW_OK or the reason (an index of REJECT_REASONS) and leaves
 * `accept` or `reject` to the caller. `values.count` equals the plan's number of fields.
 */
export function writeRow(sink: RowSink, plan: Plan, values: Values): number {
  bindPlan(plan, sink);
  sink.open();
  const { bytes, from, to } = values;
  const batch = sink.batch;
  const row = sink.row;
  clearRow(sink);
  let present = 0;
  let start = -1;
  let end = -1;
  const ops = plan.ops;
  for (let i = 0; i < ops.length; i++) {
    const a = from[i]!;
    const b = to[i]!;
    if (a === b || (b - a === 1 && bytes[a] === 45)) continue;
    const op = ops[i]!;
    switch (op) {
      case OP.version: {
        const version = readNumber(bytes, a, b, 255);
        if (version < 2) return REFUSED['bad-version'];
        break;
      }
      case OP.accountId:
        batch.accountId[row] = sink.codes.code(bytes, a, b);
        break;
      case OP.interfaceId:
        batch.interfaceId[row] = sink.codes.code(bytes, a, b);
        break;
      case OP.srcAddr:
        if (!readAddress(bytes, a, b, batch.srcAddr, row * 4)) return REFUSED['bad-address'];
        present |= PRESENT.srcAddr;
        break;
      case OP.dstAddr:
        if (!readAddress(bytes, a, b, batch.dstAddr, row * 4)) return REFUSED['bad-address'];
        present |= PRESENT.dstAddr;
        break;
      case OP.pktSrcAddr:
        if (!readAddress(bytes, a, b, batch.pktSrcAddr, row * 4)) return REFUSED['bad-address'];
        present |= PRESENT.pktSrcAddr;
        break;
      case OP.pktDstAddr:
        if (!readAddress(bytes, a, b, batch.pktDstAddr, row * 4)) return REFUSED['bad-address'];
        present |= PRESENT.pktDstAddr;
        break;
      case OP.srcPort:
      case OP.dstPort: {
        const port = readNumber(bytes, a, b, 65535);
        if (port < 0) return numberReason(port);
        if (op === OP.srcPort) {
          batch.srcPort[row] = port;
          present |= PRESENT.srcPort;
        } else {
          batch.dstPort[row] = port;
          present |= PRESENT.dstPort;
        }
        break;
      }
      case OP.protocol:
      case OP.tcpFlags: {
        const value = readNumber(bytes, a, b, 255);
        if (value < 0) return numberReason(value);
        if (op === OP.protocol) {
          batch.protocol[row] = value;
          present |= PRESENT.protocol;
        } else {
          batch.tcpFlags[row] = value;
          present |= PRESENT.tcpFlags;
        }
        break;
      }
      case OP.packets:
      case OP.bytes: {
        const value = readNumber(bytes, a, b, Number.MAX_SAFE_INTEGER);
        if (value < 0) return numberReason(value);
        if (op === OP.packets) {
          batch.packets[row] = value;
          present |= PRESENT.packets;
        } else {
          batch.bytes[row] = value;
          present |= PRESENT.bytes;
        }
        break;
      }
      case OP.start:
      case OP.end: {
        let time = readNumber(bytes, a, b, Number.MAX_SAFE_INTEGER);
        if (time < 0) return numberReason(time);
        if (time >= MILLISECONDS_FROM) time = Math.floor(time / 1000);
        if (time > 0xffffffff) return REFUSED['number-out-of-range'];
        if (op === OP.start) {
          start = time;
          present |= PRESENT.start;
        } else {
          end = time;
          present |= PRESENT.end;
        }
        break;
      }
      case OP.action:
        if (equals(bytes, a, b, 'ACCEPT')) batch.action[row] = ACTION.accept;
        else if (equals(bytes, a, b, 'REJECT')) batch.action[row] = ACTION.reject;
        else return REFUSED['bad-action'];
        present |= PRESENT.action;
        break;
      case OP.logStatus:
        if (equals(bytes, a, b, 'OK')) batch.logStatus[row] = LOG_STATUS.ok;
        else if (equals(bytes, a, b, 'NODATA')) batch.logStatus[row] = LOG_STATUS.nodata;
        else if (equals(bytes, a, b, 'SKIPDATA')) batch.logStatus[row] = LOG_STATUS.skipdata;
        else return REFUSED['bad-log-status'];
        present |= PRESENT.logStatus;
        break;
      case OP.tag:
        batch.extra[plan.columns[i]!]![row] = tagCode(sink, bytes, a, b);
        break;
      default:
        batch.extra[plan.columns[i]!]![row] = sink.codes.code(bytes, a, b);
    }
  }
  if (start < 0 && end < 0) return REFUSED['no-time'];
  if (start < 0) start = end;
  if (end < 0) end = start;
  // A window that ends before it starts is one written the wrong way round: the interval is kept, everything after relies on its order.
  batch.start[row] = Math.min(start, end);
  batch.end[row] = Math.max(start, end);
  batch.present[row] = present;
  return ROW_OK;
}

/** Makes every value of the sink's current row absent. */
export function clearRow(sink: RowSink): void {
  const batch = sink.batch;
  const row = sink.row;
  const at = row * 4;
  for (let word = at; word < at + 4; word++) {
    batch.srcAddr[word] = 0;
    batch.dstAddr[word] = 0;
  }
  if (batch.layout.packetAddresses)
    for (let word = at; word < at + 4; word++) {
      batch.pktSrcAddr[word] = 0;
      batch.pktDstAddr[word] = 0;
    }
  batch.packets[row] = 0;
  batch.bytes[row] = 0;
  batch.accountId[row] = 0;
  batch.interfaceId[row] = 0;
  batch.srcPort[row] = 0;
  batch.dstPort[row] = 0;
  batch.protocol[row] = 0;
  batch.action[row] = ACTION.none;
  batch.logStatus[row] = LOG_STATUS.ok;
  batch.tcpFlags[row] = 0;
  for (let i = 0; i < batch.extra.length; i++) batch.extra[i]![row] = 0;
}

function numberReason(result: number): number {
  return result === TOO_LARGE ? REFUSED['number-out-of-range'] : REFUSED['bad-number'];
}

/** Tags come percent-encoded, so that a blank or a lone `-` in one can be told from a separator and from null. */
function tagCode(sink: RowSink, bytes: Uint8Array, from: number, to: number): number {
  let escaped = false;
  for (let i = from; i < to && !escaped; i++) escaped = bytes[i] === 37;
  if (!escaped) return sink.codes.code(bytes, from, to);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
  try {
    return sink.options.names.code(decodeURIComponent(text));
  } catch {
    // Not an escape after all: the text as it came says more than a reject.
    return sink.codes.code(bytes, from, to);
  }
}
