import type { Backtest, Found } from '../backtest.ts';
import { type Alert, SEVERITIES, type Severity } from '../contracts.ts';
import { alertTable, bySeverity } from './alert-text.ts';
import { type BarChart, chartLines, chartOf } from './bar-chart.ts';
import { tableText } from './table.ts';
import { counted, grouped, lengthOf, minuteOf, safe, severityText, style } from './terminal.ts';

const DAY = 86_400;
/** Subjects in the report, and alerts of each kind that a person is shown. */
const TOP = 10;

interface Difference {
  readonly id: string;
  readonly detector: string;
  readonly severity: Severity;
  readonly title: string;
  readonly subject: string;
  readonly peer?: string;
  readonly port?: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** The data folder has it. */
  readonly stored: boolean;
}

/** A backtest as programs get it. An alert counts when it begins to fire, also when it does so again after it resolved. */
export interface BacktestReport {
  readonly detectors: readonly string[];
  readonly from: string;
  readonly to: string;
  /** Learnt from before `from`, and what the detectors ask for. */
  readonly warmUpSeconds: number;
  readonly wantedWarmUpSeconds: number;
  readonly records: number;
  readonly seconds: number;
  readonly alerts: number;
  readonly alertsPerDay: number;
  /** By UTC day, without the days that have none. */
  readonly days: readonly { readonly day: string; readonly alerts: number }[];
  readonly mostInADay: number;
  readonly severities: Readonly<Partial<Record<Severity, number>>>;
  readonly subjects: readonly { readonly subject: string; readonly alerts: number }[];
  readonly comparedWith: 'running parameters' | 'stored alerts';
  readonly appear: readonly Difference[];
  readonly vanish: readonly Difference[];
  readonly same: number;
  readonly stored: number;
  readonly failures: Readonly<Record<string, string>>;
}

export function reportOf(test: Backtest): BacktestReport {
  const { detectors, from, to, warmUp, wantedWarmUp, records, seconds, tried, running, stored } = test;
  const known = new Set(stored.map(({ id }) => id));
  const before = running?.alerts ?? stored;
  const [now, then] = [tried.alerts, before].map((alerts) => new Set(alerts.map(({ id }) => id)));
  const differences = (alerts: readonly Alert[], other: ReadonlySet<string>): Difference[] =>
    alerts
      .filter(({ id }) => !other.has(id))
      .map(({ id, detector, severity, title, subject, peer, port, firstSeen, lastSeen }) => ({
        ...{ id, detector, severity, title, subject },
        ...(peer === undefined ? {} : { peer }),
        ...(port === undefined ? {} : { port }),
        ...{ firstSeen, lastSeen, stored: known.has(id) },
      }));
  const days = count(tried.openings, ({ at }) => new Date(at * 1000).toISOString().slice(0, 10));
  const subjects = new Map(tried.alerts.map(({ id, subject }) => [id, subject]));
  const severities: Partial<Record<Severity, number>> = {};
  for (const severity of SEVERITIES) {
    const found = tried.alerts.filter((alert) => alert.severity === severity).length;
    if (found > 0) severities[severity] = found;
  }
  return {
    ...{ detectors, from: iso(from), to: iso(to) },
    ...{ warmUpSeconds: warmUp, wantedWarmUpSeconds: wantedWarmUp, records, seconds },
    alerts: tried.openings.length,
    alertsPerDay: tried.openings.length / Math.max(1, (to - from) / DAY),
    days: [...days].map(([day, alerts]) => ({ day, alerts })).sort((a, b) => (a.day < b.day ? -1 : 1)),
    mostInADay: Math.max(0, ...days.values()),
    severities,
    subjects: [...count(tried.openings, ({ id }) => subjects.get(id) ?? '')]
      .map(([subject, alerts]) => ({ subject, alerts }))
      .sort((a, b) => b.alerts - a.alerts || (a.subject < b.subject ? -1 : 1))
      .slice(0, TOP),
    comparedWith: running === undefined ? 'stored alerts' : 'running parameters',
    appear: differences(tried.alerts, then!),
    vanish: differences(before, now!),
    same: tried.alerts.filter(({ id }) => then!.has(id)).length,
    stored: stored.length,
    failures: { ...running?.failures, ...tried.failures },
  };
}

/** When alerts began to fire, beside those of the running parameters when others were tried. */
export function backtestChart({ detectors, from, to, tried, running }: Backtest): BarChart {
  const times = ({ openings }: Found): number[] => openings.map(({ at }) => at);
  return chartOf(`alerts of ${detectors.join(', ')}`, from, to, [
    { name: running === undefined ? 'alerts' : 'with the change', times: times(tried) },
    ...(running === undefined ? [] : [{ name: 'running', times: times(running) }]),
  ]);
}

/** The report for a person. */
export function reportText(test: Backtest, report: BacktestReport): string {
  const { records, seconds, alerts, alertsPerDay, mostInADay, subjects, comparedWith, same } = report;
  const severities = Object.entries(report.severities)
    .reverse()
    .map(([severity, number]) => `${grouped(number)} ${severityText(severity as Severity)}`);
  const shown = (title: string, differences: readonly Difference[], all: readonly Alert[]): string[] => {
    if (differences.length === 0) return [];
    const ids = new Set(differences.map(({ id }) => id));
    const some = all.filter(({ id }) => ids.has(id)).sort(bySeverity);
    const more = some.length > TOP ? [`… and ${grouped(some.length - TOP)} more: --json has all`] : [];
    return ['', style('bold', title), alertTable(some.slice(0, TOP)), ...more];
  };
  const before = test.running?.alerts ?? test.stored;
  return [
    `${safe(report.detectors.join(', '))} from ${minuteOf(test.from)} to ${minuteOf(test.to)} (UTC): ${counted(records, 'record')} in ${seconds.toFixed(1)} s`,
    ...learning(test),
    `${counted(alerts, 'alert')}${severities.length === 0 ? '' : ` (${severities.join(', ')})`}, ${alertsPerDay.toFixed(1)} a day, at most ${grouped(mostInADay)} in one`,
    '',
    ...chartLines(backtestChart(test)),
    ...(subjects.length === 0
      ? []
      : [
          '',
          tableText(
            ['subject', 'alerts'],
            subjects.map((each) => [safe(each.subject), grouped(each.alerts)]),
            [1],
          ),
        ]),
    '',
    `compared with the ${comparedWith}: ${grouped(same)} the same, ${grouped(report.appear.length)} appear, ${grouped(report.vanish.length)} vanish`,
    ...shown('appear', report.appear, test.tried.alerts),
    ...shown('vanish', report.vanish, before),
  ].join('\n');
}

function learning({ warmUp, wantedWarmUp }: Backtest): string[] {
  if (wantedWarmUp === 0) return [];
  const lacks = warmUp < wantedWarmUp ? `, of the ${lengthOf(wantedWarmUp)} that it wants` : '';
  return [`learnt from ${warmUp === 0 ? 'nothing' : lengthOf(warmUp)} before that${lacks}`];
}

function count<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
