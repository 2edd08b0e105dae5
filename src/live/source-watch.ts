import type { Part, RejectReason, SourceLoss, SourceReport } from '../contracts.ts';

/** Seconds between two reports of a source. */
const REPORT_SECONDS = 60;
/** Deliveries whose lag is remembered, and for how long. */
const LAGS = 100;
const LAG_SECONDS = 6 * 3600;
/** What is delivered so late is history that somebody reads in, not a late delivery. */
const HISTORY_SECONDS = 86_400;

/** What the service sees of a source, without its event times. */
export type Watched = Omit<SourceReport, 'newest' | 'now'>;

/** Keeps what only a live service sees of its sources, through all of its lives. */
export interface SourceWatch {
  /** Sources are read from now on, and no others. */
  begin(names: readonly string[]): void;
  /** Something of the source came. */
  came(source: string, part: Part): void;
  /** Something of it can no longer be read. It may be no source, but what was kept of one: then this is all that is reported of it. */
  lost(source: string, loss: SourceLoss): void;
  /** Reports that are due: one a source and minute, at once after a loss. */
  take(): Watched[];
}

interface Kept {
  cameAt: number;
  longestSilence: number;
  reportedAt: number;
  received: number;
  rejectedBy: Map<RejectReason, number>;
  lost: SourceLoss[];
  readonly lags: { readonly at: number; readonly lag: number }[];
}

/** `now` gives seconds of a steady clock: one that jumps would make silence. */
export function createSourceWatch(now = () => performance.now() / 1000): SourceWatch {
  const sources = new Map<string, Kept>();
  let others: { readonly source: string; readonly lost: readonly SourceLoss[] }[] = [];
  return {
    begin(names) {
      for (const name of sources.keys()) if (!names.includes(name)) sources.delete(name);
      for (const name of names) if (!sources.has(name)) sources.set(name, blank(now()));
    },
    came(source, { received, rejects, batch, availableAt }) {
      const kept = sources.get(source);
      if (kept === undefined) return;
      const at = now();
      kept.longestSilence = Math.max(kept.longestSilence, at - kept.cameAt);
      kept.cameAt = at;
      kept.received += received;
      for (const { reason } of rejects) kept.rejectedBy.set(reason, (kept.rejectedBy.get(reason) ?? 0) + 1);
      if (availableAt === undefined || batch === undefined || batch.length === 0) return;
      const lag = availableAt / 1000 - newestOf(batch);
      if (lag > HISTORY_SECONDS) return;
      kept.lags.push({ at, lag });
      if (kept.lags.length > LAGS) kept.lags.shift();
    },
    lost(source, loss) {
      const kept = sources.get(source);
      if (kept === undefined) others.push({ source, lost: [loss] });
      else kept.lost.push(loss);
    },
    take() {
      const at = now();
      const lostElsewhere = others.map((other) => ({ ...reportOf(blank(at), at), ...other }));
      others = [];
      const due = [...sources].flatMap(([source, kept]) => {
        if (at - kept.reportedAt < REPORT_SECONDS && kept.lost.length === 0) return [];
        const report = { source, ...reportOf(kept, at) };
        Object.assign(kept, { reportedAt: at, received: 0, rejectedBy: new Map(), lost: [] });
        return [report];
      });
      return [...lostElsewhere, ...due];
    },
  };
}

function reportOf(kept: Kept, at: number): Omit<Watched, 'source'> {
  const { cameAt, longestSilence, received, rejectedBy, lost } = kept;
  const lags = kept.lags.filter((one) => at - one.at <= LAG_SECONDS).map(({ lag }) => lag);
  const deliveries = { deliveries: lags.length, lag: percentile95(lags) };
  return { at, silence: at - cameAt, longestSilence, received, rejectedBy, lost, ...deliveries };
}

function blank(at: number): Kept {
  return {
    cameAt: at,
    longestSilence: 0,
    reportedAt: at,
    received: 0,
    rejectedBy: new Map(),
    lost: [],
    lags: [],
  };
}

function newestOf({ end, length }: { readonly end: Uint32Array; readonly length: number }): number {
  let newest = 0;
  for (let i = 0; i < length; i++) if (end[i]! > newest) newest = end[i]!;
  return newest;
}

/** 0 of none. */
function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
}
