/**
 * The slope of points (x, y) in order of x, by the median of the slopes of all pairs (Theil 1950, Sen 1968): a few that are far off do not move
 * it. Its standard error by Kendall's ranks, widened by how alike the rests of neighbours are: those say less than as many independent ones.
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): {
  slope: number;
  error: number;
} {
  const n = points.length;
  const slopes: number[] = [];
  for (const [i, [x, y]] of points.entries())
    for (const [earlierX, earlierY] of points.slice(0, i))
      if (x !== earlierX) slopes.push((y - earlierY) / (x - earlierX));
  slopes.sort((a, b) => a - b);
  const slope = median(slopes);
  const spread = Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (rank: number): number =>
    slopes[Math.max(0, Math.min(slopes.length - 1, Math.round(rank)))] ?? Number.NaN;
  const independent = (at((slopes.length + spread) / 2) - at((slopes.length - spread) / 2)) / 2;
  const rests = points.map(([x, y]) => y - slope * x);
  const middle = median(rests.toSorted((a, b) => a - b));
  const alike = likeness(rests.map((rest) => rest - middle));
  return { slope, error: independent * Math.sqrt((1 + alike) / (1 - alike)) };
}

function median(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2;
}

/** Correlation of each with the next one, from 0 to 0.98. */
function likeness(values: readonly number[]): number {
  let [same, next] = [0, 0];
  for (const [i, value] of values.entries()) {
    same += value * value;
    next += value * (values[i + 1] ?? 0);
  }
  return same === 0 ? 0 : Math.min(0.98, Math.max(0, next / same));
}
