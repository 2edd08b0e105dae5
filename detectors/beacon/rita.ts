/**
 * The beacon score of RITA v5 (activecm/rita, analysis/beacons.go): the mean of four parts from 0 to 1. Theirs is computed from Zeek's
 * connections of the last day, this from the calls of rebuilt sessions.
 */
export interface BeaconScore {
  /** How regular the intervals are. */
  readonly interval: number;
  /** How equal the sizes are. */
  readonly size: number;
  /** How evenly the hours are filled. */
  readonly spread: number;
  /** How much of the day is covered. */
  readonly duration: number;
  readonly score: number;
}

/** Bowley's skewness means nothing for quartiles nearer than this. */
const LEAST_QUARTILE_DISTANCE = 10;
/** Times are whole seconds: a smaller deviation is not seen. */
const TIME_RESOLUTION = 1;
/** Hours with calls from which the duration counts, and from which two frequent counts may stand for an even spread. */
const LEAST_BARS = 6;
const BIMODAL_BARS = 11;
/** Width of a class of counts, as a share of the largest. */
const CLASS_WIDTH = 0.05;
/** Hours in a row that count as the whole day. */
const FULL_RUN = 12;
const DAY = 86_400;

/** Median of sorted values. */
export function medianOf(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median distance of sorted values from `median`: the nearest are beside it, so the walk goes outwards from there until half are passed. */
export function deviationOf(sorted: Float64Array, median: number): number {
  const { length } = sorted;
  let above = (length + 1) >> 1;
  let below = above - 1;
  let before = 0;
  let nearest = 0;
  for (let passed = 0; passed <= length >> 1; passed++) {
    before = nearest;
    const down = below < 0 ? Infinity : median - sorted[below]!;
    const up = above === length ? Infinity : sorted[above]! - median;
    nearest = Math.min(down, up);
    if (down <= up) below--;
    else above++;
  }
  return length % 2 === 1 ? nearest : (before + nearest) / 2;
}

/**
 * `intervals` (seconds) and `sizes` (bytes) sorted; `hours`: calls in each hour, oldest first; `span`: seconds from first to last call;
 * `evenness`: most that intervals may count, where capture windows hide them.
 */
export function beaconScore(
  intervals: Float64Array,
  sizes: Float64Array,
  hours: Uint16Array,
  span: number,
  evenness: number,
): BeaconScore {
  const interval = Math.min(evenness, regularity(intervals, TIME_RESOLUTION));
  const size = regularity(sizes, 0);
  const spread = Math.max(steadiness(hours), bimodality(hours));
  const duration = coverage(hours, span);
  return { interval, size, spread, duration, score: (interval + size + spread + duration) / 4 };
}

/** Hours with calls. */
export function barsOf(hours: Uint16Array): number {
  let bars = 0;
  for (const count of hours) if (count > 0) bars++;
  return bars;
}

/** Mean of symmetry (Bowley) and closeness to the median (MAD). */
function regularity(sorted: Float64Array, resolution: number): number {
  const q1 = quantile(sorted, 0.25);
  const q2 = quantile(sorted, 0.5);
  const q3 = quantile(sorted, 0.75);
  const flat = q3 - q1 < LEAST_QUARTILE_DISTANCE || q2 === q1 || q2 === q3;
  const skewness = flat ? 0 : (q1 + q3 - 2 * q2) / (q3 - q1);
  const median = medianOf(sorted);
  const deviation = Math.max(deviationOf(sorted, median), resolution);
  const closeness = median < 1 ? 0 : Math.max(0, (median - deviation) / median);
  return (1 - Math.abs(skewness) + closeness) / 2;
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.round(share * (sorted.length - 1))]!;
}

/** One minus the coefficient of variation. */
function steadiness(hours: Uint16Array): number {
  let calls = 0;
  for (const count of hours) calls += count;
  const mean = calls / hours.length;
  let squares = 0;
  for (const count of hours) squares += (count - mean) ** 2;
  const variance = squares / hours.length;
  return mean === 0 ? 0 : Math.max(0, 1 - Math.sqrt(variance) / mean);
}

/** How many hours fall into each class of counts. */
const members = new Uint8Array(1 / CLASS_WIDTH + 1);

/** Share of the hours whose count is one of two frequent ones. */
function bimodality(hours: Uint16Array): number {
  const bars = barsOf(hours);
  if (bars < BIMODAL_BARS) return 0;
  let most = 0;
  for (const count of hours) if (count > most) most = count;
  const width = Math.ceil(CLASS_WIDTH * most);
  members.fill(0);
  let first = 0;
  let second = 0;
  for (const count of hours) if (count > 0) members[Math.floor(count / width)]!++;
  for (const count of members) {
    if (count > first) {
      second = first;
      first = count;
    } else if (count > second) second = count;
  }
  return Math.min(1, (first + second) / (bars - 1));
}

function coverage(hours: Uint16Array, span: number): number {
  if (barsOf(hours) < LEAST_BARS) return 0;
  let run = 0;
  let longest = 0;
  for (const count of hours) {
    run = count > 0 ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return Math.min(1, Math.max(span / DAY, longest / FULL_RUN));
}
