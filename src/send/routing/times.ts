/** Days of the week as configurations have them. */
export const WEEKDAYS = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
] as const;

/** Minutes, from and up to. */
export type Span = readonly [from: number, to: number];

/** When something holds, by the clock of a place. Each part that is given has to fit. */
export interface TimeInterval {
  readonly location: string;
  /** Minutes of the day. */
  readonly times: readonly Span[];
  /** Days of the week, both included; Sunday is 0. */
  readonly weekdays: readonly Span[];
  /** Days of the month, both included. */
  readonly daysOfMonth: readonly Span[];
}

interface LocalTime {
  readonly minute: number;
  readonly weekday: number;
  readonly day: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(location: string): Intl.DateTimeFormat {
  let format = formats.get(location);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: location,
      hourCycle: 'h23',
      weekday: 'long',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
    formats.set(location, format);
  }
  return format;
}

/** Whether it names a time zone of the IANA database. */
export function isLocation(location: string): boolean {
  try {
    formatOf(location);
    return true;
  } catch {
    return false;
  }
}

function localTime(ms: number, location: string): LocalTime {
  const parts = new Map(
    formatOf(location)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
  return {
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
    weekday: (WEEKDAYS as readonly string[]).indexOf((parts.get('weekday') ?? '').toLowerCase()),
    day: Number(parts.get('day')),
  };
}

/** Whether a moment (Unix milliseconds) lies in the interval. */
export function isWithin(ms: number, interval: TimeInterval): boolean {
  const { minute, weekday, day } = localTime(ms, interval.location);
  const fits = (spans: readonly Span[], value: number, last: number) =>
    spans.length === 0 || spans.some(([from, to]) => value >= from && value < to + last);
  return (
    fits(interval.times, minute, 0) &&
    fits(interval.weekdays, weekday, 1) &&
    fits(interval.daysOfMonth, day, 1)
  );
}

const DAY_MINUTES = 1440;
const MINUTE_MS = 60_000;

/** The next moment after `ms` at which a clock of that place shows `minute` of the day; both in Unix milliseconds. */
export function nextDaily(ms: number, minute: number, location: string): number {
  const start = Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const ahead = (from: number) => {
    const minutes = (minute - localTime(from, location).minute + DAY_MINUTES) % DAY_MINUTES;
    return minutes === 0 ? DAY_MINUTES : minutes;
  };
  const guess = start + ahead(start) * MINUTE_MS;
  const shown = localTime(guess, location).minute;
  // The clock was put forward or back in between.
  const off = ((shown - minute + DAY_MINUTES / 2 + DAY_MINUTES) % DAY_MINUTES) - DAY_MINUTES / 2;
  const mended = guess - off * MINUTE_MS;
  return mended > ms ? mended : guess;
}

/** Minutes of the day of `08:30`; 24:00 is its end. NaN when it is none. */
export function minuteOfDay(text: string): number {
  const [, hours = '', minutes = ''] = /^(\d\d):(\d\d)$/.exec(text) ?? [];
  const value = Number(hours) * 60 + Number(minutes);
  return hours !== '' && Number(minutes) < 60 && value <= DAY_MINUTES ? value : Number.NaN;
}
