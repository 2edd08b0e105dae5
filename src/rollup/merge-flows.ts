import type { Dictionary } from '../columns/dictionary.ts';
import { STATE } from '../columns/session-batch.ts';
import { ENCRYPTION_SHIFT, FLOW, FLOW_F64, SIDE } from './flow-row.ts';
import type { FlowTable } from './flow-table.ts';
import { SESSION, SESSION_F64, type SessionTable } from './session-table.ts';

/** What both rows have in one word at the same places: tcp-flags and encryption. */
const SHARED_FLAGS = 0xffff | (15 << ENCRYPTION_SHIFT);

/**
 * Adds the flow row at word `at` to the session row at word `base`: times, flags and rejections from every interface, volumes from the
 * counted one only. Sums, minima, ORs and first names alone, so the order of flows does not matter. True when its interface is the counted one.
 */
export function mergeFlow(
  flows: FlowTable,
  at: number,
  table: SessionTable,
  base: number,
  names: Dictionary,
): boolean {
  const f = flows.words;
  const s = table.words;
  if (f[at + FLOW.end]! > s[base + SESSION.end]!) s[base + SESSION.end] = f[at + FLOW.end]!;
  const seen = f[at + FLOW.flags]!;
  let flags = s[base + SESSION.flags]! | (seen & SHARED_FLAGS);
  if ((seen & (SIDE.accepted << 16)) !== 0) flags |= STATE.accepted << 16;
  if (f[at + FLOW.rejects]! > 0) {
    flags |= (STATE.rejected | STATE.rejectedNow) << 16;
    s[base + SESSION.rejects] = s[base + SESSION.rejects]! + f[at + FLOW.rejects]!;
    const packets = flows.doubles[(at >>> 1) + FLOW_F64.rejectedPackets]!;
    s[base + SESSION.rejectedPackets] = s[base + SESSION.rejectedPackets]! + packets;
  }
  s[base + SESSION.flags] = flags;
  const startLo = f[at + FLOW.startLo]!;
  const startHi = f[at + FLOW.startHi]!;
  if (startLo < s[base + SESSION.startLo]!) s[base + SESSION.startLo] = startLo;
  if (startHi < s[base + SESSION.startHi]!) s[base + SESSION.startHi] = startHi;
  const serviceLo = f[at + FLOW.serviceLo]!;
  const serviceHi = f[at + FLOW.serviceHi]!;
  if (serviceLo !== 0) s[base + SESSION.serviceLo] = names.firstOf(s[base + SESSION.serviceLo]!, serviceLo);
  if (serviceHi !== 0) s[base + SESSION.serviceHi] = names.firstOf(s[base + SESSION.serviceHi]!, serviceHi);
  if (f[at + FLOW.interfaceId] !== s[base + SESSION.interfaceId]) return false;
  const f64 = flows.doubles;
  const s64 = table.doubles;
  const from = at >>> 1;
  const to = base >>> 1;
  s64[to + SESSION_F64.bytesLo] = s64[to + SESSION_F64.bytesLo]! + f64[from + FLOW_F64.bytesLo]!;
  s64[to + SESSION_F64.bytesHi] = s64[to + SESSION_F64.bytesHi]! + f64[from + FLOW_F64.bytesHi]!;
  s64[to + SESSION_F64.packetsLo] = s64[to + SESSION_F64.packetsLo]! + f64[from + FLOW_F64.packetsLo]!;
  s64[to + SESSION_F64.packetsHi] = s64[to + SESSION_F64.packetsHi]! + f64[from + FLOW_F64.packetsHi]!;
  return true;
}
