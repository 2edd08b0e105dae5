/** A leap in event time of more than this many seconds must be confirmed by other records. */
const LEAP_SECONDS = 3600;
/** How many records it takes to believe a leap. */
const WITNESSES = 32;

/**
 * The largest event time that can be believed. Time moves on with the records; a record more than an hour ahead of all others is
 * believed only when 31 more stand at or beyond it, so that one record from 2099 cannot close a window. While a leap is in doubt the
 * watermark merely stands still, which makes nothing late.
 */
export class Watermark {
  /** Unix seconds; 0 until enough records were seen. */
  max = 0;
  #ahead: number[] = [];

  /** A record whose `end` is above {@link max}. */
  raise(end: number): void {
    if (this.max !== 0 && end <= this.max + LEAP_SECONDS) {
      this.max = end;
      return;
    }
    this.#ahead.push(end);
    if (this.#ahead.length < WITNESSES) return;
    const ahead = this.#ahead.sort((a, b) => a - b);
    let believed = 0;
    this.max = ahead[0]!;
    while (believed < ahead.length && ahead[believed]! <= this.max + LEAP_SECONDS)
      this.max = Math.max(this.max, ahead[believed++]!);
    this.#ahead = ahead.slice(believed);
  }

  snapshot(): { max: number; ahead: number[] } {
    return { max: this.max, ahead: this.#ahead };
  }

  restore(state: { max: number; ahead: number[] }): void {
    this.max = state.max;
    this.#ahead = [...state.ahead];
  }
}
