import { STATE } from '../columns/session-batch.ts';
import { FLOW, FLOW_F64, SIDE } from './flow-row.ts';
import type { FlowTable } from './flow-table.ts';
import { isEstablished, type Orientation } from './orient.ts';

/** Scope of the four words at `offset`, a SCOPE value. */
export type ScopeOf = (words: Uint32Array, offset: number) => number;

/** Writes a flow row as a session of its own: what is not, or cannot be, joined with other steps. Returns the row. */
export function writeFlow(
  target: Orientation,
  flows: FlowTable,
  at: number,
  scopeOf: ScopeOf,
  state: number,
): number {
  const f = flows.words;
  const d = flows.doubles;
  const half = at >>> 1;
  const accepted = (f[at + FLOW.flags]! & (SIDE.accepted << 16)) !== 0;
  let bits = state;
  if (accepted) bits |= STATE.accepted;
  if (f[at + FLOW.rejects]! > 0) bits |= STATE.rejected | STATE.rejectedNow;
  const packetsLo = d[half + FLOW_F64.packetsLo]!;
  const packetsHi = d[half + FLOW_F64.packetsHi]!;
  const bytes = d[half + FLOW_F64.bytesLo]! + d[half + FLOW_F64.bytesHi]!;
  const flags = f[at + FLOW.flags]!;
  const protocol = f[at + FLOW.protocol]!;
  if (accepted && isEstablished(protocol, flags & 255, (flags >>> 8) & 255, packetsLo, packetsHi, bytes))
    bits |= STATE.established | STATE.establishedNow;
  const scopes = scopeOf(f, at) | (scopeOf(f, at + 4) << 8);
  return target.write(f, d, at, bits, scopes, d[half + FLOW_F64.rejectedPackets]!);
}
