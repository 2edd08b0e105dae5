import type { Part, RejectReason, SourceLoss, SourceReport } from '../contracts.ts';

/** Seconds between two reports of a source. */
const REPORT_SECONDS = 60;
/** Deliveries whose lag is remembered, and for how long. */
const LAGS = 100;
const LAG_SECONDS = 6 * 3600;
/** What is delivered so late is history that somebody reads in, not a late delivery. */
const HISTORY_SECONDS = 86_400;
const DAY = 86_400;
/** Days whose silences say what is usual, with the one that goes on: two weekends are within it. */
const USUAL_DAYS = 15;
/** A silence counts for at most so many times the longest before it, or for so many seconds: what is usual grows step by step. */
const STRETCH = { times: 3, least: 5400 };

/** What the service sees of a source, without its event times. */
export type Watched = Omit<SourceReport, 'newest' | 'now'>;

/** Keeps what only a live service sees of its sources, through all of its lives. */
export interface SourceWatch {
  /** Sources are read from now on, and no others. */
  begin(names: readonly string[]): void;
  /** Something of the source came. */
  came(source: string, part: Part): void;
  /** For so many seconds nothing was taken of any source, whatever they had: that is no silence of theirs. */
  held(seconds: number): void;
  /** Something of it can no longer be read. It may be no source, but what was kept of one: then this is all that is reported of it. */
  lost(source: string, loss: SourceLoss): void;
  /** Reports that are due: one a source and minute, at once after a loss. */
  take(): Watched[];
}

interface Kept {
  cameAt: number;
  /** The two longest silences that ended on each day of the steady clock, in seconds, the longer first. */
  readonly silences: Map<number, readonly number[]>;
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
      learn(kept.silences, at, at - kept.cameAt);
      kept.cameAt = at;
      kept.received += received;
      for (const { reason } of rejects) kept.rejectedBy.set(reason, (kept.rejectedBy.get(reason) ?? 0) + 1);
      if (availableAt === undefined || batch === undefined || batch.length === 0) return;
      const lag = availableAt / 1000 - newestOf(batch);
      if (lag > HISTORY_SECONDS) return;
      kept.lags.push({ at, lag });
      if (kept.lags.length > LAGS) kept.lags.shift();
    },
    held(seconds) {
      for (const kept of sources.values()) kept.cameAt += seconds;
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
  const { cameAt, received, rejectedBy, lost } = kept;
  const usualSilence = longestOf(kept.silences)[1] ?? 0;
  const lags = kept.lags.filter((one) => at - one.at <= LAG_SECONDS).map(({ lag }) => lag);
  const deliveries = { deliveries: lags.length, lag: percentile95(lags) };
  return { at, silence: at - cameAt, usualSilence, received, rejectedBy, lost, ...deliveries };
}

/**
 * Notes a silence that has ended. What is usual is the longest that there was twice: once is an outage, which must not make the next one
 * unseen. A source that delivers every few hours, or once a day, is told a few times until that is usual.
 */
function learn(silences: Kept['silences'], at: number, silence: number): void {
  const day = Math.floor(at / DAY);
  const today = silences.get(day) ?? [];
  if (silence <= (today[1] ?? -1)) return;
  const [longest = 0] = longestOf(silences);
  const counted = Math.min(silence, Math.max(STRETCH.least, STRETCH.times * longest));
  silences.set(day, twoLongest([counted, ...today]));
  for (const old of silences.keys()) if (day - old >= USUAL_DAYS) silences.delete(old);
}

function longestOf(silences: Kept['silences']): readonly number[] {
  return twoLongest([...silences.values()].flat());
}

function twoLongest(silences: readonly number[]): readonly number[] {
  return silences.toSorted((a, b) => b - a).slice(0, 2);
}

function blank(at: number): Kept {
  return {
    cameAt: at,
    silences: new Map(),
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
