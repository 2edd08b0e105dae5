import type { Dictionary } from '../columns/dictionary.ts';
import { createSessionBatch, SESSION_AT, type SessionBatch, STATE } from '../columns/session-batch.ts';
import { scopeWithService } from './aws-scope.ts';
import { ENCRYPTION_SHIFT, FLOW, FLOW_F64 } from './flow-row.ts';
import { loInitiated } from './initiator.ts';

/** A session batch that grows as rows are written, and whether the last row written was initiated by its "lo" end. */
export class Orientation {
  batch: SessionBatch = createSessionBatch(256);
  lo = true;
  /** All of the batch's columns of an element type in one view: see {@link SESSION_AT}. */
  #f64 = new Float64Array(0);
  #u32 = new Uint32Array(0);
  #u16 = new Uint16Array(0);
  #u8 = new Uint8Array(0);
  readonly #names: Dictionary;

  /** `names`: of the codes in the rows. */
  constructor(names: Dictionary) {
    this.#names = names;
    this.#view();
  }

  clear(): void {
    // After a storm the memory goes back: a batch that is mostly air is made anew.
    if (this.batch.capacity > 65_536 && this.batch.length * 8 < this.batch.capacity) {
      this.batch = createSessionBatch(this.batch.capacity >>> 2);
      this.#view();
    }
    this.batch.length = 0;
  }

  /**
   * Writes one row from a flow or session row at word `base` (both keep the same things at the same places), turned so that the initiator
   * comes first. `state`: STATE bits; `scopes`: scope of lo | scope of hi << 8. `step*` columns are left 0. Returns the row.
   */
  write(
    words: Uint32Array,
    doubles: Float64Array,
    base: number,
    state: number,
    scopes: number,
    rejectedPackets: number,
  ): number {
    if (this.batch.length === this.batch.capacity) this.#grow();
    const row = this.batch.length++;
    const capacity = this.batch.capacity;
    const f64 = this.#f64;
    const u32 = this.#u32;
    const u16 = this.#u16;
    const u8 = this.#u8;
    const flagsLo = words[base + FLOW.flags]! & 255;
    const flagsHi = (words[base + FLOW.flags]! >>> 8) & 255;
    const loPort = words[base + FLOW.ports]! >>> 16;
    const hiPort = words[base + FLOW.ports]! & 0xffff;
    const startLo = words[base + FLOW.startLo]!;
    const startHi = words[base + FLOW.startHi]!;
    const accepted = (state & STATE.accepted) !== 0;
    const who = loInitiated(flagsLo, flagsHi, loPort, hiPort, startLo, startHi, accepted, scopes);
    const lo = who.lo;
    this.lo = lo;

    const half = base >>> 1;
    const out = half + (lo ? FLOW_F64.bytesLo : FLOW_F64.bytesHi);
    const back = half + (lo ? FLOW_F64.bytesHi : FLOW_F64.bytesLo);
    f64[SESSION_AT.bytesOut * capacity + row] = doubles[out]!;
    f64[SESSION_AT.bytesIn * capacity + row] = doubles[back]!;
    f64[SESSION_AT.packetsOut * capacity + row] = doubles[out + 2]!;
    f64[SESSION_AT.packetsIn * capacity + row] = doubles[back + 2]!;
    f64[SESSION_AT.stepBytesOut * capacity + row] = 0;
    f64[SESSION_AT.stepBytesIn * capacity + row] = 0;
    f64[SESSION_AT.stepPacketsOut * capacity + row] = 0;
    f64[SESSION_AT.stepPacketsIn * capacity + row] = 0;
    f64[SESSION_AT.rejectedPackets * capacity + row] = rejectedPackets;

    const src = lo ? base : base + 4;
    const dst = lo ? base + 4 : base;
    const srcAt = SESSION_AT.srcAddr * capacity + row * 4;
    const dstAt = SESSION_AT.dstAddr * capacity + row * 4;
    for (let word = 0; word < 4; word++) {
      u32[srcAt + word] = words[src + word]!;
      u32[dstAt + word] = words[dst + word]!;
    }
    const srcService = words[base + (lo ? FLOW.serviceLo : FLOW.serviceHi)]!;
    const dstService = words[base + (lo ? FLOW.serviceHi : FLOW.serviceLo)]!;
    u32[SESSION_AT.start * capacity + row] = words[base + FLOW.start]!;
    u32[SESSION_AT.end * capacity + row] = words[base + FLOW.end]!;
    u32[SESSION_AT.interfaceId * capacity + row] = words[base + FLOW.interfaceId]!;
    u32[SESSION_AT.accountId * capacity + row] = words[base + FLOW.accountId]!;
    u32[SESSION_AT.srcService * capacity + row] = srcService;
    u32[SESSION_AT.dstService * capacity + row] = dstService;
    u32[SESSION_AT.rejects * capacity + row] = words[base + FLOW.rejects]!;

    u16[SESSION_AT.srcPort * capacity + row] = lo ? loPort : hiPort;
    u16[SESSION_AT.dstPort * capacity + row] = lo ? hiPort : loPort;
    u8[SESSION_AT.protocol * capacity + row] = words[base + FLOW.protocol]! & 255;
    const srcScope = lo ? scopes & 255 : scopes >>> 8;
    const dstScope = lo ? scopes >>> 8 : scopes & 255;
    u8[SESSION_AT.srcScope * capacity + row] = scopeWithService(srcScope, srcService, this.#names);
    u8[SESSION_AT.dstScope * capacity + row] = scopeWithService(dstScope, dstService, this.#names);
    u8[SESSION_AT.state * capacity + row] = state | (who.fact ? STATE.synSeen : 0);
    u8[SESSION_AT.flagsOut * capacity + row] = lo ? flagsLo : flagsHi;
    u8[SESSION_AT.flagsIn * capacity + row] = lo ? flagsHi : flagsLo;
    u8[SESSION_AT.encryption * capacity + row] = words[base + FLOW.flags]! >>> ENCRYPTION_SHIFT;
    return row;
  }

  /** Fills the `step*` columns of `row`, the last one written, from the flow row at word `base`. */
  writeStep(row: number, doubles: Float64Array, base: number): void {
    const f64 = this.#f64;
    const capacity = this.batch.capacity;
    const half = base >>> 1;
    const out = half + (this.lo ? FLOW_F64.bytesLo : FLOW_F64.bytesHi);
    const back = half + (this.lo ? FLOW_F64.bytesHi : FLOW_F64.bytesLo);
    f64[SESSION_AT.stepBytesOut * capacity + row] = doubles[out]!;
    f64[SESSION_AT.stepBytesIn * capacity + row] = doubles[back]!;
    f64[SESSION_AT.stepPacketsOut * capacity + row] = doubles[out + 2]!;
    f64[SESSION_AT.stepPacketsIn * capacity + row] = doubles[back + 2]!;
  }

  #grow(): void {
    const old = this.batch;
    const grown = createSessionBatch(old.capacity * 2);
    for (const name of Object.keys(SESSION_AT) as (keyof typeof SESSION_AT)[])
      (grown[name] as Uint32Array).set(old[name] as Uint32Array);
    grown.length = old.length;
    this.batch = grown;
    this.#view();
  }

  #view(): void {
    const { buffer } = this.batch;
    this.#f64 = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
    this.#u32 = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
    this.#u16 = new Uint16Array(buffer);
    this.#u8 = new Uint8Array(buffer);
  }
}

const TCP = 6;
const SYN_ACK = 18;
/** A TCP packet without data is at most this long: 60 bytes of IP header and 60 of TCP's, in practice 40 to 80. */
const BARE_TCP_BYTES = 80;
/** One-way accepted traffic counts as a session from this many packets on. */
const ESTABLISHED_PACKETS = 4;

/**
 * Whether an accepted session is more than an attempt: packets both ways, or a SYN with ACK, or at least four packets one way. A TCP SYN
 * that is merely repeated (flags say so, or all packets are bare) is an attempt however often it is.
 */
export function isEstablished(
  protocol: number,
  flagsLo: number,
  flagsHi: number,
  packetsLo: number,
  packetsHi: number,
  bytes: number,
): boolean {
  const answered = (flagsLo & SYN_ACK) === SYN_ACK || (flagsHi & SYN_ACK) === SYN_ACK;
  if (answered) return true;
  const packets = packetsLo + packetsHi;
  if (packetsLo > 0 && packetsHi > 0) return true;
  if (packets < ESTABLISHED_PACKETS) return false;
  return protocol !== TCP || bytes > packets * BARE_TCP_BYTES;
}
