import type { Alert, Coverage, DetectorStanding, Opened, Severity, Trial } from '../contracts.ts';
import { UserError } from '../errors.ts';
import { type Remark, VERDICTS, type Verdict } from '../send/delivery/remarks.ts';
import { chartLines, chartOf } from './bar-chart.ts';
import { tableText } from './table.ts';
import { grouped, minuteOf, safe, style } from './terminal.ts';

const DAY = 86_400;
/** Subjects that a report names. */
const TOP = 10;

/** An alert of a data folder, when it began to fire, and what somebody said it was. */
export interface ReportedAlert {
  readonly alert: Alert;
  readonly opened: readonly Opened[];
  readonly verdict?: Verdict | undefined;
}

/** What a detector found in the span, as programs get it. Alerts count each time they begin to fire. */
export interface DetectorReport {
  readonly detector: string;
  readonly state: DetectorStanding['state'];
  /** Of one that is on trial or was promoted; times are ISO 8601. */
  readonly trial?: Readonly<Record<keyof Trial, string | number | undefined>>;
  /** What people were told of, and what nobody was as it was in the shadow. */
  readonly told: number;
  readonly shadowed: number;
  readonly alertsPerDay: number;
  readonly mostInADay: number;
  /** By UTC day, without the days that have none. */
  readonly days: readonly { readonly day: string; readonly told: number; readonly shadowed: number }[];
  /** Alerts, not openings, by severity. */
  readonly severities: Readonly<Partial<Record<Severity, number>>>;
  readonly subjects: readonly { readonly subject: string; readonly alerts: number }[];
  /** Alerts by what people said they were. */
  readonly verdicts: Readonly<Record<Verdict, number>>;
}

export interface Report {
  readonly from: number;
  readonly to: number;
  readonly detectors: readonly DetectorReport[];
}

/** Alerts of the data folder, those in the shadow too, and what its records cover. Throws a UserError when nothing was ever stored there. */
export async function readReported(
  data: string,
): Promise<{ readonly alerts: readonly ReportedAlert[]; readonly coverage: Coverage }> {
  const [{ readManifest }, { readOutbox }] = await Promise.all([
    import('../store/manifest/manifest.ts'),
    import('../store/outbox-file.ts'),
  ]);
  const [manifest, outbox] = await Promise.all([readManifest(data), readOutbox(data)]);
  const { coverage, witness } = manifest ?? {};
  if (coverage === undefined || witness === undefined)
    throw new UserError(`cannot report on ${data}: nothing was ever stored there`);
  const remarks = new Map((outbox as { readonly remarks?: [string, Remark][] } | undefined)?.remarks);
  const openings = new Map(witness.resolvesAt.map(([id, , opened]) => [id, opened]));
  const alerts = [...(manifest?.alerts ?? []), ...witness.shadowed.map(({ alert }) => alert)];
  return {
    coverage,
    alerts: alerts.map((alert): ReportedAlert => {
      const opened = openings.get(alert.id) ?? [];
      const verdict = remarks.get(alert.id)?.verdict?.as;
      // Folders of before openings were noted have the first sight of an alert.
      return { alert, verdict, opened: opened.length > 0 ? opened : [{ at: secondsOf(alert.firstSeen) }] };
    }),
  };
}

/** What each detector found in [from, to), Unix seconds; without them in all that the records cover. */
export function reportOn(
  { alerts, coverage }: Awaited<ReturnType<typeof readReported>>,
  span: { readonly from: number | undefined; readonly to: number | undefined },
): Report {
  const from = span.from ?? coverage.from - (coverage.from % 60);
  // Steps are a minute, and findings are booked at their end.
  const to = span.to ?? coverage.to + 61;
  if (from >= to)
    throw new UserError(`cannot report from ${isoOf(from)} to ${isoOf(to)}: it ends before it begins`);
  const seen = alerts.flatMap((each) => {
    const opened = each.opened.filter(({ at }) => at >= from && at < to);
    return opened.length === 0 ? [] : [{ ...each, opened }];
  });
  const standings = new Map(coverage.detectors.map((standing) => [standing.detector, standing]));
  const names = new Set([...standings.keys(), ...seen.map(({ alert }) => alert.detector)]);
  return {
    from,
    to,
    detectors: [...names].sort().map((detector) =>
      reportOfOne(
        standings.get(detector) ?? { detector, state: 'off' },
        seen.filter(({ alert }) => alert.detector === detector),
        (to - from) / DAY,
      ),
    ),
  };
}

function reportOfOne(
  { detector, state, trial }: DetectorStanding,
  alerts: readonly ReportedAlert[],
  span: number,
): DetectorReport {
  const days = new Map<string, { told: number; shadowed: number }>();
  const subjects = new Map<string, number>();
  const severities: Partial<Record<Severity, number>> = {};
  const verdicts: Record<Verdict, number> = { 'true-positive': 0, 'false-positive': 0, expected: 0 };
  let told = 0;
  let shadowed = 0;
  for (const { alert, opened, verdict } of alerts) {
    severities[alert.severity] = (severities[alert.severity] ?? 0) + 1;
    subjects.set(alert.subject, (subjects.get(alert.subject) ?? 0) + opened.length);
    if (verdict !== undefined) verdicts[verdict]++;
    for (const { at, shadow } of opened) {
      const day = isoOf(at).slice(0, 10);
      const counts = days.get(day) ?? { told: 0, shadowed: 0 };
      days.set(day, counts);
      if (shadow) counts.shadowed++;
      else counts.told++;
      if (shadow) shadowed++;
      else told++;
    }
  }
  return {
    ...{ detector, state, told, shadowed },
    ...(trial === undefined ? {} : { trial: publicTrial(trial) }),
    alertsPerDay: (told + shadowed) / Math.max(1, span),
    mostInADay: Math.max(0, ...[...days.values()].map((counts) => counts.told + counts.shadowed)),
    days: [...days].map(([day, counts]) => ({ day, ...counts })).sort((a, b) => (a.day < b.day ? -1 : 1)),
    severities,
    subjects: [...subjects]
      .map(([subject, count]) => ({ subject, alerts: count }))
      .sort((a, b) => b.alerts - a.alerts || (a.subject < b.subject ? -1 : 1))
      .slice(0, TOP),
    verdicts,
  };
}

function publicTrial({ since, budget, lastDay, exceeded, until, promoted }: Trial) {
  const time = (seconds: number | undefined) => (seconds === undefined ? undefined : isoOf(seconds));
  return {
    ...{ budget, lastDay, since: time(since) },
    ...{ exceeded: time(exceeded), until: time(until), promoted: time(promoted) },
  };
}

/** The report for a person. `shown`: the detector that it is about; undefined for all. */
export function reportText(
  report: Report,
  alerts: readonly ReportedAlert[],
  shown: string | undefined,
): string {
  const { from, to } = report;
  const listed = report.detectors.filter(
    ({ detector, told, shadowed, state, trial }) =>
      (shown ?? detector) === detector &&
      (shown !== undefined || told + shadowed > 0 || state === 'shadow' || trial !== undefined),
  );
  const head = `alerts from ${minuteOf(from)} to ${minuteOf(to)} (UTC), each time one began to fire`;
  if (listed.length === 0) return `${head}\nno detector found anything, and none is in the shadow`;
  return [
    head,
    '',
    tableText(
      ['detector', 'state', 'told', 'in the shadow', 'a day', 'most in a day', ...VERDICTS],
      listed.map(({ detector, state, told, shadowed, alertsPerDay, mostInADay, verdicts }) => [
        style('bold', safe(detector)),
        state,
        ...[told, shadowed].map(grouped),
        alertsPerDay.toFixed(1),
        grouped(mostInADay),
        ...VERDICTS.map((verdict) => grouped(verdicts[verdict])),
      ]),
      [2, 3, 4, 5, 6, 7, 8],
    ),
    ...listed.flatMap((one) => detail(one, alerts, report)),
  ].join('\n');
}

function detail(
  { detector, state, trial, told, shadowed, subjects }: DetectorReport,
  alerts: readonly ReportedAlert[],
  { from, to }: Report,
): string[] {
  const said = trial === undefined ? [] : [trialText(state, trial)];
  if (told + shadowed === 0) return said.length === 0 ? [] : ['', style('bold', safe(detector)), ...said];
  const times = alerts
    .filter(({ alert }) => alert.detector === detector)
    .flatMap(({ opened }) => opened.filter(({ at }) => at >= from && at < to));
  const series = [
    { name: 'alerts', times: times.map(({ at }) => at) },
    { name: 'in the shadow', times: times.flatMap(({ at, shadow }) => (shadow ? [at] : [])) },
  ];
  return [
    '',
    style('bold', safe(detector)),
    ...said,
    ...chartLines(chartOf(detector, from, to, shadowed > 0 ? series : series.slice(0, 1))),
    `most: ${subjects.map(({ subject, alerts }) => `${safe(subject)} (${grouped(alerts)})`).join(', ')}`,
  ];
}

function trialText(state: string, trial: NonNullable<DetectorReport['trial']>): string {
  const at = (time: string | number | undefined) => String(time).slice(0, 16).replace('T', ' ');
  if (trial.promoted !== undefined) return `promoted ${at(trial.promoted)}`;
  const over = trial.exceeded === undefined ? '' : `, went over it last ${at(trial.exceeded)}`;
  const then = state === 'learning' ? 'learns; promoted' : 'promoted';
  return `${then} ${at(trial.until)} if it keeps to ${trial.budget} a day; ${trial.lastDay} in the last${over}`;
}

function secondsOf(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000);
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
