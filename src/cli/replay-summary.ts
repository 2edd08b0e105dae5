import type { ReplaySummary } from '../app.ts';
import { parseAddress } from '../columns/address.ts';
import { type Alert, SEVERITIES } from '../contracts.ts';
import { alertTable, bySeverity, whyLines } from './alert-text.ts';
import { coverageLines } from './coverage-text.ts';
import { DEFAULT_DATA } from './options.ts';
import {
  COMMAND,
  counted,
  grouped,
  lengthOf,
  minuteOf,
  safe,
  severityText,
  shellWord,
  style,
} from './terminal.ts';

const MAX_ALERTS = 20;
const MAX_REASONS = 3;

/** What a person wants to know after a replay: what was read, what was found and why, what to do next. */
export function summaryText(summary: ReplaySummary, data: string): string {
  const alerts = [...summary.book].sort(bySeverity);
  const at = data === DEFAULT_DATA ? '' : ` --data ${shellWord(data)}`;
  const found = alerts.length === 0 ? noAlertsText(summary) : alertsText(alerts, at);
  return [readText(summary, at), found, nextText(alerts, at)].join('\n\n');
}

function readText(summary: ReplaySummary, at: string): string {
  const { received, stored, rejected, duplicate, late, filtered, coverage } = summary;
  const { from, to, interfaces } = coverage;
  const span = to === 0 ? '' : `, ${minuteOf(from)} to ${minuteOf(to)} UTC (${lengthOf(to - from)})`;
  const lines = [
    `${style('bold', counted(received, 'record'))} of ${counted(interfaces.seen, 'network interface')}${span}`,
    `  ${grouped(stored)} stored, ${grouped(rejected)} rejected, ${grouped(duplicate)} duplicate, ${grouped(late)} late, ${grouped(filtered)} filtered`,
    `  ${counted(summary.sessions, 'connection')} rebuilt in ${summary.seconds.toFixed(1)} s (${grouped(summary.recordsPerSecond)} records/s, ${grouped(summary.peakRssBytes / 1e6)} MB)`,
  ];
  lines.push(...coverageLines(coverage));
  if (rejected > 0) {
    const reasons = Object.entries(summary.rejectedBy).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    lines.push(
      `  rejected as ${reasons.map(([reason, count]) => `${safe(reason)} (${grouped(count)})`).join(', ')}: see ${COMMAND} rejects${at}`,
    );
  }
  if (summary.skipData > 0)
    lines.push(
      `  ${grouped(summary.skipData)} SKIPDATA: AWS could not keep all records then, so quiet is not proof`,
    );
  if (late > 0)
    lines.push(
      `  late records are stored, but most detectors judge only what comes in time: replay logs of one time together`,
    );
  if (summary.strangers > 0)
    lines.push(
      style(
        'yellow',
        `  ${counted(summary.strangers, 'connection')} between addresses that were not known as yours: what an interface has is found out from its first connections; name your networks under network.internal to have it from the first record on`,
      ),
    );
  for (const [place, count] of Object.entries(summary.overflow))
    if (count > 0)
      lines.push(
        style(
          'yellow',
          `  ${grouped(count)} ${safe(place)} beyond the memory cap were counted, not followed`,
        ),
      );
  for (const [detector, message] of Object.entries(summary.failures))
    lines.push(style('red', `  detector ${safe(detector)} failed: ${safe(message)}`));
  return lines.join('\n');
}

/** Silence says only as much as what was looked at. */
function noAlertsText(summary: ReplaySummary): string {
  const { from, to } = summary.coverage;
  return `${style('bold', 'no alerts')} in ${lengthOf(to - from)} of records, as far as they cover what happened`;
}

function alertsText(alerts: readonly Alert[], at: string): string {
  const counts = SEVERITIES.toReversed().flatMap((severity) => {
    const count = alerts.filter((alert) => alert.severity === severity).length;
    return count === 0 ? [] : [`${grouped(count)} ${severityText(severity)}`];
  });
  const title = `${style('bold', counted(alerts.length, 'alert'))}: ${counts.join(', ')}`;
  const lines = [title, '', alertTable(alerts.slice(0, MAX_ALERTS))];
  if (alerts.length > MAX_ALERTS)
    lines.push(`… and ${grouped(alerts.length - MAX_ALERTS)} more: ${COMMAND} alerts list${at}`);
  lines.push('', style('bold', 'why'));
  for (const alert of alerts.slice(0, MAX_REASONS))
    lines.push(
      `  ${style('dim', alert.id.slice(0, 8))}  ${safe(alert.title)}`,
      ...whyLines(alert).map((line) => `            ${line}`),
    );
  return lines.join('\n');
}

function talkedTo(address: string, at: string): [string, string] {
  const command = `${COMMAND} query --name who-talked-to --param address=${shellWord(address)}${at}`;
  return [command, 'everyone this address spoke with'];
}

function nextText(alerts: readonly Alert[], at: string): string {
  const first = alerts[0];
  const talker = alerts.find(({ subject }) => parseAddress(subject) !== undefined)?.subject;
  const commands: [string, string][] =
    first === undefined
      ? [
          [`${COMMAND} detectors list`, 'what is looked for'],
          [`${COMMAND} query --name top-talkers${at}`, 'who moves the most bytes'],
          [
            `${COMMAND} query${at} "SELECT action, count(*) FROM flows GROUP BY action"`,
            'any question, in SQL',
          ],
        ]
      : [
          [`${COMMAND} alerts show ${first.id.slice(0, 8)}${at}`, 'the evidence, and how to mute it'],
          ...(talker === undefined ? [] : [talkedTo(talker, at)]),
          [
            `${COMMAND} query${at} "SELECT dstport, count(*) FROM flows WHERE action = 'REJECT' GROUP BY dstport ORDER BY 2 DESC LIMIT 10"`,
            'any question, in SQL',
          ],
        ];
  return [
    style('bold', 'what to try next'),
    ...commands.map(([command, why]) => `  ${style('dim', `# ${why}`)}\n  ${command}`),
  ].join('\n');
}
