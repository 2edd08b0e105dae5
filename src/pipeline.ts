import type { FlowBatch } from './columns/flow-batch.ts';
import { LOG_STATUS } from './columns/flow-batch.ts';
import type { NameAnswer, Part, Position, Reject, RejectReason } from './contracts.ts';

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
  /** Where each partition stands that records came from since the last checkpoint. */
  readonly positions: Map<string, Position>;
}

export interface Stages {
  /** Writes rows and rejects to the history. */
  readonly history: {
    appendFlows(batch: FlowBatch): void | Promise<void>;
    appendRejects(rejects: readonly Reject[]): void;
  };
  /** Rebuilds connections, and through its output judges them; returns how many rows were late in their lane. */
  readonly rollup: { add(batch: FlowBatch, lane: string): number };
  /** Learns which names led to which addresses. */
  asked(answers: readonly NameAnswer[], lane: string): void;
  /** The input has ended, before the last checkpoint: closes what can be closed. */
  end(): void;
  /** Makes everything up to now durable. */
  checkpoint(totals: Totals): Promise<void>;
  /** Whether it is time for a checkpoint. */
  isDue(totals: Totals): boolean;
  onPart(part: Part, totals: Totals): void;
}

export function emptyTotals(): Totals {
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
    positions: new Map(),
  };
}

/**
 * The flow: every record is stored or refused, then joined into connections and judged; what was durable before is only counted, and what
 * is durable elsewhere only fills open windows. Nothing instead of a part: nothing came for a while, and what waits can be made durable.
 */
export async function ingest(
  parts: AsyncIterable<Part | undefined>,
  stages: Stages,
  totals: Totals,
): Promise<void> {
  let whole = true;
  const checkpoint = async (): Promise<void> => {
    await stages.checkpoint(totals);
    totals.positions.clear();
  };
  for await (const part of parts) {
    if (part !== undefined) {
      whole = part.position !== undefined;
      await take(part, stages, totals);
    }
    if (whole && stages.isDue(totals)) await checkpoint();
  }
  stages.end();
  // What ended inside a delivery is read again from the checkpoint before it.
  if (whole) await checkpoint();
}

async function take(part: Part, stages: Stages, totals: Totals): Promise<void> {
  if (part.answers.length > 0) stages.asked(part.answers, part.lane);
  if (part.known) {
    if (part.batch !== undefined) stages.rollup.add(part.batch, part.lane);
    stages.onPart(part, totals);
    part.release();
    return;
  }
  count(part, totals);
  if (part.rejects.length > 0) stages.history.appendRejects(part.rejects);
  if (part.batch !== undefined) {
    const late = stages.rollup.add(part.batch, part.lane);
    totals.late += late;
    totals.stored += part.batch.length - late;
  }
  stages.onPart(part, totals);
  part.release();
  // Last: the history takes the batch's memory over.
  if (part.batch !== undefined) await stages.history.appendFlows(part.batch);
}

function count(part: Part, totals: Totals): void {
  totals.received += part.received + part.skipped;
  if (part.position !== undefined) totals.positions.set(part.partition, part.position);
  totals.duplicate += part.skipped;
  totals.filtered += part.filtered;
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
