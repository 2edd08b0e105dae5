import { existsSync } from 'node:fs';
import { formatAddress } from '../../src/columns/address.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import {
  ACTION,
  createFlowBatch,
  type FlowBatch,
  LOG_STATUS,
  PRESENT,
} from '../../src/columns/flow-batch.ts';
import type { NameAnswer, Reject } from '../../src/contracts.ts';
import { type DecodedPart, type DecodeOptions, decodeChunks } from '../../src/parse/decode.ts';

/** A row by AWS's names; absent fields are left out. */
export type Row = Record<string, string | number>;

export interface Decoded {
  readonly rows: Row[];
  readonly rejects: Reject[];
  /** Rows and rejects of each part. */
  readonly parts: number[];
  readonly received: number;
  readonly skipped: number;
  readonly warnings: string[];
  readonly answers: NameAnswer[];
  readonly filtered: number;
}

export interface DecodeTestOptions {
  readonly format?: string;
  readonly skip?: number;
  readonly batchRows?: number;
  /** Lengths of the chunks, repeated; the whole at once when left out. */
  readonly chunks?: readonly number[];
}

function optionsOf(options: DecodeTestOptions, warnings: string[]): DecodeOptions {
  return {
    source: 'test',
    format: options.format,
    names: new Dictionary(),
    batchRows: options.batchRows ?? 2048,
    newBatch: (capacity, layout) => {
      const batch = createFlowBatch(capacity, layout);
      // What a recycled batch may hold: whatever a reader doesn't write shows.
      new Uint8Array(batch.buffer).fill(0xab);
      return batch;
    },
    skip: options.skip ?? 0,
    warn: (message) => warnings.push(message),
  };
}

export async function decodeText(
  input: string | Uint8Array,
  options: DecodeTestOptions = {},
): Promise<Decoded> {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  return collect((decode) => decodeChunks(pieces(bytes, options.chunks), decode), options);
}

export async function collect(
  decode: (options: DecodeOptions) => AsyncIterable<DecodedPart>,
  options: DecodeTestOptions = {},
): Promise<Decoded> {
  const warnings: string[] = [];
  const decodeOptions = optionsOf(options, warnings);
  const rows: Row[] = [];
  const rejects: Reject[] = [];
  const parts: number[] = [];
  const answers: NameAnswer[] = [];
  let filtered = 0;
  let received = 0;
  let skipped = 0;
  for await (const part of decode(decodeOptions)) {
    const count = part.batch?.length ?? 0;
    if (part.received !== count + part.rejects.length + part.filtered)
      throw new Error('received is not rows, rejects and what is filtered');
    answers.push(...part.answers);
    filtered += part.filtered;
    if (part.batch !== undefined)
      for (let row = 0; row < count; row++) rows.push(rowOf(part.batch, row, decodeOptions.names));
    rejects.push(...part.rejects);
    parts.push(part.received);
    received += part.received;
    skipped += part.skipped;
  }
  return { rows, rejects, parts, received, skipped, warnings, answers, filtered };
}

async function* pieces(bytes: Uint8Array, lengths: readonly number[] = []): AsyncGenerator<Uint8Array> {
  if (lengths.length === 0) {
    yield bytes;
    return;
  }
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = Math.max(1, lengths[turn % lengths.length]!);
    // A copy that is spoilt afterwards: readers may not keep views of a chunk.
    const piece = Uint8Array.from(bytes.subarray(at, at + length));
    yield piece;
    piece.fill(0x78);
    at += length;
  }
}

function rowOf(batch: FlowBatch, i: number, names: Dictionary): Row {
  const row: Row = Object.create(null) as Row;
  const bits = batch.present[i]!;
  const number = (name: string, bit: number, column: ArrayLike<number>): void => {
    if ((bits & bit) !== 0) row[name] = column[i]!;
    else if (column[i] !== 0) throw new Error(`${name} is absent but not 0`);
  };
  const address = (name: string, bit: number, column: Uint32Array): void => {
    if ((bits & bit) !== 0) row[name] = formatAddress(column, i * 4);
  };
  if (batch.accountId[i] !== 0) row['account-id'] = names.text(batch.accountId[i]!);
  if (batch.interfaceId[i] !== 0) row['interface-id'] = names.text(batch.interfaceId[i]!);
  address('srcaddr', PRESENT.srcAddr, batch.srcAddr);
  address('dstaddr', PRESENT.dstAddr, batch.dstAddr);
  number('srcport', PRESENT.srcPort, batch.srcPort);
  number('dstport', PRESENT.dstPort, batch.dstPort);
  number('protocol', PRESENT.protocol, batch.protocol);
  number('packets', PRESENT.packets, batch.packets);
  number('bytes', PRESENT.bytes, batch.bytes);
  row.start = batch.start[i]!;
  row.end = batch.end[i]!;
  if ((bits & PRESENT.action) !== 0) row.action = batch.action[i] === ACTION.accept ? 'ACCEPT' : 'REJECT';
  if ((bits & PRESENT.logStatus) !== 0)
    row['log-status'] = ['-', 'OK', 'NODATA', 'SKIPDATA'][batch.logStatus[i]!]!;
  else if (batch.logStatus[i] !== LOG_STATUS.ok) throw new Error('without log-status a row is ok');
  number('tcp-flags', PRESENT.tcpFlags, batch.tcpFlags);
  if (batch.layout.packetAddresses) {
    address('pkt-srcaddr', PRESENT.pktSrcAddr, batch.pktSrcAddr);
    address('pkt-dstaddr', PRESENT.pktDstAddr, batch.pktDstAddr);
  }
  for (const [index, name] of batch.layout.extra.entries()) {
    const code = batch.extra[index]![i]!;
    if (code !== 0) row[name] = names.text(code);
  }
  return row;
}

/** Where the shared data is. */
export const DATA = new URL('../../../shared/data/', import.meta.url).pathname;

/** Whether tests that need the shared data can run; without it they are skipped, or fail where it is required. */
export const HAS_DATA = existsSync(DATA) || process.env.FLOWSENTRY_REQUIRE_DATA === '1';
export const WITHOUT_DATA = HAS_DATA ? '' : ' (skipped: ../shared/data is absent)';

export const V2 =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status';
export const LINE =
  '2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.5 203.0.113.7 49152 443 6 10 840 1700000000 1700000059 ACCEPT OK';
export const ROW: Row = {
  'account-id': '123456789012',
  'interface-id': 'eni-0a1b2c3d4e5f60718',
  srcaddr: '10.0.0.5',
  dstaddr: '203.0.113.7',
  srcport: 49152,
  dstport: 443,
  protocol: 6,
  packets: 10,
  bytes: 840,
  start: 1700000000,
  end: 1700000059,
  action: 'ACCEPT',
  'log-status': 'OK',
};
