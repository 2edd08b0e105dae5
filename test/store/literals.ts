import { parseAddress } from '../../src/columns/address.ts';
import type { Dictionary } from '../../src/columns/dictionary.ts';
import {
  ACTION,
  createFlowBatch,
  type FlowBatch,
  type Layout,
  LOG_STATUS,
  PRESENT,
} from '../../src/columns/flow-batch.ts';

/** A record as the view shows it; null = the record had no such value. */
export interface FlowLiteral {
  readonly account?: string | null;
  readonly interface?: string | null;
  readonly src?: string | null;
  readonly dst?: string | null;
  readonly sport?: number | null;
  readonly dport?: number | null;
  readonly protocol?: number | null;
  readonly packets?: number | null;
  readonly bytes?: number | null;
  readonly start?: number | null;
  readonly end: number;
  readonly action?: 'ACCEPT' | 'REJECT' | null;
  readonly status?: 'OK' | 'NODATA' | 'SKIPDATA' | null;
  readonly flags?: number | null;
  readonly pktSrc?: string | null;
  readonly pktDst?: string | null;
  /** Values of the layout's extra fields; '' = none. */
  readonly extra?: readonly string[];
}

export function flowBatchOf(rows: readonly FlowLiteral[], layout: Layout, names: Dictionary): FlowBatch {
  const batch = createFlowBatch(Math.max(8, Math.ceil(rows.length / 8) * 8), layout);
  batch.length = rows.length;
  for (const [i, row] of rows.entries()) {
    let present = PRESENT.end;
    batch.end[i] = row.end;
    const number = (column: { [i: number]: number }, value: number | null | undefined, bit: number): void => {
      if (value === null || value === undefined) return;
      column[i] = value;
      present |= bit;
    };
    const address = (column: Uint32Array, value: string | null | undefined, bit: number): void => {
      if (value === null || value === undefined) return;
      column.set(parseAddress(value)!, i * 4);
      present |= bit;
    };
    number(batch.srcPort, row.sport, PRESENT.srcPort);
    number(batch.dstPort, row.dport, PRESENT.dstPort);
    number(batch.protocol, row.protocol, PRESENT.protocol);
    number(batch.packets, row.packets, PRESENT.packets);
    number(batch.bytes, row.bytes, PRESENT.bytes);
    number(batch.start, row.start, PRESENT.start);
    number(batch.tcpFlags, row.flags, PRESENT.tcpFlags);
    address(batch.srcAddr, row.src, PRESENT.srcAddr);
    address(batch.dstAddr, row.dst, PRESENT.dstAddr);
    if (layout.packetAddresses) {
      address(batch.pktSrcAddr, row.pktSrc, PRESENT.pktSrcAddr);
      address(batch.pktDstAddr, row.pktDst, PRESENT.pktDstAddr);
    }
    batch.action[i] = row.action ? ACTION[row.action === 'ACCEPT' ? 'accept' : 'reject'] : ACTION.none;
    batch.logStatus[i] = row.status
      ? LOG_STATUS[row.status.toLowerCase() as 'ok' | 'nodata' | 'skipdata']
      : LOG_STATUS.none;
    batch.accountId[i] = names.code(row.account ?? '');
    batch.interfaceId[i] = names.code(row.interface ?? '');
    batch.extra.forEach((codes, field) => {
      codes[i] = names.code(row.extra?.[field] ?? '');
    });
    batch.present[i] = present;
  }
  return batch;
}

/** A row of the default format between two addresses. */
export function plainFlow(src: string, dst: string, end: number, bytes = 100): FlowLiteral {
  return {
    account: '123456789012',
    interface: 'eni-0a1b2c3d4e5f60718',
    src,
    dst,
    sport: 40_000,
    dport: 443,
    protocol: 6,
    packets: 1,
    bytes,
    start: end - 59,
    end,
    action: 'ACCEPT',
    status: 'OK',
  };
}

export const V2: Layout = { extra: [], packetAddresses: false };
