/** When an alert began to fire, for the first time or again after it had resolved. */
export interface Opened {
  /** Unix seconds of event time. */
  readonly at: number;
  /** Its detector was in the shadow, and nobody was told later, while it fired. */
  readonly shadow?: true;
}

/** How a detector that begins in the shadow does. Times are Unix seconds of event time. */
export interface Trial {
  /** From when on it has kept to its budget; in the future as long as it learns. */
  readonly since: number;
  /** Most alerts that may begin to fire within 24 hours, and those of the last 24. */
  readonly budget: number;
  readonly lastDay: number;
  /** When it last went over the budget. */
  readonly exceeded?: number;
  /** When it is promoted if it keeps to the budget. */
  readonly until?: number;
  /** Since when people are told of what it finds. */
  readonly promoted?: number;
}
