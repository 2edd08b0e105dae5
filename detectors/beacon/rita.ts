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

/** Median distance from `median`. */
export function deviationOf(sorted: Float64Array, median: number): number {
  const distances = sorted.map((value) => Math.abs(value - median));
  return medianOf(distances.sort());
}

/**
 * `intervals` (seconds) and `sizes` (bytes) sorted; `hours`: calls in each hour, oldest first; `span`: seconds from first to last call;
 * `evenness`: most that intervals may count, where capture windows hide them.
 */
export function beaconScore(
  intervals: Float64Array,
  sizes: Float64Array,
  hours: readonly number[],
  span: number,
  evenness: number,
): BeaconScore {
  const interval = Math.min(evenness, regularity(intervals, TIME_RESOLUTION));
  const size = regularity(sizes, 0);
  const spread = Math.max(steadiness(hours), bimodality(hours));
  const duration = coverage(hours, span);
  return { interval, size, spread, duration, score: (interval + size + spread + duration) / 4 };
}

/** Mean of symmetry (Bowley) and closeness to the median (MAD). */
function regularity(sorted: Float64Array, resolution: number): number {
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  const [q1, q2, q3] = [at(0.25), at(0.5), at(0.75)];
  const flat = q3 - q1 < LEAST_QUARTILE_DISTANCE || q2 === q1 || q2 === q3;
  const skewness = flat ? 0 : (q1 + q3 - 2 * q2) / (q3 - q1);
  const median = medianOf(sorted);
  const deviation = Math.max(deviationOf(sorted, median), resolution);
  const closeness = median < 1 ? 0 : Math.max(0, (median - deviation) / median);
  return (1 - Math.abs(skewness) + closeness) / 2;
}

/** One minus the coefficient of variation. */
function steadiness(hours: readonly number[]): number {
  const mean = hours.reduce((sum, count) => sum + count, 0) / hours.length;
  const variance = hours.reduce((sum, count) => sum + (count - mean) ** 2, 0) / hours.length;
  return mean === 0 ? 0 : Math.max(0, 1 - Math.sqrt(variance) / mean);
}

/** Share of the hours whose count is one of two frequent ones. */
function bimodality(hours: readonly number[]): number {
  const bars = hours.filter((count) => count > 0);
  if (bars.length < BIMODAL_BARS) return 0;
  const width = Math.ceil(CLASS_WIDTH * Math.max(...bars));
  const classes = Map.groupBy(bars, (count) => Math.floor(count / width));
  const [first = 0, second = 0] = [...classes.values()]
    .map((members) => members.length)
    .sort((a, b) => b - a);
  return Math.min(1, (first + second) / (bars.length - 1));
}

function coverage(hours: readonly number[], span: number): number {
  if (hours.filter((count) => count > 0).length < LEAST_BARS) return 0;
  let run = 0;
  let longest = 0;
  for (const count of hours) {
    run = count > 0 ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return Math.min(1, Math.max(span / DAY, longest / FULL_RUN));
}
