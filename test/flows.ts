import { parseAddress } from '../src/columns/address.ts';
import type { Dictionary } from '../src/columns/dictionary.ts';
import {
  ACTION,
  createFlowBatch,
  DEFAULT_LAYOUT,
  type FlowBatch,
  type Layout,
  LOG_STATUS,
  PRESENT,
  PRESENT_V2,
} from '../src/columns/flow-batch.ts';

/** One flow record as tests write it. */
export interface FlowRow {
  readonly src: string;
  readonly dst: string;
  readonly srcPort?: number;
  readonly dstPort?: number;
  readonly protocol?: number;
  readonly packets?: number;
  readonly bytes?: number;
  readonly start: number;
  readonly end: number;
  readonly action?: 'ACCEPT' | 'REJECT';
  readonly flags?: number;
  readonly eni?: string;
  /** Text of `encryption-status`; a batch has the field when one of its rows does. */
  readonly encryption?: string;
  /** Texts of `pkt-src-aws-service` and `pkt-dst-aws-service`; a batch has both fields when one of its rows has one. */
  readonly srcService?: string;
  readonly dstService?: string;
  /** A record without a flow. */
  readonly status?: 'NODATA' | 'SKIPDATA';
}

const SERVICES = ['pkt-src-aws-service', 'pkt-dst-aws-service'];

function layoutOf(rows: readonly FlowRow[]): Layout {
  const extra = [
    ...(rows.some(({ encryption }) => encryption !== undefined) ? ['encryption-status'] : []),
    ...(rows.some((row) => (row.srcService ?? row.dstService) !== undefined) ? SERVICES : []),
  ];
  return extra.length > 0 ? { ...DEFAULT_LAYOUT, extra } : DEFAULT_LAYOUT;
}

/** A batch of exactly these records. */
export function flowsOf(rows: readonly FlowRow[], names: Dictionary): FlowBatch {
  const batch = createFlowBatch(Math.max(8, (rows.length + 7) & ~7), layoutOf(rows));
  for (const [i, row] of rows.entries()) {
    batch.srcAddr.set(parseAddress(row.src)!, i * 4);
    batch.dstAddr.set(parseAddress(row.dst)!, i * 4);
    batch.srcPort[i] = row.srcPort ?? 50_000;
    batch.dstPort[i] = row.dstPort ?? 443;
    batch.protocol[i] = row.protocol ?? 6;
    batch.packets[i] = row.packets ?? 10;
    batch.bytes[i] = row.bytes ?? 1000;
    batch.start[i] = row.start;
    batch.end[i] = row.end;
    batch.action[i] = row.action === 'REJECT' ? ACTION.reject : ACTION.accept;
    batch.logStatus[i] =
      row.status === undefined ? LOG_STATUS.ok : LOG_STATUS[row.status === 'NODATA' ? 'nodata' : 'skipdata'];
    batch.tcpFlags[i] = row.flags ?? 0;
    const fields = row.status === undefined ? PRESENT_V2 : PRESENT.start | PRESENT.end | PRESENT.logStatus;
    batch.present[i] = fields | (row.flags === undefined ? 0 : PRESENT.tcpFlags);
    const later = [row.encryption, row.srcService, row.dstService];
    for (const [place, field] of ['encryption-status', ...SERVICES].entries()) {
      const column = batch.extra[batch.layout.extra.indexOf(field)];
      if (column !== undefined) column[i] = names.code(later[place] ?? '');
    }
    batch.accountId[i] = names.code('123456789012');
    batch.interfaceId[i] = names.code(row.eni ?? 'eni-a');
  }
  batch.length = rows.length;
  return batch;
}
