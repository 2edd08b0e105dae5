/** Bits of {@link FlowBatch.present}: a field that was `-`, null or not part of the format has its bit clear. */
export const PRESENT = {
  srcAddr: 1 << 0,
  dstAddr: 1 << 1,
  srcPort: 1 << 2,
  dstPort: 1 << 3,
  protocol: 1 << 4,
  packets: 1 << 5,
  bytes: 1 << 6,
  start: 1 << 7,
  end: 1 << 8,
  action: 1 << 9,
  logStatus: 1 << 10,
  tcpFlags: 1 << 11,
  pktSrcAddr: 1 << 12,
  pktDstAddr: 1 << 13,
} as const;

/** Every bit a default (v2) record sets. */
export const PRESENT_V2 =
  PRESENT.srcAddr |
  PRESENT.dstAddr |
  PRESENT.srcPort |
  PRESENT.dstPort |
  PRESENT.protocol |
  PRESENT.packets |
  PRESENT.bytes |
  PRESENT.start |
  PRESENT.end |
  PRESENT.action |
  PRESENT.logStatus;

/** `action` column: AWS's ACCEPT and REJECT; 0 when the record has none (NODATA, SKIPDATA, Transit Gateway). */
export const ACTION = { none: 0, accept: 1, reject: 2 } as const;
/** `log-status` column; `ok` is assumed when the format leaves the field out. */
export const LOG_STATUS = { none: 0, ok: 1, nodata: 2, skipdata: 3 } as const;

/**
 * What a batch has beyond the core columns: names of the fields (AWS's, with hyphens; unknown header names as they came)
 * whose values are carried as dictionary codes, in the order of {@link FlowBatch.extra}.
 */
export interface Layout {
  readonly extra: readonly string[];
  /** Whether the pkt-srcaddr and pkt-dstaddr columns exist. */
  readonly packetAddresses: boolean;
}

export const DEFAULT_LAYOUT: Layout = { extra: [], packetAddresses: false };

/**
 * A set of flow records as columns; row i is element i of every column, rows from `length` on are garbage.
 * All columns are views of one buffer, so a batch moves between threads as one transfer.
 */
export interface FlowBatch {
  length: number;
  readonly capacity: number;
  readonly layout: Layout;
  readonly buffer: ArrayBuffer;
  /** Exact counts in bytes and packets, to 2^53. */
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  /** Unix seconds. */
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  /** 128 bits as four words each, most significant first; IPv4 is mapped (`::ffff:a.b.c.d`). */
  readonly srcAddr: Uint32Array;
  readonly dstAddr: Uint32Array;
  /** Empty arrays unless the layout has packet addresses. */
  readonly pktSrcAddr: Uint32Array;
  readonly pktDstAddr: Uint32Array;
  /** Bits of {@link PRESENT}. */
  readonly present: Uint32Array;
  /** Dictionary codes, 0 = none. */
  readonly accountId: Uint32Array;
  readonly interfaceId: Uint32Array;
  /** Dictionary codes of the layout's extra fields, one array a field. */
  readonly extra: readonly Uint32Array[];
  readonly srcPort: Uint16Array;
  readonly dstPort: Uint16Array;
  readonly protocol: Uint8Array;
  readonly action: Uint8Array;
  readonly logStatus: Uint8Array;
  /** FIN 1, SYN 2, RST 4, ACK 16, OR-ed by AWS over the capture window. */
  readonly tcpFlags: Uint8Array;
}

/** What a row takes in all columns together. */
export function bytesPerRow(layout: Layout): number {
  return 16 + 8 + 32 + (layout.packetAddresses ? 32 : 0) + 12 + 4 * layout.extra.length + 8;
}

/**
 * A batch of `capacity` rows (a multiple of 8). `buffer` re-uses the memory of a batch of the same shape, for instance one that
 * came back from another thread; its rows are kept.
 */
export function createFlowBatch(capacity: number, layout: Layout, buffer?: ArrayBuffer): FlowBatch {
  if (capacity % 8 !== 0) throw new RangeError(`a batch's capacity must be a multiple of 8: ${capacity}`);
  const memory = buffer ?? new ArrayBuffer(capacity * bytesPerRow(layout));
  let at = 0;
  const take = (bytes: number): number => {
    const offset = at;
    at += bytes * capacity;
    return offset;
  };
  const packetRows = layout.packetAddresses ? capacity * 4 : 0;
  return {
    length: 0,
    capacity,
    layout,
    buffer: memory,
    packets: new Float64Array(memory, take(8), capacity),
    bytes: new Float64Array(memory, take(8), capacity),
    start: new Uint32Array(memory, take(4), capacity),
    end: new Uint32Array(memory, take(4), capacity),
    srcAddr: new Uint32Array(memory, take(16), capacity * 4),
    dstAddr: new Uint32Array(memory, take(16), capacity * 4),
    pktSrcAddr: new Uint32Array(memory, layout.packetAddresses ? take(16) : 0, packetRows),
    pktDstAddr: new Uint32Array(memory, layout.packetAddresses ? take(16) : 0, packetRows),
    present: new Uint32Array(memory, take(4), capacity),
    accountId: new Uint32Array(memory, take(4), capacity),
    interfaceId: new Uint32Array(memory, take(4), capacity),
    extra: layout.extra.map(() => new Uint32Array(memory, take(4), capacity)),
    srcPort: new Uint16Array(memory, take(2), capacity),
    dstPort: new Uint16Array(memory, take(2), capacity),
    protocol: new Uint8Array(memory, take(1), capacity),
    action: new Uint8Array(memory, take(1), capacity),
    logStatus: new Uint8Array(memory, take(1), capacity),
    tcpFlags: new Uint8Array(memory, take(1), capacity),
  };
}
