import { type FlowBatch, type Layout, PRESENT } from '../../columns/flow-batch.ts';

/**
 * How a column's values come, and what they become: `address` four words, a UUID; `count` a number to 2^53, a BIGINT; `time` Unix seconds, a
 * TIMESTAMP; `code` a dictionary code, its text; `int` and `bigint` one too, the number that its text is, or null; `label` an index into
 * fixed texts.
 */
export type ColumnSource =
  | 'address'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'count'
  | 'time'
  | 'code'
  | 'int'
  | 'bigint'
  | 'label';

export interface ColumnSpec {
  /** Column of the Parquet file. */
  readonly name: string;
  /** Property of the rows it is read from; `extra:3` is the fourth extra column of a flow batch. */
  readonly from: string;
  readonly source: ColumnSource;
  /** For `label`: texts by value; an empty one is null. */
  readonly labels?: readonly string[];
  /** Bit of `present` that says whether the row has a value; without one it always has. */
  readonly present?: number;
}

export const TABLES = ['flows', 'sessions', 'windows', 'rejects'] as const;
export type TableName = (typeof TABLES)[number];
/** Stored type of a field that is carried as a dictionary code. */
export type FieldType = 'text' | 'int' | 'bigint';

const ACTIONS = ['', 'ACCEPT', 'REJECT'];
const STATUSES = ['', 'OK', 'NODATA', 'SKIPDATA'];
const SCOPES = ['internal', 'aws-service', 'public', 'link-local', 'multicast'];

function column(
  name: string,
  from: string,
  source: ColumnSource,
  present?: number,
  labels?: readonly string[],
): ColumnSpec {
  return {
    name,
    from,
    source,
    ...(present === undefined ? {} : { present }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Columns of `flows` for batches of this layout: AWS's names with underscores. */
export function flowColumns(layout: Layout, types: ReadonlyMap<string, FieldType>): ColumnSpec[] {
  const packet = layout.packetAddresses
    ? [
        column('pkt_srcaddr', 'pktSrcAddr', 'address', PRESENT.pktSrcAddr),
        column('pkt_dstaddr', 'pktDstAddr', 'address', PRESENT.pktDstAddr),
      ]
    : [];
  return [
    column('account_id', 'accountId', 'code'),
    column('interface_id', 'interfaceId', 'code'),
    column('srcaddr', 'srcAddr', 'address', PRESENT.srcAddr),
    column('dstaddr', 'dstAddr', 'address', PRESENT.dstAddr),
    column('srcport', 'srcPort', 'u16', PRESENT.srcPort),
    column('dstport', 'dstPort', 'u16', PRESENT.dstPort),
    column('protocol', 'protocol', 'u8', PRESENT.protocol),
    column('packets', 'packets', 'count', PRESENT.packets),
    column('bytes', 'bytes', 'count', PRESENT.bytes),
    column('start', 'start', 'time', PRESENT.start),
    column('end', 'end', 'time', PRESENT.end),
    column('action', 'action', 'label', undefined, ACTIONS),
    column('log_status', 'logStatus', 'label', undefined, STATUSES),
    column('tcp_flags', 'tcpFlags', 'u8', PRESENT.tcpFlags),
    ...packet,
    ...layout.extra.map((field, i) => extraColumn(field, i, types.get(field) ?? 'text')),
  ];
}

function extraColumn(field: string, index: number, type: FieldType): ColumnSpec {
  const name = columnName(field);
  const from = `extra:${index}`;
  return column(name, from, type === 'text' ? 'code' : type);
}

/** A field's column: hyphens become underscores; a header may bring any name. */
export function columnName(field: string): string {
  return field.replaceAll('-', '_');
}

/** An identifier as SQL takes it, whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export const SESSION_COLUMNS: readonly ColumnSpec[] = [
  column('srcaddr', 'srcAddr', 'address'),
  column('dstaddr', 'dstAddr', 'address'),
  column('srcport', 'srcPort', 'u16'),
  column('dstport', 'dstPort', 'u16'),
  column('protocol', 'protocol', 'u8'),
  column('src_scope', 'srcScope', 'label', undefined, SCOPES),
  column('dst_scope', 'dstScope', 'label', undefined, SCOPES),
  column('state', 'state', 'u8'),
  column('flags_out', 'flagsOut', 'u8'),
  column('flags_in', 'flagsIn', 'u8'),
  column('start', 'start', 'time'),
  column('end', 'end', 'time'),
  column('interface_id', 'interfaceId', 'code'),
  column('account_id', 'accountId', 'code'),
  column('src_service', 'srcService', 'code'),
  column('dst_service', 'dstService', 'code'),
  column('bytes_out', 'bytesOut', 'count'),
  column('bytes_in', 'bytesIn', 'count'),
  column('packets_out', 'packetsOut', 'count'),
  column('packets_in', 'packetsIn', 'count'),
  column('rejects', 'rejects', 'u32'),
];

export const WINDOW_COLUMNS: readonly ColumnSpec[] = [
  column('subject', 'subject', 'address'),
  column('start', 'start', 'time'),
  column('end', 'end', 'time'),
  column('bytes_out', 'bytesOut', 'count'),
  column('bytes_in', 'bytesIn', 'count'),
  column('packets_out', 'packetsOut', 'count'),
  column('packets_in', 'packetsIn', 'count'),
  column('sessions_out', 'sessionsOut', 'u32'),
  column('sessions_in', 'sessionsIn', 'u32'),
  column('rejects', 'rejects', 'u32'),
  column('distinct_peers', 'distinctPeers', 'count'),
  column('distinct_ports', 'distinctPorts', 'count'),
];

/** Rejects have no event time that could be trusted: they stand under the time of the newest record before them. */
export const REJECT_COLUMNS: readonly ColumnSpec[] = [
  column('source', 'source', 'code'),
  column('position', 'position', 'count'),
  column('reason', 'reason', 'code'),
  column('raw', 'raw', 'code'),
  column('seen', 'end', 'time'),
];

/** Name of the rows' column with bits of {@link PRESENT}. */
export const PRESENT_COLUMN = 'present';

/** A column's values: one typed array, `width` elements a row. */
export type RowColumn = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Rows on their way to the history: columns by property name. */
export interface RowSet {
  readonly length: number;
  readonly columns: ReadonlyMap<string, RowColumn>;
  /** Texts by code, when its codes are its own and not the dictionary's. */
  readonly texts?: readonly string[];
  /** The memory behind all columns, given back once the rows are written. */
  readonly buffer?: ArrayBuffer;
}

/** The columns of a flow batch by the names that {@link flowColumns} reads. */
export function flowRows(batch: FlowBatch): RowSet {
  const columns = new Map<string, RowColumn>();
  for (const [name, value] of Object.entries(batch))
    if (ArrayBuffer.isView(value)) columns.set(name, value as RowColumn);
  batch.extra.forEach((codes, i) => {
    columns.set(`extra:${i}`, codes);
  });
  return { length: batch.length, columns, buffer: batch.buffer };
}

/** Elements a row of a column has. */
export function widthOf(spec: ColumnSpec): number {
  return spec.source === 'address' ? 4 : 1;
}
