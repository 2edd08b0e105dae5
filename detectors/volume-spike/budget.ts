/** Low findings a day for each that the budget lets page. */
const LOW_PER_MEDIUM = 4;

/** Uncertain findings a day, over all subjects: the first page, four times as many more are low, the rest are only counted. */
export class Budget {
  day = 0;
  used = 0;
  /** Deviations that were not told because the day's budget was used up. */
  untold = 0;
  readonly #daily: number;

  constructor(daily: number) {
    this.#daily = daily;
  }

  /** Takes one place of the day that holds `time`. */
  take(time: number): 'medium' | 'low' | undefined {
    const day = Math.floor(time / 86_400);
    if (day !== this.day) {
      this.day = day;
      this.used = 0;
    }
    const place = this.used++;
    if (place < this.#daily) return 'medium';
    if (place < this.#daily * (1 + LOW_PER_MEDIUM)) return 'low';
    this.untold++;
    return undefined;
  }
}
