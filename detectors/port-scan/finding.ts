import { formatAddress } from '../../src/columns/address.ts';
import type { Explanation, Finding, FlowSample, Severity } from '../../src/contracts.ts';
import { evidenceQuery, portText, rounded, utc } from '../evidence.ts';
import type { ScanConfig } from './config.ts';
import { SCAN, type ScanRows } from './scan-rows.ts';
import type { Sources } from './sources.ts';

/** What is told: one host's ports, one port's hosts, or both at once. */
export type Kind = 'vertical' | 'horizontal' | 'block';

export interface Scan {
  readonly kind: Kind;
  readonly rows: ScanRows;
  /** Row in `rows`; for a block the source's own. */
  readonly row: number;
  readonly sources: Sources;
  readonly sourceRow: number;
  /** Distinct ports (vertical) or hosts in the window, and since it began. */
  readonly inWindow: number;
  readonly total: number;
  /** Whether `total` is no estimate. */
  readonly exact: boolean;
  readonly networks: number;
  /** Sensitive ports touched in the last minute. */
  readonly sensitive: number;
  readonly severity: Severity;
  /** Seen over hours only. */
  readonly slow: boolean;
}

/** Severity of a scan: outside sources are internet noise, inside ones are news, high when they look for what matters. */
export function severityOf(flags: number, sensitive: boolean): Severity {
  if ((flags & SCAN.external) !== 0) return (flags & SCAN.accepted) !== 0 ? 'low' : 'info';
  return sensitive || (flags & SCAN.publicTarget) !== 0 ? 'high' : 'medium';
}

/** Canonical address of the source, or the base of its /64 when it used several addresses of it. */
export function subjectOf(sources: Sources, row: number): string {
  const { table } = sources.rows;
  if ((table.columns.flags[row]! & SCAN.manyAddresses) !== 0) return formatAddress(table.keys.keys, row * 4);
  return formatAddress(table.columns.address, row * 4);
}

export function counterpartOf(scan: Scan): string {
  const { kind, rows, row } = scan;
  if (kind === 'block') return 'many ports';
  const keys = rows.table.keys.keys;
  if (kind === 'vertical') return `ports of ${formatAddress(keys, row * 8 + 4)}`;
  const key = keys[row * 5 + 4]!;
  return `hosts on ${portText(key & 0xffff, key >>> 16)}`;
}

export function findingOf(
  scan: Scan,
  config: ScanConfig,
  samples: readonly FlowSample[],
  codes: { readonly interfaceId: number; readonly accountId: number },
): Finding {
  const { kind, rows, row, sources, sourceRow } = scan;
  const { columns } = rows.table;
  const subject = subjectOf(sources, sourceRow);
  const many = (sources.rows.table.columns.flags[sourceRow]! & SCAN.manyAddresses) !== 0;
  const keys = rows.table.keys.keys;
  const peer = kind === 'vertical' ? formatAddress(keys, row * 8 + 4) : undefined;
  const swept = kind === 'horizontal' ? keys[row * 5 + 4]! : undefined;
  const port = swept === undefined ? undefined : { port: swept & 0xffff, protocol: swept >>> 16 };
  const span = { from: columns.first[row]!, to: columns.last[row]! };
  const counterpart = counterpartOf(scan);
  return {
    severity: scan.severity,
    title: titleOf(scan, many ? `${subject}/64` : subject, peer),
    subject,
    ...(peer === undefined ? {} : { peer }),
    ...port,
    ...codes,
    counterpart,
    firstSeen: span.from,
    lastSeen: span.to,
    count: Math.max(1, columns.attempts[row]! - columns.sentAttempts[row]!),
    score: scoreOf(scan, config),
    explanation: explain(scan, config),
    samples,
    query: evidenceQuery({
      ...(many ? { srcNetwork: `${subject}/64` } : { src: subject }),
      ...(peer === undefined ? {} : { peer }),
      ...port,
      ...span,
    }),
    exception: {
      subject: many ? `${subject}/64` : subject,
      ...(peer === undefined ? {} : { peer }),
      ...port,
      ...(kind === 'block' ? { rule: counterpart } : {}),
    },
  };
}

function titleOf(scan: Scan, subject: string, peer: string | undefined): string {
  const { kind, sources, sourceRow, rows, row } = scan;
  const total = scan.exact ? scan.total : `about ${scan.total}`;
  if (kind === 'vertical') return `${subject} tried ${total} ports of ${peer} in vain`;
  if (kind === 'horizontal') {
    const key = rows.table.keys.keys[row * 5 + 4]!;
    return `${subject} tried ${portText(key & 0xffff, key >>> 16)} on ${total} hosts in vain`;
  }
  return `${subject} tried ${sources.rows.total.count(sourceRow)} ports on ${scan.total} host${scan.total === 1 ? '' : 's'} in vain${scan.slow ? ', slowly' : ''}`;
}

function limitsOf(scan: Scan, config: ScanConfig): ScanConfig['internal'] {
  const { flags } = scan.sources.rows.table.columns;
  return (flags[scan.sourceRow]! & SCAN.external) !== 0 ? config.external : config.internal;
}

function scoreOf(scan: Scan, config: ScanConfig): number {
  const limits = limitsOf(scan, config);
  const least = scan.kind === 'vertical' ? limits.ports : limits.hosts;
  const doublings = Math.max(0, Math.log2(scan.total / least));
  const base = { info: 0.1, low: 0.25, medium: 0.55, high: 0.75, critical: 0.9 }[scan.severity];
  return rounded(Math.min(1, base + 0.03 * Math.min(8, doublings)));
}

function explain(scan: Scan, config: ScanConfig): Explanation {
  const { kind, sources, sourceRow, inWindow, total } = scan;
  const limits = limitsOf(scan, config);
  const { columns } = sources.rows.table;
  const unit = kind === 'vertical' ? 'ports' : 'hosts';
  const least = kind === 'vertical' ? limits.ports : limits.hosts;
  const minutes = config.windowMinutes;
  if (scan.slow) {
    return {
      observed: `${sources.rows.total.count(sourceRow)} distinct ports failed since ${utc(columns.first[sourceRow]!)}`,
      baseline: shareText(scan),
      threshold: `${config.slowPorts} distinct ports over hours`,
      formula: `distinct failed ports >= ${config.slowPorts} and failed / targets >= ${config.failShare}`,
      hosts: total,
      attempts: columns.attempts[sourceRow]!,
    };
  }
  const bySensitive = scan.sensitive >= config.sensitiveCount && inWindow < least;
  const side = limits === config.external ? 'external' : 'internal';
  return {
    observed: `${inWindow} distinct ${unit} failed in ${minutes} min`,
    baseline: shareText(scan),
    threshold: bySensitive
      ? `${config.sensitiveCount} sensitive ports in 1 min`
      : `${least} distinct ${unit} in ${minutes} min (${side} source)`,
    formula:
      kind === 'block'
        ? `distinct failed hosts >= ${limits.hosts} and distinct failed ports >= ${limits.ports}, or more than ${config.maxAlerts} scans of the source; failed / targets >= ${config.failShare}`
        : `distinct failed ${unit} >= threshold and failed / targets >= ${config.failShare}; failed = rejected, or ended unanswered or refused; targets that worked before do not count`,
    total,
    ...(kind === 'vertical' ? {} : { networks: scan.networks }),
    ...(scan.sensitive > 0 ? { sensitivePorts: scan.sensitive } : {}),
    attempts: scan.rows.table.columns.attempts[scan.row]!,
    portsOfSource: sources.rows.total.count(sourceRow),
    hostsOfSource: sources.totalHosts.count(sourceRow),
    attemptsOfSource: columns.attempts[sourceRow]!,
  };
}

function shareText({ sources, sourceRow }: Scan): string {
  const targets = sources.failed.count(sourceRow) + sources.worked.count(sourceRow);
  const share = rounded(100 * sources.failShare(sourceRow), 3);
  return `tries mostly succeed; of the ${targets} targets of this source ${share} % failed`;
}
