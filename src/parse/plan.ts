import type { Layout } from '../columns/flow-batch.ts';
import { FIELD_BY_NAME, type FieldKind } from './fields.ts';
import type { Format } from './format.ts';
import type { RowSink } from './row-sink.ts';

/** What to do with a value. From `OP.extra` on, the column's index in the layout's extras is in {@link Plan.columns}. */
export const OP = {
  version: 0,
  accountId: 1,
  interfaceId: 2,
  srcAddr: 3,
  dstAddr: 4,
  srcPort: 5,
  dstPort: 6,
  protocol: 7,
  packets: 8,
  bytes: 9,
  start: 10,
  end: 11,
  action: 12,
  logStatus: 13,
  tcpFlags: 14,
  pktSrcAddr: 15,
  pktDstAddr: 16,
  extra: 17,
  tag: 18,
} as const satisfies Readonly<Record<FieldKind, number>>;

/** A format made ready to run: one small number a field. */
export interface Plan {
  readonly format: Format;
  readonly ops: Uint8Array;
  /** Index among the layout's extras, by position in the format. Depends on the layout, so it is bound again when that grows. */
  readonly columns: Uint16Array;
  /** Length of the last text of each field: a guess for the next line. */
  readonly lengths: Uint32Array;
  readonly extra: readonly string[];
  readonly packetAddresses: boolean;
  boundTo: Layout | undefined;
}

/** Compiles a format. A name that occurs twice keeps its last value. */
export function compilePlan(format: Format): Plan {
  const kinds = format.fields.map((name): FieldKind => FIELD_BY_NAME.get(name)?.kind ?? 'extra');
  const isExtra = (index: number): boolean => OP[kinds[index]!] >= OP.extra;
  return {
    format,
    ops: Uint8Array.from(kinds, (kind) => OP[kind]),
    columns: new Uint16Array(kinds.length),
    lengths: new Uint32Array(kinds.length),
    extra: [...new Set(format.fields.filter((_, index) => isExtra(index)))],
    packetAddresses: kinds.includes('pktSrcAddr') || kinds.includes('pktDstAddr'),
    boundTo: undefined,
  };
}

/** Makes the sink's batch wide enough for the plan and points the plan at its columns. */
export function bindPlan(plan: Plan, sink: RowSink): void {
  if (plan.boundTo === sink.layout) return;
  sink.widen(plan.extra, plan.packetAddresses);
  for (let i = 0; i < plan.ops.length; i++)
    if (plan.ops[i]! >= OP.extra) plan.columns[i] = sink.layout.extra.indexOf(plan.format.fields[i]!);
  plan.boundTo = sink.layout;
}
