import { compareTexts } from '../columns/text-order.ts';
import { type Alert, SEVERITIES } from '../contracts.ts';
import { tableText } from './table.ts';
import { cut, grouped, isTerminal, safe, severityText, style } from './terminal.ts';

/** Most severe first; of the same severity the one with the higher score, then the earlier one. */
export function bySeverity(a: Alert, b: Alert): number {
  return (
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    b.score - a.score ||
    compareTexts(a.firstSeen, b.firstSeen) ||
    compareTexts(a.id, b.id)
  );
}

/** `10.0.1.5 → 203.0.113.9:443`, the subject alone when there is no single other end. */
export function endsOf(alert: Alert): string {
  const { subject, peer, port } = alert;
  if (peer === undefined) return safe(port === undefined ? subject : `${subject} → port ${port}`);
  const host = port !== undefined && peer.includes(':') ? `[${peer}]` : peer;
  return safe(`${subject} → ${host}${port === undefined ? '' : `:${port}`}`);
}

const TITLE_WIDTH = 72;
/** What the other columns of the table take, about. */
const OTHER_COLUMNS = 100;

/** Room for a title: enough in a pipe, what the terminal leaves otherwise. */
function titleWidth(): number {
  if (!isTerminal()) return TITLE_WIDTH;
  return Math.min(TITLE_WIDTH, Math.max(28, process.stdout.columns - OTHER_COLUMNS));
}

/** Alerts as a table, in the order given. */
export function alertTable(alerts: readonly Alert[], withState = false): string {
  const width = titleWidth();
  return tableText(
    [
      'severity',
      'id',
      'detector',
      'what',
      'who',
      'last seen (UTC)',
      'count',
      ...(withState ? ['state'] : []),
    ],
    alerts.map((alert) => [
      severityText(alert.severity),
      style('dim', alert.id.slice(0, 8)),
      safe(alert.detector),
      cut(safe(alert.title), width),
      endsOf(alert),
      shortTime(alert.lastSeen),
      grouped(alert.count),
      ...(withState ? [alert.state] : []),
    ]),
    [6],
  );
}

/** `2026-01-05 09:30` of an ISO time. */
export function shortTime(iso: string): string {
  return safe(iso.slice(0, 16).replace('T', ' '));
}

/** The numbers that made the alert, one a line. */
export function whyLines(alert: Alert): string[] {
  const { observed, baseline, threshold, formula } = alert.explanation;
  return [
    `observed ${safe(String(observed))}`,
    `baseline ${safe(String(baseline))}, threshold ${safe(String(threshold))}`,
    style('dim', safe(formula)),
  ];
}
