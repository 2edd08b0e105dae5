/**
 * One row = one connection (both directions) as one interface saw it in one 60 s step. Rows are interleaved, two cache lines each: an
 * upsert at a million records a second is bound by cache misses, and columns would cost one miss a column. Rows of one connection are
 * chained, so that its session is looked for once a step.
 */
export const FLOW_WORDS = 32;
export const FLOW_DOUBLES = FLOW_WORDS / 2;

/** Word offsets in a row. "lo" is the smaller endpoint (address, then port), "hi" the other. */
export const FLOW = {
  lo: 0,
  hi: 4,
  /** lo port << 16 | hi port */
  ports: 8,
  protocol: 9,
  interfaceId: 10,
  accountId: 11,
  start: 12,
  end: 13,
  /** tcp-flags of lo → hi | of hi → lo << 8 | {@link SIDE} bits << 16 | ENCRYPTION bits << {@link ENCRYPTION_SHIFT} */
  flags: 14,
  rejects: 15,
  serviceLo: 26,
  serviceHi: 27,
  /** Earliest start of each direction; {@link NEVER} when it was not seen. */
  startLo: 28,
  startHi: 29,
  /** Row + 1 of the same connection as another interface saw it; 0 = none. */
  next: 30,
  /** Of the connection, without its interface: see {@link hashConnection}. */
  hash: 31,
} as const;
export const ENCRYPTION_SHIFT = 24;
/** Double offsets in a row: accepted bytes and packets by direction, rejected packets of both. */
export const FLOW_F64 = {
  bytesLo: 8,
  bytesHi: 9,
  packetsLo: 10,
  packetsHi: 11,
  rejectedPackets: 12,
} as const;
/** Which directions were seen, whether any record was accepted, and whether another row of the connection leads to this one. */
export const SIDE = { lo: 1, hi: 2, accepted: 4, chained: 8 } as const;
export const NEVER = 0xffffffff;

/** Whether the source endpoint is the lower one, by address, then by port. */
export function isLower(
  srcWords: Uint32Array,
  dstWords: Uint32Array,
  at: number,
  srcPort: number,
  dstPort: number,
): boolean {
  for (let word = 0; word < 4; word++) {
    const a = srcWords[at + word]!;
    const b = dstWords[at + word]!;
    if (a !== b) return a < b;
  }
  return srcPort <= dstPort;
}

/**
 * Spreads a connection over 32 bits, signed: multiply-xor with the odd constants of MurmurHash3 and xxHash32.
 */
export function hashConnection(
  loWords: Uint32Array,
  lo: number,
  hiWords: Uint32Array,
  hi: number,
  ports: number,
  protocol: number,
): number {
  let h = Math.imul(loWords[lo + 3]!, 0x9e3779b1) ^ Math.imul(hiWords[hi + 3]!, 0x85ebca77);
  h ^= Math.imul(ports, 0xc2b2ae3d) ^ Math.imul(protocol << 20, 0x27d4eb2f);
  h ^= Math.imul(
    loWords[lo]! ^ Math.imul(loWords[lo + 1]!, 31) ^ Math.imul(loWords[lo + 2]!, 17),
    0x165667b1,
  );
  h ^= Math.imul(
    hiWords[hi]! ^ Math.imul(hiWords[hi + 1]!, 37) ^ Math.imul(hiWords[hi + 2]!, 13),
    0xcc9e2d51,
  );
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
