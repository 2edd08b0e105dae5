import { coveredText, percent } from './coverage-text.ts';
import type { SurveyResult } from './survey.ts';
import { tableText } from './table.ts';
import { counted, grouped, lengthOf, minuteOf, safe, style } from './terminal.ts';

/** How well a detector works with the fields there are. */
export interface Fitness {
  readonly detector: string;
  readonly state: 'full' | 'degraded' | 'off';
  readonly why: readonly string[];
}

const MAX_GAPS = 5;
const STATE_STYLES = { full: 'green', degraded: 'yellow', off: 'red' } as const;

/** What the records are like: amount, time, interval, gaps, and what AWS left out. */
export function surveyText(survey: SurveyResult): string {
  const { records, interval, accepted, refused, noData, skipData, gaps } = survey;
  const rejected = Object.entries(survey.rejected).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const rejectedCount = rejected.reduce((sum, [, count]) => sum + count, 0);
  const lines = [
    `${style('bold', counted(records, 'record'))} of ${counted(survey.interfaces, 'network interface')}${survey.last === 0 ? '' : `, ${minuteOf(survey.first)} to ${minuteOf(survey.last)} UTC`}`,
  ];
  if (rejectedCount > 0)
    lines.push(
      `  ${percent(rejectedCount, records)} can't be used: ${rejected.map(([reason, count]) => `${safe(reason)} (${grouped(count)})`).join(', ')}`,
    );
  if (interval > 0)
    lines.push(
      `  aggregated over ${lengthOf(interval)}${interval > 60 ? ': 1 minute finds more and finds it sooner' : ''}; ${percent(survey.overlapping, survey.windows)} of the capture windows overlap another of their interface`,
    );
  lines.push(
    `  ${percent(noData, records)} NODATA, ${percent(skipData, records)} SKIPDATA${skipData > 0 ? ' (AWS could not keep all records then)' : ''}`,
  );
  if (interval > 0) lines.push(`  ${coveredText(survey.speaking, survey.interfaces, survey.minutes)}`);
  lines.push(`  ${grouped(accepted)} ACCEPT, ${grouped(refused)} REJECT`);
  if (accepted > 0 && refused === 0)
    lines.push(
      style(
        'yellow',
        '  only ACCEPT: no rejected attempts are logged, scans are seen late or not; log all traffic (ALL)',
      ),
    );
  if (refused > 0 && accepted === 0)
    lines.push(style('yellow', '  only REJECT: no connection that worked is logged; log all traffic (ALL)'));
  if (gaps.length > 0) {
    lines.push(
      style(
        'yellow',
        `  ${grouped(gaps.length)} gaps in which an interface logged nothing, not even NODATA; the longest:`,
      ),
    );
    for (const gap of gaps.slice(0, MAX_GAPS))
      lines.push(
        `    ${safe(gap.interface || 'no interface')}  ${minuteOf(gap.from)} to ${minuteOf(gap.to)}  (${lengthOf(gap.to - gap.from)})`,
      );
  }
  return lines.join('\n');
}

export function fieldsText(known: readonly string[], unknown: readonly string[]): string {
  const lines = [`${style('bold', 'fields')}: ${known.map(safe).join(', ') || 'none'}`];
  if (unknown.length > 0) lines.push(`carried on without being understood: ${unknown.map(safe).join(', ')}`);
  return lines.join('\n');
}

export function fitnessText(fitness: readonly Fitness[]): string {
  const rows = fitness.flatMap(({ detector, state, why }) =>
    (why.length === 0 ? [''] : why).map((reason, index) => [
      index === 0 ? detector : '',
      index === 0 ? style(STATE_STYLES[state], state) : '',
      reason,
    ]),
  );
  return tableText(['detector', 'works', 'because'], rows);
}
