import { STATE } from '../columns/session-batch.ts';
import { FLOW, FLOW_F64, FLOW_WORDS, type FlowTable, SIDE } from './flow-table.ts';
import { SESSION, SESSION_WORDS, type SessionTable } from './session-table.ts';

/** Bit of a session's stamp: the step's row of the session has been accounted for by its counted interface. */
export const SHOWN = 0x80000000;

/**
 * Adds every linked flow to its session: times, flags and rejections from every interface, volumes from the counted one only. Sums, minima
 * and ORs alone, so the order of flows does not matter.
 */
export function mergeFlows(flows: FlowTable, table: SessionTable, sequence: number): void {
  const f = flows.words;
  const f64 = flows.doubles;
  const s = table.words;
  const s64 = table.doubles;
  for (let i = 0; i < flows.length; i++) {
    const at = i * FLOW_WORDS;
    const row = f[at + FLOW.session]! | 0;
    if (row < 0) continue;
    const base = row * SESSION_WORDS;
    if (f[at + FLOW.end]! > s[base + SESSION.end]!) s[base + SESSION.end] = f[at + FLOW.end]!;
    let flags = s[base + SESSION.flags]! | (f[at + FLOW.flags]! & 0xffff);
    if ((f[at + FLOW.flags]! & (SIDE.accepted << 16)) !== 0) flags |= STATE.accepted << 16;
    if (f[at + FLOW.rejects]! > 0) {
      flags |= (STATE.rejected | STATE.rejectedNow) << 16;
      s[base + SESSION.rejects] = s[base + SESSION.rejects]! + f[at + FLOW.rejects]!;
      const packets = f64[(at >>> 1) + FLOW_F64.rejectedPackets]!;
      s[base + SESSION.rejectedPackets] = s[base + SESSION.rejectedPackets]! + packets;
    }
    s[base + SESSION.flags] = flags;
    const startLo = f[at + FLOW.startLo]!;
    const startHi = f[at + FLOW.startHi]!;
    if (startLo < s[base + SESSION.startLo]!) s[base + SESSION.startLo] = startLo;
    if (startHi < s[base + SESSION.startHi]!) s[base + SESSION.startHi] = startHi;
    if (f[at + FLOW.serviceLo] !== 0) s[base + SESSION.serviceLo] = f[at + FLOW.serviceLo]!;
    if (f[at + FLOW.serviceHi] !== 0) s[base + SESSION.serviceHi] = f[at + FLOW.serviceHi]!;
    if (f[at + FLOW.interfaceId] !== s[base + SESSION.interfaceId]) continue;
    s[base + SESSION.stamp] = sequence | SHOWN;
    const from = at >>> 1;
    const to = base >>> 1;
    for (let k = FLOW_F64.bytesLo; k <= FLOW_F64.packetsHi; k++) s64[to + k] = s64[to + k]! + f64[from + k]!;
  }
}
