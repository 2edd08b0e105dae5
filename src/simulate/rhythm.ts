const DAY = 86400;
const BUSIEST_HOUR = 14;
const QUIETEST = 0.25;
const WEEKEND = 0.55;

/** How busy a moment (Unix seconds) is, 0 to 1: a smooth day with its top in the early afternoon UTC, and quieter weekends. */
export function rhythm(second: number): number {
  const hour = (second % DAY) / 3600;
  const day = (1 + Math.cos(((hour - BUSIEST_HOUR) / 12) * Math.PI)) / 2;
  return (QUIETEST + (1 - QUIETEST) * day ** 1.5) * (isWeekend(second) ? WEEKEND : 1);
}

/** Saturday or Sunday, UTC. */
export function isWeekend(second: number): boolean {
  // 1970-01-01 was a Thursday.
  const day = (Math.floor(second / DAY) + 4) % 7;
  return day === 0 || day === 6;
}
