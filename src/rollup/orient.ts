import { createSessionBatch, SCOPE, type SessionBatch, STATE } from '../columns/session-batch.ts';
import { FLOW, FLOW_F64 } from './flow-row.ts';
import { loInitiated } from './initiator.ts';

/** A session batch that grows as rows are written, and whether the last row written was initiated by its "lo" end. */
export class Orientation {
  batch: SessionBatch = createSessionBatch(256);
  lo = true;

  clear(): void {
    // After a storm the memory goes back: a batch that is mostly air is made anew.
    if (this.batch.capacity > 65_536 && this.batch.length * 8 < this.batch.capacity)
      this.batch = createSessionBatch(this.batch.capacity >>> 2);
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
    const b = this.batch;
    const row = b.length++;
    const flagsLo = words[base + FLOW.flags]! & 255;
    const flagsHi = (words[base + FLOW.flags]! >>> 8) & 255;
    const loPort = words[base + FLOW.ports]! >>> 16;
    const hiPort = words[base + FLOW.ports]! & 0xffff;
    const startLo = words[base + FLOW.startLo]!;
    const startHi = words[base + FLOW.startHi]!;
    const who = loInitiated(
      flagsLo,
      flagsHi,
      loPort,
      hiPort,
      startLo,
      startHi,
      (state & STATE.accepted) !== 0,
    );
    const lo = who.lo;
    this.lo = lo;
    const src = lo ? base : base + 4;
    const dst = lo ? base + 4 : base;
    const at = row * 4;
    for (let word = 0; word < 4; word++) {
      b.srcAddr[at + word] = words[src + word]!;
      b.dstAddr[at + word] = words[dst + word]!;
    }
    b.srcPort[row] = lo ? loPort : hiPort;
    b.dstPort[row] = lo ? hiPort : loPort;
    b.protocol[row] = words[base + FLOW.protocol]! & 255;
    const srcService = words[base + (lo ? FLOW.serviceLo : FLOW.serviceHi)]!;
    const dstService = words[base + (lo ? FLOW.serviceHi : FLOW.serviceLo)]!;
    b.srcScope[row] = scopeWithService(lo ? scopes & 255 : scopes >>> 8, srcService);
    b.dstScope[row] = scopeWithService(lo ? scopes >>> 8 : scopes & 255, dstService);
    b.state[row] = state | (who.fact ? STATE.synSeen : 0);
    b.flagsOut[row] = lo ? flagsLo : flagsHi;
    b.flagsIn[row] = lo ? flagsHi : flagsLo;
    b.start[row] = words[base + FLOW.start]!;
    b.end[row] = words[base + FLOW.end]!;
    b.interfaceId[row] = words[base + FLOW.interfaceId]!;
    b.accountId[row] = words[base + FLOW.accountId]!;
    b.srcService[row] = srcService;
    b.dstService[row] = dstService;
    const half = base >>> 1;
    b.bytesOut[row] = doubles[half + (lo ? FLOW_F64.bytesLo : FLOW_F64.bytesHi)]!;
    b.bytesIn[row] = doubles[half + (lo ? FLOW_F64.bytesHi : FLOW_F64.bytesLo)]!;
    b.packetsOut[row] = doubles[half + (lo ? FLOW_F64.packetsLo : FLOW_F64.packetsHi)]!;
    b.packetsIn[row] = doubles[half + (lo ? FLOW_F64.packetsHi : FLOW_F64.packetsLo)]!;
    b.stepBytesOut[row] = 0;
    b.stepBytesIn[row] = 0;
    b.stepPacketsOut[row] = 0;
    b.stepPacketsIn[row] = 0;
    b.rejects[row] = words[base + FLOW.rejects]!;
    b.rejectedPackets[row] = rejectedPackets;
    return row;
  }

  /** Fills the `step*` columns of `row`, the last one written, from the flow row at word `base`. */
  writeStep(row: number, doubles: Float64Array, base: number): void {
    const b = this.batch;
    const half = base >>> 1;
    const lo = this.lo;
    b.stepBytesOut[row] = doubles[half + (lo ? FLOW_F64.bytesLo : FLOW_F64.bytesHi)]!;
    b.stepBytesIn[row] = doubles[half + (lo ? FLOW_F64.bytesHi : FLOW_F64.bytesLo)]!;
    b.stepPacketsOut[row] = doubles[half + (lo ? FLOW_F64.packetsLo : FLOW_F64.packetsHi)]!;
    b.stepPacketsIn[row] = doubles[half + (lo ? FLOW_F64.packetsHi : FLOW_F64.packetsLo)]!;
  }

  #grow(): void {
    const old = this.batch;
    const grown = createSessionBatch(old.capacity * 2);
    for (const [name, column] of Object.entries(old)) {
      if (typeof column === 'number') continue;
      (grown[name as 'srcAddr'] as Uint32Array).set(column as Uint32Array);
    }
    grown.length = old.length;
    this.batch = grown;
  }
}

/** A log that names an AWS service for an address knows better than the address alone. */
function scopeWithService(scope: number, service: number): number {
  return service !== 0 && scope === SCOPE.public ? SCOPE.awsService : scope;
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
