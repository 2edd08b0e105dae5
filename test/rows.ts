import { formatAddress, parseAddress } from '../src/columns/address.ts';
import { Dictionary } from '../src/columns/dictionary.ts';
import { PRESENT_V2 } from '../src/columns/flow-batch.ts';
import { createInterfaceBatch, type InterfaceBatch } from '../src/columns/interface-batch.ts';
import {
  createSessionBatch,
  SCOPE,
  type Scope,
  type SessionBatch,
  STATE,
  type Step,
  type WindowBatch,
} from '../src/columns/session-batch.ts';
import type { DetectorContext, Indicator } from '../src/contracts.ts';

/** One session as a literal. Left out: scope by address (RFC 1918, ULA = internal), tcp, port 443 from 40000, established in this step. */
export interface SessionLiteral {
  readonly src: string;
  readonly dst: string;
  readonly sport?: number;
  readonly port?: number;
  readonly protocol?: number;
  readonly srcScope?: keyof typeof SCOPE;
  readonly dstScope?: keyof typeof SCOPE;
  /** Names of {@link STATE}; default accepted, established, establishedNow, first. */
  readonly state?: readonly (keyof typeof STATE)[];
  readonly flagsOut?: number;
  readonly flagsIn?: number;
  /** Bits of ENCRYPTION; default 0: the log does not say. */
  readonly encryption?: number;
  /** Default: the step's start and a second before its end. */
  readonly start?: number;
  readonly end?: number;
  readonly interface?: string;
  readonly account?: string;
  readonly dstService?: string;
  readonly srcService?: string;
  readonly bytesOut?: number;
  readonly bytesIn?: number;
  readonly packetsOut?: number;
  readonly packetsIn?: number;
  /** Default: the whole session came in this step; 0 in `ended`. */
  readonly stepBytesOut?: number;
  readonly stepBytesIn?: number;
  readonly stepPacketsOut?: number;
  readonly stepPacketsIn?: number;
  readonly rejects?: number;
}

export interface StepLiteral {
  readonly start: number;
  readonly active?: readonly SessionLiteral[];
  readonly ended?: readonly SessionLiteral[];
  /** Default: the interfaces of `active`, a record a row. */
  readonly interfaces?: readonly InterfaceLiteral[];
}

/** What one interface's records of a step say. Left out: one record with data and every field of version 2. */
export interface InterfaceLiteral {
  readonly interface: string;
  readonly account?: string;
  readonly records?: number;
  readonly noData?: number;
  readonly skipData?: number;
  readonly present?: number;
}

const ACCOUNT = '123456789012';
const INTERFACE = 'eni-0a1b2c3d4e5f60718';

/** State of a session that a server accepted in the step. */
export const SERVER: readonly (keyof typeof STATE)[] = ['accepted', 'established', 'establishedNow', 'first'];
const INTERNAL_V4 = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/;

/** Scope by address alone: RFC 1918 and ULA internal, link-local and multicast as such, the rest public. */
export function scopeOf(address: string): Scope {
  if (INTERNAL_V4.test(address) || /^f[cd]/i.test(address)) return SCOPE.internal;
  if (address.startsWith('169.254.') || /^fe[89ab]/i.test(address)) return SCOPE.linkLocal;
  if (/^(22[4-9]|23\d)\./.test(address) || /^ff/i.test(address)) return SCOPE.multicast;
  return SCOPE.public;
}

/** A closed 60 s step from literals. `names` gives the codes of interfaces, accounts and services. */
export function stepOf(literal: StepLiteral, names = new Dictionary()): Step {
  const { start } = literal;
  return {
    start,
    end: start + 60,
    active: sessionsOf(literal.active ?? [], start, false, names),
    ended: sessionsOf(literal.ended ?? [], start, true, names),
    interfaces: interfacesOf(literal.interfaces ?? speaking(literal.active ?? []), names),
  };
}

function speaking(rows: readonly SessionLiteral[]): InterfaceLiteral[] {
  const records = Map.groupBy(rows, (row) => row.interface ?? INTERFACE);
  return [...records].map(([name, of]) => ({
    interface: name,
    account: of[0]?.account ?? ACCOUNT,
    records: of.length,
  }));
}

function interfacesOf(rows: readonly InterfaceLiteral[], names: Dictionary): InterfaceBatch {
  const batch = createInterfaceBatch(rows.length);
  batch.length = rows.length;
  for (const [i, row] of rows.entries()) {
    const { noData = 0, skipData = 0, records = 1 + noData + skipData } = row;
    batch.interfaceId[i] = names.code(row.interface);
    batch.accountId[i] = names.code(row.account ?? ACCOUNT);
    batch.records[i] = records;
    batch.noData[i] = noData;
    batch.skipData[i] = skipData;
    batch.present[i] = row.present ?? (records > noData + skipData ? PRESENT_V2 : 0);
  }
  return batch;
}

function sessionsOf(
  rows: readonly SessionLiteral[],
  start: number,
  ended: boolean,
  names: Dictionary,
): SessionBatch {
  const batch = createSessionBatch(Math.max(8, rows.length));
  batch.length = rows.length;
  for (const [i, row] of rows.entries()) fill(batch, i, row, start, ended, names);
  return batch;
}

function fill(
  batch: SessionBatch,
  i: number,
  row: SessionLiteral,
  start: number,
  ended: boolean,
  names: Dictionary,
): void {
  batch.srcAddr.set(wordsOf(row.src), i * 4);
  batch.dstAddr.set(wordsOf(row.dst), i * 4);
  batch.srcPort[i] = row.sport ?? 40_000;
  batch.dstPort[i] = row.port ?? 443;
  batch.protocol[i] = row.protocol ?? 6;
  batch.srcScope[i] = row.srcScope === undefined ? scopeOf(row.src) : SCOPE[row.srcScope];
  batch.dstScope[i] = row.dstScope === undefined ? scopeOf(row.dst) : SCOPE[row.dstScope];
  let state = 0;
  for (const name of row.state ?? (ended ? ['accepted', 'established', 'ended'] : SERVER))
    state |= STATE[name as keyof typeof STATE];
  batch.state[i] = state;
  const rejected = (state & STATE.rejected) !== 0 && (state & STATE.accepted) === 0;
  batch.flagsOut[i] = row.flagsOut ?? 0;
  batch.flagsIn[i] = row.flagsIn ?? 0;
  batch.encryption[i] = row.encryption ?? 0;
  batch.start[i] = row.start ?? start;
  batch.end[i] = row.end ?? start + 59;
  batch.interfaceId[i] = names.code(row.interface ?? INTERFACE);
  batch.accountId[i] = names.code(row.account ?? ACCOUNT);
  batch.srcService[i] = names.code(row.srcService ?? '');
  batch.dstService[i] = names.code(row.dstService ?? '');
  batch.bytesOut[i] = row.bytesOut ?? (rejected ? 0 : 1000);
  batch.bytesIn[i] = row.bytesIn ?? (rejected ? 0 : 4000);
  batch.packetsOut[i] = row.packetsOut ?? (rejected ? 0 : 10);
  batch.packetsIn[i] = row.packetsIn ?? (rejected ? 0 : 10);
  batch.stepBytesOut[i] = row.stepBytesOut ?? (ended ? 0 : batch.bytesOut[i]!);
  batch.stepBytesIn[i] = row.stepBytesIn ?? (ended ? 0 : batch.bytesIn[i]!);
  batch.stepPacketsOut[i] = row.stepPacketsOut ?? (ended ? 0 : batch.packetsOut[i]!);
  batch.stepPacketsIn[i] = row.stepPacketsIn ?? (ended ? 0 : batch.packetsIn[i]!);
  batch.rejects[i] = row.rejects ?? ((state & STATE.rejected) !== 0 ? 1 : 0);
  batch.rejectedPackets[i] = batch.rejects[i]!;
}

/** The four words of an address. */
export function wordsOf(address: string): Uint32Array {
  const words = parseAddress(address);
  if (words === undefined) throw new Error(`cannot build row: not an address: ${address}`);
  return words;
}

/** The same step with its rows in the order that `rank` gives. */
export function shuffledStep(step: Step, rank: () => number): Step {
  const { active, ended, interfaces } = step;
  return {
    ...step,
    active: shuffled(active, rank),
    ended: shuffled(ended, rank),
    interfaces: shuffled(interfaces, rank),
  };
}

/** The same window with its rows in the order that `rank` gives. */
export function shuffledWindow(window: WindowBatch, rank: () => number): WindowBatch {
  return shuffled(window, rank);
}

function shuffled<Batch extends { length: number }>(batch: Batch, rank: () => number): Batch {
  const order = Array.from({ length: batch.length }, (_, row) => ({ row, rank: rank() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ row }) => row);
  const columns = Object.entries(batch).map(([name, column]: [string, unknown]) => {
    if (!ArrayBuffer.isView(column)) return [name, column];
    const source = column as Uint32Array;
    const width = ['srcAddr', 'dstAddr', 'subject', 'peer'].includes(name) ? 4 : 1;
    const copy = source.slice();
    for (const [to, from] of order.entries())
      copy.set(source.subarray(from * width, (from + 1) * width), to * width);
    return [name, copy];
  });
  return Object.fromEntries(columns) as Batch;
}

/** A context that knows nothing: roles are the /24 or the first four words of text, no indicators, a policy without zones. */
export function plainContext(overrides: Partial<DetectorContext> = {}): DetectorContext {
  return {
    names: new Dictionary(),
    roleOf: (words, offset) =>
      words[offset + 2] === 0xffff && words[offset] === 0
        ? `${words[offset + 3]! >>> 24}.${(words[offset + 3]! >>> 16) & 255}.${(words[offset + 3]! >>> 8) & 255}.0/24`
        : `${words[offset]!.toString(16)}:${words[offset + 1]!.toString(16)}::/64`,
    roleEpoch: 0,
    twinOf: () => undefined,
    indicators: { size: 0, categories: [], match: () => undefined },
    policy: {
      size: 0,
      judge: () => ({ verdict: 'unmatched', rule: 'default-deny', srcZone: '', dstZone: '' }),
      zoneOf: () => undefined,
    },
    ...overrides,
  };
}

/** A `twinOf` that knows these two addresses of one host. */
export function twins(one: string, other: string): DetectorContext['twinOf'] {
  const known = new Map([
    [one, other],
    [other, one],
  ]);
  return (words, offset) => {
    const twin = known.get(formatAddress(words, offset));
    return twin === undefined ? undefined : wordsOf(twin);
  };
}

/** A context with a feed: what lists an address, by its canonical text. */
export function listingContext(
  names: Dictionary,
  listed: Readonly<Record<string, Omit<Indicator, 'network'>>>,
): DetectorContext {
  const indicators = new Map(
    Object.entries(listed).map(([address, facts]) => {
      const network = `${address}/${address.includes(':') ? 128 : 32}`;
      return [address, { ...facts, network }] as const;
    }),
  );
  return plainContext({
    names,
    indicators: {
      size: indicators.size,
      categories: [...new Set([...indicators.values()].map(({ category }) => category))],
      match: (words, offset) => indicators.get(formatAddress(words, offset)),
    },
  });
}
