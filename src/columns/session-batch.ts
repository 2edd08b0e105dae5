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
 * Sessions as columns, each oriented initiator → responder. Row i is element i of every column; rows from `length` on are garbage.
 * "Out" is initiator → responder, "in" the other way. `step*` columns count what one closed 60 s step added; the others the session so far.
 * Only accepted traffic counts as bytes and packets; rejected records are counted apart. Volumes come from one interface's view, so
 * that intra-VPC traffic, which AWS logs at both ends, counts once.
 */
export interface SessionBatch {
  length: number;
  readonly capacity: number;
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

export function createSessionBatch(capacity: number): SessionBatch {
  const f64 = (): Float64Array => new Float64Array(capacity);
  const u32 = (): Uint32Array => new Uint32Array(capacity);
  const u8 = (): Uint8Array => new Uint8Array(capacity);
  return {
    length: 0,
    capacity,
    srcAddr: new Uint32Array(capacity * 4),
    dstAddr: new Uint32Array(capacity * 4),
    srcPort: new Uint16Array(capacity),
    dstPort: new Uint16Array(capacity),
    protocol: u8(),
    srcScope: u8(),
    dstScope: u8(),
    state: u8(),
    flagsOut: u8(),
    flagsIn: u8(),
    start: u32(),
    end: u32(),
    interfaceId: u32(),
    accountId: u32(),
    srcService: u32(),
    dstService: u32(),
    bytesOut: f64(),
    bytesIn: f64(),
    packetsOut: f64(),
    packetsIn: f64(),
    stepBytesOut: f64(),
    stepBytesIn: f64(),
    stepPacketsOut: f64(),
    stepPacketsIn: f64(),
    rejects: u32(),
    rejectedPackets: f64(),
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
