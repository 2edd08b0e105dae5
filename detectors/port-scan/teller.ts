import { isSameAddress } from '../../src/columns/address.ts';
import { countBits } from '../../src/columns/bits.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import { type DetectorContext, type Emit, SEVERITIES, type Severity } from '../../src/contracts.ts';
import { batchOf, type Failures, portKey } from '../attempts.ts';
import { compareRows, flowSample } from '../evidence.ts';
import type { ScanConfig } from './config.ts';
import { counterpartOf, findingOf, type Kind, type Scan, severityOf, subjectOf } from './finding.ts';
import { SCAN, type ScanRows } from './scan-rows.ts';
import type { Sources } from './sources.ts';

const MAX_SAMPLES = 3;
/** Steps after which a scan that goes on is told again: half of its quiet period, so that its alert does not resolve meanwhile. */
const REMIND = 60;

interface Told extends Scan {
  readonly order: string;
  readonly samples: { readonly sessions: SessionBatch; readonly row: number }[];
}

/** Decides which of the touched rows are scans to tell, now or again, and emits findings in an order of their own. */
export function createTeller(
  sources: Sources,
  pairs: ScanRows,
  sweeps: ScanRows,
  config: ScanConfig,
  context: DetectorContext,
): (failures: Failures, tick: number, emit: Emit) => void {
  const sensitive = new Set(config.sensitivePorts);
  const fileSharing = new Set(config.fileSharingPorts);
  const turned = new Uint32Array(8);

  const limitsOf = (source: number): ScanConfig['internal'] =>
    (sources.rows.table.columns.flags[source]! & SCAN.external) !== 0 ? config.external : config.internal;

  /** Distinct ports or hosts in the window. A pair or sweep is followed only from some failures on; a source with one host has them all. */
  function windowOf(kind: Kind, row: number, sourceRow: number, tick: number): number {
    const vertical = kind === 'vertical';
    const own = (vertical ? pairs : sweeps).window.count(row, tick);
    const others = vertical
      ? sources.hosts.count(sourceRow, tick)
      : sources.rows.window.count(sourceRow, tick);
    if (others > 1) return own;
    const all = vertical ? sources.rows.window.count(sourceRow, tick) : sources.hosts.count(sourceRow, tick);
    return Math.max(own, all);
  }

  /** Whether the other end fails more on this one: then some of its attempts were taken for answers, and this one is the victim. */
  function isTurned(row: number): boolean {
    const { keys } = pairs.table.keys;
    turned.set(keys.subarray(row * 8 + 4, row * 8 + 8));
    turned.set(keys.subarray(row * 8, row * 8 + 4), 4);
    const other = pairs.table.find(turned, 0);
    return other >= 0 && pairs.total.count(other) > pairs.total.count(row);
  }

  /** The scans among the touched rows of pairs or sweeps. */
  function scansOf(kind: Exclude<Kind, 'block'>, tick: number): Scan[] {
    const rows = kind === 'vertical' ? pairs : sweeps;
    const { columns } = rows.table;
    const { keys, words } = rows.table.keys;
    const scans: Scan[] = [];
    for (const row of rows.touched) {
      const sourceRow = sources.rows.table.find(keys, row * words);
      if (sourceRow < 0) continue;
      const inWindow = windowOf(kind, row, sourceRow, tick);
      const limits = limitsOf(sourceRow);
      const touched = countBits(columns.sensitive[row]!);
      const external = limits === config.external;
      const bySensitive = kind === 'vertical' && !external && touched >= config.sensitiveCount;
      if (inWindow < (kind === 'vertical' ? limits.ports : limits.hosts) && !bySensitive) continue;
      if (sources.failShare(sourceRow) < config.failShare) continue;
      if (kind === 'vertical' && isTurned(row)) continue;
      const port = keys[row * words + 4]! & 0xffff;
      const looksForMore = kind === 'vertical' ? bySensitive : sensitive.has(port);
      const flags = columns.flags[row]! | (external ? SCAN.external : 0);
      const isSharing = kind !== 'vertical' && !external && fileSharing.has(port);
      scans.push({
        kind,
        rows,
        row,
        sources,
        sourceRow,
        inWindow,
        total: Math.max(inWindow, rows.total.count(row)),
        exact: rows.total.isExact(row),
        networks: sources.networks.count(sourceRow),
        sensitive: touched,
        severity: isSharing ? 'low' : severityOf(flags, looksForMore),
        slow: false,
      });
    }
    return scans;
  }

  function blockOf(sourceRow: number, tick: number): Scan {
    return {
      kind: 'block',
      rows: sources.rows,
      row: sourceRow,
      sources,
      sourceRow,
      inWindow: sources.hosts.count(sourceRow, tick),
      total: sources.totalHosts.count(sourceRow),
      exact: false,
      networks: sources.networks.count(sourceRow),
      sensitive: 0,
      severity: severityOf(sources.rows.table.columns.flags[sourceRow]!, false),
      slow: false,
    };
  }

  function isBlock(sourceRow: number, tick: number, others: boolean): boolean {
    const limits = limitsOf(sourceRow);
    const { attempts } = sources.rows.table.columns;
    if (attempts[sourceRow]! < Math.max(limits.ports, limits.hosts)) return false;
    const ports = sources.rows.window.count(sourceRow, tick);
    const hosts = sources.hosts.count(sourceRow, tick);
    const factor = others ? 4 : 1;
    if (ports < factor * limits.ports || hosts < factor * limits.hosts) return false;
    return sources.failShare(sourceRow) >= config.failShare;
  }

  /** Many ports over hours, too few at a time for the window. */
  function isSlow(sourceRow: number): boolean {
    if (sources.rows.table.columns.attempts[sourceRow]! < config.slowPorts) return false;
    if (sources.rows.total.count(sourceRow) < config.slowPorts) return false;
    return sources.failShare(sourceRow) >= config.failShare;
  }

  /** What counts for doubling: ports, hosts, or both together. */
  const extentOf = (scan: Scan): number =>
    scan.kind === 'block' ? sources.failed.count(scan.sourceRow) : scan.total;

  /** Tells a scan when it is new, twice as large as when it was told last, worse, or was told an hour ago. */
  function isNews(scan: Scan, tick: number): boolean {
    const { flags, sentCount, sentSeverity, sentTick } = scan.rows.table.columns;
    if ((flags[scan.row]! & SCAN.open) === 0) return true;
    return (
      extentOf(scan) >= 2 * sentCount[scan.row]! ||
      SEVERITIES.indexOf(scan.severity) > sentSeverity[scan.row]! ||
      tick - sentTick[scan.row]! >= REMIND
    );
  }

  /** Whether a source that was told does nothing now that the window would show. */
  function isSlowOnly(sourceRow: number, tick: number): boolean {
    return !isBlock(sourceRow, tick, false) && isSlow(sourceRow);
  }

  function slowSeverity(sourceRow: number): Severity {
    const severity = severityOf(sources.rows.table.columns.flags[sourceRow]!, false);
    return severity === 'info' ? 'info' : 'low';
  }

  /** The scans to tell of one source. Many at once, or both kinds at once, become one. */
  function choose(sourceRow: number, scans: readonly Scan[], tick: number): Scan[] {
    const { flags, alerts } = sources.rows.table.columns;
    const open = (scan: Scan): boolean => (scan.rows.table.columns.flags[scan.row]! & SCAN.open) !== 0;
    const fresh = scans.filter((scan) => !open(scan)).length;
    const isOne =
      ((flags[sourceRow]! & SCAN.open) !== 0 && !isSlowOnly(sourceRow, tick)) ||
      alerts[sourceRow]! + fresh > config.maxAlerts ||
      isBlock(sourceRow, tick, alerts[sourceRow]! + fresh > 0);
    const news = (all: readonly Scan[]): Scan[] => all.filter((scan) => isNews(scan, tick));
    if (isOne) return news([blockOf(sourceRow, tick)]);
    if (scans.length === 0 && alerts[sourceRow] === 0 && isSlow(sourceRow))
      return news([{ ...blockOf(sourceRow, tick), slow: true, severity: slowSeverity(sourceRow) }]);
    alerts[sourceRow] = alerts[sourceRow]! + fresh;
    return news(scans);
  }

  function remember(scan: Scan, tick: number): void {
    const { columns } = scan.rows.table;
    columns.flags[scan.row] = columns.flags[scan.row]! | SCAN.open;
    columns.sentCount[scan.row] = extentOf(scan);
    columns.sentSeverity[scan.row] = SEVERITIES.indexOf(scan.severity);
    columns.sentAttempts[scan.row] = columns.attempts[scan.row]!;
    columns.sentTick[scan.row] = tick;
  }

  return (failures, tick, emit) => {
    const bySource = Map.groupBy(
      [...scansOf('vertical', tick), ...scansOf('horizontal', tick)],
      (scan) => scan.sourceRow,
    );
    const told: Told[] = [];
    for (const sourceRow of sources.rows.touched) {
      for (const scan of choose(sourceRow, bySource.get(sourceRow) ?? [], tick))
        told.push({ ...scan, order: `${subjectOf(sources, sourceRow)} ${counterpartOf(scan)}`, samples: [] });
    }
    if (told.length === 0) return;
    sample(failures, told);
    for (const scan of told.sort((a, b) => (a.order < b.order ? -1 : 1))) {
      const first = scan.samples[0]!;
      const rows = scan.samples.map(({ sessions, row }) => flowSample(sessions, row, context.names));
      const codes = {
        interfaceId: first.sessions.interfaceId[first.row]!,
        accountId: first.sessions.accountId[first.row]!,
      };
      emit(findingOf(scan, config, rows, codes));
      remember(scan, tick);
    }
  };
}

/** Gives each scan the first few of its failures, first by what they are. */
function sample(failures: Failures, told: readonly Told[]): void {
  const bySource = Map.groupBy(told, (scan) => scan.sourceRow);
  for (const [i, item] of failures.items.entries()) {
    const scans = bySource.get(failures.sources[i]!);
    if (scans === undefined) continue;
    const sessions = batchOf(failures.step, item);
    const row = item >>> 1;
    for (const scan of scans) {
      if (!belongs(scan, sessions, row)) continue;
      const { samples } = scan;
      let at = samples.length;
      while (at > 0 && compareRows(sessions, row, samples[at - 1]!.sessions, samples[at - 1]!.row) < 0) at--;
      if (at >= MAX_SAMPLES) continue;
      samples.splice(at, 0, { sessions, row });
      samples.length = Math.min(samples.length, MAX_SAMPLES);
    }
  }
}

function belongs(scan: Scan, sessions: SessionBatch, row: number): boolean {
  const { keys } = scan.rows.table.keys;
  if (scan.kind === 'horizontal') return keys[scan.row * 5 + 4] === portKey(sessions, row);
  if (scan.kind === 'block') return true;
  return isSameAddress(keys, scan.row * 8 + 4, sessions.dstAddr, row * 4);
}
