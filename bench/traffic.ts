const NEWLINE = 10;
const SPACE = 32;
const ZERO = 48;
/** Which field of the default format begins the two times, counted from 0, and how many digits a time has. */
const START_FIELD = 10;
const DIGITS = 10;

/** The same records over and over, each time later. */
export interface Traffic {
  /** The next records, at most so many; valid until the next call. `newest`: the latest of their ends, Unix seconds. */
  next(most: number): { readonly bytes: Buffer; readonly lines: number; readonly newest: number };
}

/** `text`: lines of the default format, each ended by a newline; it is changed in place. */
export function createTraffic(text: Buffer): Traffic {
  const begins: number[] = [];
  const times: number[] = [];
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let at = 0; at < text.length; at = text.indexOf(NEWLINE, at) + 1) {
    begins.push(at);
    let field = at;
    for (let i = 0; i < START_FIELD; i++) field = text.indexOf(SPACE, field) + 1;
    times.push(field, field + DIGITS + 1);
    least = Math.min(least, timeAt(text, field));
    most = Math.max(most, timeAt(text, field + DIGITS + 1));
  }
  begins.push(text.length);
  const lines = begins.length - 1;
  // Whole minutes, so that each record stays at its second of a step.
  const period = Math.ceil((most - least + 1) / 60) * 60;
  let line = 0;
  return {
    next(wanted) {
      if (line === lines) {
        line = 0;
        for (const at of times) writeTime(text, at, timeAt(text, at) + period);
      }
      const to = Math.min(lines, line + wanted);
      const bytes = text.subarray(begins[line], begins[to]);
      const count = to - line;
      let newest = 0;
      for (; line < to; line++) newest = Math.max(newest, timeAt(text, times[2 * line + 1] ?? 0));
      return { bytes, lines: count, newest };
    },
  };
}

function timeAt(text: Buffer, at: number): number {
  let time = 0;
  for (let i = 0; i < DIGITS; i++) time = 10 * time + (text[at + i] ?? ZERO) - ZERO;
  return time;
}

function writeTime(text: Buffer, at: number, time: number): void {
  let rest = time;
  for (let i = DIGITS - 1; i >= 0; i--) {
    text[at + i] = ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
