import { PRESENT } from '../../src/columns/flow-batch.ts';
import type { TelemetryConfig } from './config.ts';
import type { Interfaces } from './interfaces.ts';

/** Seconds over which records are summed. */
export const QUARTER = 900;
/** Records with data that an interface needs within a quarter of an hour to show that a field is gone. */
const LEAST_DATA = 10;
/** Records with SKIPDATA below which a share of them says nothing. */
const LEAST_SKIPS = 3;

/** Fields that may go missing, AWS's names. */
const FIELDS: readonly (readonly [name: string, bit: number])[] = [
  ['srcaddr', PRESENT.srcAddr],
  ['dstaddr', PRESENT.dstAddr],
  ['srcport', PRESENT.srcPort],
  ['dstport', PRESENT.dstPort],
  ['protocol', PRESENT.protocol],
  ['packets', PRESENT.packets],
  ['bytes', PRESENT.bytes],
  ['start', PRESENT.start],
  ['action', PRESENT.action],
  ['log-status', PRESENT.logStatus],
  ['tcp-flags', PRESENT.tcpFlags],
  ['pkt-srcaddr', PRESENT.pktSrcAddr],
  ['pkt-dstaddr', PRESENT.pktDstAddr],
];
/** Without these no connection can be rebuilt. */
const VITAL = PRESENT.srcAddr | PRESENT.dstAddr | PRESENT.protocol | PRESENT.packets | PRESENT.bytes;

/** An account many of whose records AWS skipped. */
export interface Skips {
  readonly account: number;
  readonly records: number;
  readonly skips: number;
  /** Row of the interface with the most, and how many it has. */
  readonly worst: number;
  readonly most: number;
}

/** An account whose records lack fields that they had. */
export interface LostFields {
  readonly account: number;
  readonly fields: readonly string[];
  /** Whether connections cannot be rebuilt any more. */
  readonly vital: boolean;
  /** Interfaces that lost one of them, and those that had the one that most lost. */
  readonly interfaces: number;
  readonly of: number;
}

interface Sums {
  records: number;
  skips: number;
  worst: number;
  most: number;
  /** Interfaces by field: that had it, and that have it no more. */
  readonly had: Uint32Array;
  readonly lost: Uint32Array;
}

/** Judges the quarter of an hour that ends, by account, in no particular order, and begins the next. */
export function closeQuarter(
  interfaces: Interfaces,
  config: TelemetryConfig,
): { readonly skips: Skips[]; readonly lost: LostFields[] } {
  const accounts = sum(interfaces);
  const skips: Skips[] = [];
  const lost: LostFields[] = [];
  for (const [account, sums] of accounts) {
    const { records, worst, most } = sums;
    if (sums.skips >= LEAST_SKIPS && sums.skips >= config.skipShare * records)
      skips.push({ account, records, skips: sums.skips, worst, most });
    const gone = FIELDS.flatMap(([, bit], field) => {
      const interfaceCount = sums.lost[field]!;
      const isGone = interfaceCount > 0 && interfaceCount >= config.share * sums.had[field]!;
      return isGone ? [{ field, bit, interfaceCount }] : [];
    }).sort((a, b) => b.interfaceCount - a.interfaceCount || a.field - b.field);
    const [first] = gone;
    if (first === undefined) continue;
    lost.push({
      account,
      fields: gone.map(({ field }) => FIELDS[field]![0]).sort(),
      vital: gone.some(({ bit }) => (bit & VITAL) !== 0),
      interfaces: first.interfaceCount,
      of: sums.had[first.field]!,
    });
  }
  return { skips, lost };
}

function sum(interfaces: Interfaces): Map<number, Sums> {
  const { table } = interfaces;
  const c = table.columns;
  const accounts = new Map<number, Sums>();
  for (let row = 0; row < table.rows; row++) {
    if (!table.has(row) || (c.data[row] === 0 && c.skip[row] === 0)) continue;
    const sums = accounts.get(c.account[row]!) ?? emptySums();
    accounts.set(c.account[row]!, sums);
    const skip = c.skip[row]!;
    sums.records += c.data[row]! + skip;
    sums.skips += skip;
    if (skip > sums.most || (skip === sums.most && skip > 0 && interfaces.precedes(row, sums.worst))) {
      sums.worst = row;
      sums.most = skip;
    }
    if (c.data[row]! >= LEAST_DATA && interfaces.hasLearnt(row))
      addFields(sums, c.fields[row]! | c.fieldsBefore[row]!, c.seen[row]!);
    c.fields[row] = c.fields[row]! | c.seen[row]!;
    c.data[row] = 0;
    c.skip[row] = 0;
    c.seen[row] = 0;
  }
  return accounts;
}

function addFields(sums: Sums, had: number, seen: number): void {
  for (const [field, [, bit]] of FIELDS.entries()) {
    if ((had & bit) === 0) continue;
    sums.had[field]!++;
    if ((seen & bit) === 0) sums.lost[field]!++;
  }
}

function emptySums(): Sums {
  const { length } = FIELDS;
  return {
    records: 0,
    skips: 0,
    worst: 0,
    most: 0,
    had: new Uint32Array(length),
    lost: new Uint32Array(length),
  };
}
