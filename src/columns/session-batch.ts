import type { InterfaceBatch } from './interface-batch.ts';

/** Scope of one end of a session. */
export const SCOPE = { internal: 0, awsService: 1, public: 2, linkLocal: 3, multicast: 4 } as const;
export type Scope = (typeof SCOPE)[keyof typeof SCOPE];
export const SCOPE_NAMES = ['internal', 'aws-service', 'public', 'link-local', 'multicast'] as const;

/** Bits of {@link SessionBatch.state}. */
export const STATE = {
  /** Accepted, and a SYN with an ACK, bytes both ways, or at least four packets were seen. */
  established: 1,
  /** Became established in this step: set once in a session's life. */
  establishedNow: 2,
  /** This is the step in which the session was first seen. */
  first: 4,
  /** Some record of the session was rejected, in any step so far. */
  rejected: 8,
  /** The session is over: nothing was seen of it for longer than the gap. Set in {@link Step.ended} only. */
  ended: 16,
  /** A SYN without ACK was seen, so the initiator is a fact and not a guess. */
  synSeen: 32,
  /** Some record of the session was accepted, in any step so far. */
  accepted: 64,
  /** A rejected record was seen in this step. */
  rejectedNow: 128,
} as const;

/**
 * Bits of {@link SessionBatch.encryption}, one for each value of `encryption-status` from 0 to 3: not encrypted, by the Nitro system, by the
 * application, by both (VPC User Guide, "Enforce VPC encryption in transit").
 */
export const ENCRYPTION = { none: 1, nitro: 2, application: 4, both: 8 } as const;

/**
 * Sessions as columns, each oriented initiator → responder. Row i is element i of every column; rows from `length` on are garbage.
 * "Out" is initiator → responder, "in" the other way. `step*` columns count what one closed 60 s step added; the others the session so far.
 * Only accepted traffic counts as bytes and packets; rejected records are counted apart. Volumes come from one interface's view, so
 * that intra-VPC traffic, which AWS logs at both ends, counts once.
 */
export interface SessionBatch {
  length: number;
  readonly capacity: number;
  /** All columns lie in it, in the order of {@link SESSION_AT}. */
  readonly buffer: ArrayBuffer;
  /** Four words a row. */
  readonly srcAddr: Uint32Array;
  readonly dstAddr: Uint32Array;
  readonly srcPort: Uint16Array;
  readonly dstPort: Uint16Array;
  readonly protocol: Uint8Array;
  readonly srcScope: Uint8Array;
  readonly dstScope: Uint8Array;
  /** Bits of {@link STATE}. */
  readonly state: Uint8Array;
  /** tcp-flags OR-ed over the session, by direction. */
  readonly flagsOut: Uint8Array;
  readonly flagsIn: Uint8Array;
  /** Bits of {@link ENCRYPTION} of all its records so far; 0: none of them says. */
  readonly encryption: Uint8Array;
  /** Unix seconds: earliest `start` and latest `end` of its records. */
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  /** Dictionary codes: the interface whose view is counted, its account, the AWS services of both ends when the log names them. */
  readonly interfaceId: Uint32Array;
  readonly accountId: Uint32Array;
  readonly srcService: Uint32Array;
  readonly dstService: Uint32Array;
  readonly bytesOut: Float64Array;
  readonly bytesIn: Float64Array;
  readonly packetsOut: Float64Array;
  readonly packetsIn: Float64Array;
  readonly stepBytesOut: Float64Array;
  readonly stepBytesIn: Float64Array;
  readonly stepPacketsOut: Float64Array;
  readonly stepPacketsIn: Float64Array;
  /** Rejected records and their packets so far (both directions). */
  readonly rejects: Uint32Array;
  readonly rejectedPackets: Float64Array;
}

/**
 * Where a column begins in the buffer: at this many times the capacity, counted in its own elements. So whoever writes many columns of a
 * row, as the rollup does for each session of each step, needs one view for each element type and not one for each column.
 */
export const SESSION_AT = {
  bytesOut: 0,
  bytesIn: 1,
  packetsOut: 2,
  packetsIn: 3,
  stepBytesOut: 4,
  stepBytesIn: 5,
  stepPacketsOut: 6,
  stepPacketsIn: 7,
  rejectedPackets: 8,
  srcAddr: 18,
  dstAddr: 22,
  start: 26,
  end: 27,
  interfaceId: 28,
  accountId: 29,
  srcService: 30,
  dstService: 31,
  rejects: 32,
  srcPort: 66,
  dstPort: 67,
  protocol: 136,
  srcScope: 137,
  dstScope: 138,
  state: 139,
  flagsOut: 140,
  flagsIn: 141,
  encryption: 142,
} as const;
const BYTES_PER_ROW = 143;

export function createSessionBatch(capacity: number): SessionBatch {
  const buffer = new ArrayBuffer(capacity * BYTES_PER_ROW);
  const f64 = (at: number): Float64Array => new Float64Array(buffer, at * capacity * 8, capacity);
  const u32 = (at: number, width = 1): Uint32Array =>
    new Uint32Array(buffer, at * capacity * 4, capacity * width);
  const u16 = (at: number): Uint16Array => new Uint16Array(buffer, at * capacity * 2, capacity);
  const u8 = (at: number): Uint8Array => new Uint8Array(buffer, at * capacity, capacity);
  return {
    length: 0,
    capacity,
    buffer,
    srcAddr: u32(SESSION_AT.srcAddr, 4),
    dstAddr: u32(SESSION_AT.dstAddr, 4),
    srcPort: u16(SESSION_AT.srcPort),
    dstPort: u16(SESSION_AT.dstPort),
    protocol: u8(SESSION_AT.protocol),
    srcScope: u8(SESSION_AT.srcScope),
    dstScope: u8(SESSION_AT.dstScope),
    state: u8(SESSION_AT.state),
    flagsOut: u8(SESSION_AT.flagsOut),
    flagsIn: u8(SESSION_AT.flagsIn),
    encryption: u8(SESSION_AT.encryption),
    start: u32(SESSION_AT.start),
    end: u32(SESSION_AT.end),
    interfaceId: u32(SESSION_AT.interfaceId),
    accountId: u32(SESSION_AT.accountId),
    srcService: u32(SESSION_AT.srcService),
    dstService: u32(SESSION_AT.dstService),
    bytesOut: f64(SESSION_AT.bytesOut),
    bytesIn: f64(SESSION_AT.bytesIn),
    packetsOut: f64(SESSION_AT.packetsOut),
    packetsIn: f64(SESSION_AT.packetsIn),
    stepBytesOut: f64(SESSION_AT.stepBytesOut),
    stepBytesIn: f64(SESSION_AT.stepBytesIn),
    stepPacketsOut: f64(SESSION_AT.stepPacketsOut),
    stepPacketsIn: f64(SESSION_AT.stepPacketsIn),
    rejects: u32(SESSION_AT.rejects),
    rejectedPackets: f64(SESSION_AT.rejectedPackets),
  };
}

/**
 * What one 60 s step of event time closed. Valid during the call that hands it over. The order of rows is unspecified (it follows the
 * order in which records arrived), so whoever reads it must come to the same result for any order.
 */
export interface Step {
  /** Unix seconds, [start, end). */
  readonly start: number;
  readonly end: number;
  /** Every session that had traffic in the step, with what the step added. A session has at most one row. */
  readonly active: SessionBatch;
  /** Sessions that ended: silent for longer than the gap. Their `step*` columns are 0. */
  readonly ended: SessionBatch;
  /** Every interface that has records in the step. */
  readonly interfaces: InterfaceBatch;
}

export const WINDOW_KEYS = ['subject', 'pair'] as const;
export type WindowKey = (typeof WINDOW_KEYS)[number];

/**
 * One closed window of `size` seconds as columns, a row a key. Key `subject`: an internal address; key `pair`: an internal address and
 * the address it talked to (both rows exist for a session between two internal addresses). "Out" is what the subject sent.
 * The order of rows is unspecified.
 */
export interface WindowBatch {
  readonly start: number;
  readonly size: number;
  readonly key: WindowKey;
  length: number;
  /** Four words a row. `peer` is zeros for key `subject`. */
  readonly subject: Uint32Array;
  readonly peer: Uint32Array;
  readonly peerScope: Uint8Array;
  readonly bytesOut: Float64Array;
  readonly bytesIn: Float64Array;
  readonly packetsOut: Float64Array;
  readonly packetsIn: Float64Array;
  /** Sessions first seen in the window, by who initiated them. */
  readonly sessionsOut: Uint32Array;
  readonly sessionsIn: Uint32Array;
  /** Sessions with a rejected record in the window. */
  readonly rejects: Uint32Array;
  /** Distinct peers and server ports of the sessions the subject initiated, estimated (1–16 exact, then ± 7 %); 0 for key `pair`. */
  readonly distinctPeers: Float64Array;
  readonly distinctPorts: Float64Array;
}
