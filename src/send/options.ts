import { z } from 'zod';
import { duration } from '../../detectors/duration.ts';
import { isLabel, LABEL_HELP } from './routing/labels.ts';
import { parseMatcher } from './routing/matchers.ts';
import { isLocation, minuteOfDay, type Span, type TimeInterval, WEEKDAYS } from './routing/times.ts';

const matcher = z
  .string()
  .superRefine((text, context) => {
    try {
      parseMatcher(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  })
  .describe('Condition on a label, such as severity>=high, detector=~"port-.*" or subject="10.0.0.0/8"');

const location = z
  .string()
  .refine(isLocation, 'not a time zone, such as Europe/Berlin')
  .describe('Time zone');

const timeOfDay = z
  .string()
  .refine((text) => minuteOfDay(text) < 1440, 'not a time of day, such as 08:00')
  .transform(minuteOfDay);

const spanOf = (text: string, read: (part: string) => number): Span => {
  const [from = '', to = from] = text.split(':');
  return [read(from), read(to)];
};
const weekdayOf = (name: string): number => (WEEKDAYS as readonly string[]).indexOf(name.toLowerCase());
const isSpan = ([from, to]: Span, least: number, most: number): boolean =>
  Number.isInteger(from) && Number.isInteger(to) && from >= least && to <= most && from <= to;

const TimeIntervalOptions = z
  .strictObject({
    location: location.default('UTC'),
    times: z
      .array(
        z
          .string()
          .transform((text): Span => {
            const [from = '', to = ''] = text.split('-');
            return [minuteOfDay(from), minuteOfDay(to)];
          })
          .refine(
            ([from, to]) => from < to,
            'not a time span of one day, such as 08:00-17:30 or 22:00-24:00',
          ),
      )
      .default([])
      .describe('Times of the day, such as 22:00-24:00; those across midnight are two'),
    weekdays: z
      .array(
        z
          .string()
          .transform((text) => spanOf(text, weekdayOf))
          .refine((span) => isSpan(span, 0, 6), 'not days of the week, such as sunday or monday:friday'),
      )
      .default([])
      .describe('Days of the week, such as monday:friday'),
    daysOfMonth: z
      .array(
        z
          .string()
          .transform((text) => spanOf(text, Number))
          .refine((span) => isSpan(span, 1, 31), 'not days of a month, such as 1 or 1:7'),
      )
      .default([])
      .describe('Days of the month, such as 1:7'),
  })
  .transform((interval): TimeInterval => interval);

const names = (text: string) => z.array(z.string().min(1)).describe(text);

const routeSettings = {
  sinks: names('Names of sinks; without them those of the route above').optional(),
  groupBy: names('Labels that make a group; without them as above').optional(),
  groupWait: duration.optional().describe('How long the first message of a group waits for more; 30s'),
  groupInterval: duration.optional().describe('How long after a message the next of its group comes; 5m'),
  repeatInterval: duration
    .optional()
    .describe('After which what still fires is told again, and before which the same alert is not; 4h'),
  daily: timeOfDay
    .optional()
    .describe('One message a day at this time, such as 08:00, in the place of groupWait and groupInterval'),
  location: location.optional().describe('Time zone of daily'),
  muteTimes: names('Names of time intervals in which nobody is told').optional(),
  activeTimes: names('Names of time intervals outside which nobody is told').optional(),
};

const settings = z.strictObject(routeSettings);
/** A route and those below it. */
export interface RouteOptions extends z.infer<typeof settings> {
  readonly match: readonly string[];
  readonly continue: boolean;
  readonly routes: readonly RouteOptions[];
}

const below = (text: string) => z.array(Route).default([]).describe(text);
const Route: z.ZodType<RouteOptions> = z.lazy(() =>
  z.strictObject({
    match: z.array(matcher).default([]).describe('All of these have to hold'),
    ...routeSettings,
    continue: z.boolean().default(false).describe('Look at the routes after it too'),
    routes: below('More special routes below it; the first that matches counts'),
  }),
);

/** The route that everything takes, and those below it. */
export const RootRoute = z.strictObject({
  ...routeSettings,
  routes: below('More special routes; the first that matches counts'),
});

export const InhibitOptions = z.strictObject({
  source: z.array(matcher).min(1).describe('An alert that fires and fits these …'),
  target: z.array(matcher).min(1).describe('… keeps those that fit these from being told'),
  equal: z
    .array(z.string().refine(isLabel, `no such label; there are ${LABEL_HELP}`))
    .describe('as long as these labels are the same')
    .default([]),
});
export type InhibitOptions = z.infer<typeof InhibitOptions>;

const when = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'not an ISO 8601 date or time');

/** Silences hold by the clock, unlike exceptions: the alert is there, and nobody is told. */
export const SilenceOptions = z.strictObject({
  match: z.array(matcher).min(1).describe('All of these have to hold'),
  owner: z.string().min(1).max(200).describe('Whom to ask'),
  reason: z.string().min(1).max(1000).describe('Why nobody has to be told'),
  starts: when.optional().describe('Date or time from which it holds'),
  expires: when.describe('Date or time from which it no longer holds'),
});
export type SilenceOptions = z.infer<typeof SilenceOptions>;

export const TimeIntervals = z.record(z.string().min(1), z.array(TimeIntervalOptions).min(1));
export type TimeIntervals = z.infer<typeof TimeIntervals>;
