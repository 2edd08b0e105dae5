import nb from '@duckdb/node-bindings';
import { type FlowBatch, type Layout, PRESENT } from '../../columns/flow-batch.ts';
import { readUuids, storedUuids } from '../uuid.ts';

/** Fields of later versions that connections are rebuilt with, when a log has them. */
const LATER_FIELDS = ['pkt-src-aws-service', 'pkt-dst-aws-service', 'encryption-status'] as const;
/** The one of them that is stored as a number. A row of it costs a call, as the database has no dictionary of numbers. */
const NUMBER = 'encryption-status';

interface ReadColumn {
  readonly sql: string;
  /** Of the values as the database gives them; undefined for an address, a UUID. */
  readonly Kind: NumberKind | undefined;
  readonly to: (batch: FlowBatch) => FlowBatch['packets' | 'start' | 'srcPort' | 'protocol'];
  /** Bit of {@link PRESENT}. */
  readonly bit: number;
}
type NumberKind =
  | Float64ArrayConstructor
  | Uint32ArrayConstructor
  | Uint16ArrayConstructor
  | Uint8ArrayConstructor;

const TIME = (name: string): string => `(epoch_us("${name}") // 1000000)::UINTEGER`;
/** `code_of`: the dictionary's code of a text; the database calls it once for each text of a file's part. */
const CODE = (name: string): string => `code_of(${name})`;

/** What the rollup reads of a record, and nothing else. */
const COLUMNS: readonly ReadColumn[] = [
  { sql: 'srcaddr', Kind: undefined, to: (b) => b.srcAddr, bit: PRESENT.srcAddr },
  { sql: 'dstaddr', Kind: undefined, to: (b) => b.dstAddr, bit: PRESENT.dstAddr },
  { sql: 'srcport', Kind: Uint16Array, to: (b) => b.srcPort, bit: PRESENT.srcPort },
  { sql: 'dstport', Kind: Uint16Array, to: (b) => b.dstPort, bit: PRESENT.dstPort },
  { sql: 'protocol', Kind: Uint8Array, to: (b) => b.protocol, bit: PRESENT.protocol },
  { sql: 'packets::DOUBLE', Kind: Float64Array, to: (b) => b.packets, bit: PRESENT.packets },
  { sql: 'bytes::DOUBLE', Kind: Float64Array, to: (b) => b.bytes, bit: PRESENT.bytes },
  { sql: TIME('start'), Kind: Uint32Array, to: (b) => b.start, bit: PRESENT.start },
  { sql: TIME('end'), Kind: Uint32Array, to: (b) => b.end, bit: PRESENT.end },
  {
    sql: `(CASE action WHEN 'ACCEPT' THEN 1 WHEN 'REJECT' THEN 2 END)::UTINYINT`,
    Kind: Uint8Array,
    to: (b) => b.action,
    bit: PRESENT.action,
  },
  {
    sql: `(CASE log_status WHEN 'OK' THEN 1 WHEN 'NODATA' THEN 2 WHEN 'SKIPDATA' THEN 3 END)::UTINYINT`,
    Kind: Uint8Array,
    to: (b) => b.logStatus,
    bit: PRESENT.logStatus,
  },
  { sql: 'tcp_flags', Kind: Uint8Array, to: (b) => b.tcpFlags, bit: PRESENT.tcpFlags },
  { sql: CODE('account_id'), Kind: Uint32Array, to: (b) => b.accountId, bit: 0 },
  { sql: CODE('interface_id'), Kind: Uint32Array, to: (b) => b.interfaceId, bit: 0 },
];
const PACKET_COLUMNS: readonly ReadColumn[] = [
  { sql: 'pkt_srcaddr', Kind: undefined, to: (b) => b.pktSrcAddr, bit: PRESENT.pktSrcAddr },
  { sql: 'pkt_dstaddr', Kind: undefined, to: (b) => b.pktDstAddr, bit: PRESENT.pktDstAddr },
];

/** How rows of files with these columns become batches. */
export interface FlowReading {
  readonly layout: Layout;
  /** Expressions of the SELECT. */
  readonly select: string;
  /** Appends a chunk of the result to a batch that has room for it. */
  append(batch: FlowBatch, chunk: nb.DataChunk, rows: number): void;
}

/** `names`: columns that any of the files has. */
export function flowReading(names: ReadonlySet<string>): FlowReading {
  const packetAddresses = names.has('pkt_srcaddr') && names.has('pkt_dstaddr');
  const extra = LATER_FIELDS.filter((field) => names.has(field.replaceAll('-', '_')));
  const columns = [
    ...COLUMNS,
    ...(packetAddresses ? PACKET_COLUMNS : []),
    ...extra.map(
      (field, i): ReadColumn => ({
        sql: CODE(`${field.replaceAll('-', '_')}${field === NUMBER ? '::VARCHAR' : ''}`),
        Kind: Uint32Array,
        to: (b) => b.extra[i]!,
        bit: 0,
      }),
    ),
  ];
  const every = columns.reduce((bits, { bit }) => bits | bit, 0);
  return {
    layout: { extra, packetAddresses },
    select: columns.map(({ sql }, i) => `${sql} AS c${i}`).join(', '),
    append(batch, chunk, rows) {
      const from = batch.length;
      batch.present.fill(every, from, from + rows);
      for (const [index, { Kind, to, bit }] of columns.entries()) {
        const vector = nb.data_chunk_get_vector(chunk, index);
        const target = to(batch);
        const width = Kind === undefined ? 4 : 1;
        if (Kind === undefined)
          readUuids(storedUuids(vector, rows), 0, target as Uint32Array, from * 4, rows);
        else {
          const bytes = nb.vector_get_data(vector, rows * Kind.BYTES_PER_ELEMENT);
          target.set(new Kind(bytes.buffer as ArrayBuffer, bytes.byteOffset, rows), from);
        }
        clearNulls(vector, rows, batch.present, target, from, width, bit);
      }
      batch.length += rows;
    },
  };
}

/** What is null has no value, and its bit is clear. */
function clearNulls(
  vector: nb.Vector,
  rows: number,
  present: Uint32Array,
  target: FlowBatch['packets' | 'start' | 'srcPort' | 'protocol'],
  from: number,
  width: number,
  bit: number,
): void {
  // No mask: nothing is null.
  const mask = nb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) as Uint8Array | null;
  if (!mask) return;
  for (let row = 0; row < rows; row++) {
    if ((mask[row >> 3]! & (1 << (row & 7))) !== 0) continue;
    present[from + row] = present[from + row]! & ~bit;
    target.fill(0, (from + row) * width, (from + row + 1) * width);
  }
}
