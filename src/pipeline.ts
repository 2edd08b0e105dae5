import type { FlowBatch } from './columns/flow-batch.ts';
import { LOG_STATUS } from './columns/flow-batch.ts';
import type { Reject, RejectReason } from './contracts.ts';

/** Records of one source in order; `release` lets the reader go on. */
export interface Part {
  readonly file: number;
  readonly batch: FlowBatch | undefined;
  readonly rejects: readonly Reject[];
  readonly received: number;
  readonly skipped: number;
  readonly readBytes: number;
  release(): void;
}

/** received = stored + rejected + duplicate + late + filtered, always. */
export interface Totals {
  received: number;
  stored: number;
  rejected: number;
  duplicate: number;
  late: number;
  filtered: number;
  noData: number;
  skipData: number;
  readonly rejectedBy: Partial<Record<RejectReason, number>>;
  /** Records of each source that are in `received`. */
  readonly positions: number[];
}

export interface Stages {
  /** Writes rows and rejects to the history. */
  readonly history: {
    appendFlows(batch: FlowBatch): void | Promise<void>;
    appendRejects(rejects: readonly Reject[]): void;
  };
  /** Rebuilds connections, and through its output judges them; returns how many rows were late. */
  readonly rollup: { add(batch: FlowBatch): number; finish(): void };
  /** Makes everything up to now durable. */
  checkpoint(totals: Totals): Promise<void>;
  /** Whether it is time for a checkpoint. */
  isDue(totals: Totals): boolean;
  onPart(part: Part, totals: Totals): void;
}

export function emptyTotals(sources: number): Totals {
  return {
    received: 0,
    stored: 0,
    rejected: 0,
    duplicate: 0,
    late: 0,
    filtered: 0,
    noData: 0,
    skipData: 0,
    rejectedBy: {},
    positions: new Array<number>(sources).fill(0),
  };
}

/** The flow: every record is stored or refused, then joined into connections and judged; what was durable before is only counted. */
export async function ingest(parts: AsyncIterable<Part>, stages: Stages, totals: Totals): Promise<void> {
  for await (const part of parts) {
    count(part, totals);
    if (part.rejects.length > 0) stages.history.appendRejects(part.rejects);
    if (part.batch !== undefined) {
      const late = stages.rollup.add(part.batch);
      totals.late += late;
      totals.stored += part.batch.length - late;
    }
    stages.onPart(part, totals);
    part.release();
    // Last: the history takes the batch's memory over.
    if (part.batch !== undefined) await stages.history.appendFlows(part.batch);
    if (stages.isDue(totals)) await stages.checkpoint(totals);
  }
  stages.rollup.finish();
  await stages.checkpoint(totals);
}

function count(part: Part, totals: Totals): void {
  const records = part.received + part.skipped;
  totals.received += records;
  totals.positions[part.file] = totals.positions[part.file]! + records;
  totals.duplicate += part.skipped;
  totals.rejected += part.rejects.length;
  for (const { reason } of part.rejects) totals.rejectedBy[reason] = (totals.rejectedBy[reason] ?? 0) + 1;
  const batch = part.batch;
  if (batch === undefined) return;
  for (let i = 0; i < batch.length; i++) {
    const status = batch.logStatus[i]!;
    if (status <= LOG_STATUS.ok) continue;
    if (status === LOG_STATUS.nodata) totals.noData++;
    else totals.skipData++;
  }
}
