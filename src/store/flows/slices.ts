import type { Segment } from '../history/messages.ts';

const HOUR = 3600;
/** Rows that are sorted at once, about: some 100 MB. */
const SLICE_ROWS = 1 << 20;

/** A stretch of event time, Unix seconds, [from, to), and the segments that have records of it. */
export interface FlowSlice {
  readonly from: number;
  readonly to: number;
  readonly segments: readonly Segment[];
  /** No segment has records of other times. */
  readonly whole: boolean;
}

/** Cuts [from, to) into slices of some {@link SLICE_ROWS} rows, in order. Few hours of much traffic become many slices, many quiet ones one, of `longest` seconds at most. */
export function slicesOf(
  segments: readonly Segment[],
  from: number,
  to: number,
  rowsAtOnce = SLICE_ROWS,
  longest = Number.POSITIVE_INFINITY,
): FlowSlice[] {
  const rows = new Map<number, number>();
  for (const segment of segments) {
    if (segment.maxTime < from || segment.minTime >= to) continue;
    const first = Math.max(from, segment.minTime);
    const hour = first - (first % HOUR);
    rows.set(hour, (rows.get(hour) ?? 0) + segment.rows);
  }
  const cuts = new Set<number>();
  let gathered = 0;
  let cut = from;
  for (const [hour, count] of [...rows].sort((a, b) => a[0] - b[0])) {
    if (gathered > 0 && (gathered + count > rowsAtOnce || hour - cut >= longest)) {
      cuts.add(hour);
      gathered = 0;
      cut = hour;
    }
    const parts = Math.min(HOUR, Math.ceil(count / rowsAtOnce));
    for (let part = 1; part < parts; part++) cuts.add(hour + Math.floor((HOUR * part) / parts));
    gathered = parts > 1 ? rowsAtOnce : gathered + count;
  }
  const ordered = [...cuts].filter((cut) => cut > from && cut < to).sort((a, b) => a - b);
  const bounds = [from, ...ordered, to];
  return bounds.slice(1).flatMap((end, i): FlowSlice[] => {
    const start = bounds[i]!;
    const own = segments.filter(({ minTime, maxTime }) => maxTime >= start && minTime < end);
    if (own.length === 0) return [];
    const whole = own.every(({ minTime, maxTime }) => minTime >= start && maxTime < end);
    return [{ from: start, to: end, segments: own, whole }];
  });
}
