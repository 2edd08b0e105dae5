import { formatAddress } from '../../src/columns/address.ts';
import { SCOPE, type Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { f64, StateTable, u8, u32 } from '../../src/columns/state-table.ts';
import {
  type Detector,
  type DetectorContext,
  type Emit,
  type Finding,
  SEVERITIES,
  type Severity,
} from '../../src/contracts.ts';
import { admit } from '../admission.ts';
import { findingOf, inOrder } from '../claim.ts';
import { putAddress } from '../sessions.ts';
import type { SlowScanConfig } from './config.ts';
import { type Contact, Contacts } from './contacts.ts';
import { scanClaim } from './finding.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const DAY = 86_400;
const SWEEP = 3600;
/** Seconds after which a scan that goes on is told again, so that its alert does not resolve meanwhile. */
const REMIND = 21_600;

/** What a contact adds to the walk, and where it ends: Jung, Paxson, Berger, Balakrishnan 2004, in logarithms. */
export interface Walk {
  readonly success: number;
  readonly failure: number;
  readonly benign: number;
  readonly scanner: number;
}

export function walkOf({ benign, scanner, falseAlarm, detection }: SlowScanConfig): Walk {
  return {
    success: Math.log(scanner / benign),
    failure: Math.log((1 - scanner) / (1 - benign)),
    benign: Math.log((1 - detection) / (1 - falseAlarm)),
    scanner: Math.log(detection / falseAlarm),
  };
}

/** The detector at work: a threshold random walk over the first contacts of each host of ours. */
export function createSlowScan(config: SlowScanConfig, context: DetectorContext): Detector {
  const walk = walkOf(config);
  const contacts = new Contacts();
  const table = sourceTable(config.maxSources);
  let dropped = 0;
  const places = {
    keys: table.keys,
    upsert: (key: Uint32Array, offset: number) => table.upsert(key, offset),
    weigh: (row: number) =>
      table.columns.told[row]! > 0 ? Number.POSITIVE_INFINITY : table.columns.failed[row]!,
    drop: (row: number) => table.delete(row),
  };

  function sweep(now: number): void {
    for (let row = 0; row < table.rows; row++)
      if (table.has(row) && now - table.columns.last[row]! > DAY) table.delete(row);
  }

  /** Counts what failed, then what worked for the sources that have failures: by source, the contacts that failed. */
  function count(all: readonly Contact[]): Map<number, Contact[]> {
    const failed = all.filter((contact) => contact.failed && contacts.failing(contact) < config.sharedBy);
    dropped += admit(places, failed.length, (item, key) => {
      const { sessions, row } = failed[item]!;
      putAddress(sessions.srcAddr, row, key, 0);
    });
    const bySource = new Map<number, Contact[]>();
    for (const contact of failed) {
      const { sessions, row } = contact;
      const at = table.upsert(sessions.srcAddr, row * 4);
      if (at < 0) continue;
      const { columns } = table;
      columns.walk[at] = columns.walk[at]! + walk.failure;
      columns.failed[at] = columns.failed[at]! + 1;
      if (sessions.dstScope[row] === SCOPE.internal) columns.inside[at] = columns.inside[at]! + 1;
      columns.first[at] = Math.min(columns.first[at]! || sessions.start[row]!, sessions.start[row]!);
      columns.last[at] = Math.max(columns.last[at]!, sessions.end[row]!);
      const group = bySource.get(at);
      if (group === undefined) bySource.set(at, [contact]);
      else group.push(contact);
    }
    for (const { sessions, row, failed: inVain } of all) {
      const at = inVain ? -1 : table.find(sessions.srcAddr, row * 4);
      if (at < 0) continue;
      const { columns } = table;
      columns.walk[at] = columns.walk[at]! + walk.success;
      columns.worked[at] = columns.worked[at]! + 1;
    }
    return bySource;
  }

  /** Ends the walks of sources that are benign: the next one begins anew. */
  function acquit(all: readonly Contact[]): void {
    for (const { sessions, row, failed } of all) {
      if (failed) continue;
      const at = table.find(sessions.srcAddr, row * 4);
      if (at >= 0 && table.columns.walk[at]! <= walk.benign) table.delete(at);
    }
  }

  function judge(at: number, group: readonly Contact[], step: Step): Finding | undefined {
    const { columns, keys } = table;
    const failed = columns.failed[at]!;
    if (columns.walk[at]! < walk.scanner || failed < config.hosts) return undefined;
    if (columns.last[at]! - columns.first[at]! < config.minutes * 60) return undefined;
    // Who fails mostly outside crawls or shares files; what is looked for inside is the next step of an intruder.
    const inside = columns.inside[at]!;
    const severity: Severity = inside >= config.insideHosts && inside * 2 >= failed ? 'medium' : 'low';
    const rank = SEVERITIES.indexOf(severity);
    const told = columns.told[at]!;
    const isLong = step.end - columns.toldAt[at]! >= REMIND;
    if (told > 0 && failed < 2 * told && rank <= columns.severity[at]! && !isLong) return undefined;
    columns.told[at] = failed;
    columns.toldAt[at] = step.end;
    columns.severity[at] = rank;
    const claim = scanClaim(
      {
        subject: formatAddress(keys.keys, at * 4),
        severity,
        walk: columns.walk[at]!,
        failed,
        inside,
        worked: columns.worked[at]!,
        first: columns.first[at]!,
        last: columns.last[at]!,
        count: failed - told,
      },
      walk,
      config,
    );
    // Samples are of one batch: what was refused at once, or what ended without an answer.
    const sessions = group.some((contact) => contact.sessions === step.active) ? step.active : step.ended;
    const rows = group.filter((contact) => contact.sessions === sessions).map(({ row }) => row);
    return findingOf(claim, sessions, rows, context.names);
  }

  return {
    get overflow() {
      return table.keys.overflow + dropped + contacts.overflow;
    },
    step(step: Step, emit: Emit) {
      if (table.size > 0 && step.start % SWEEP === 0) sweep(step.end);
      const all = contacts.take(step);
      if (all.length === 0) return;
      const found: Finding[] = [];
      for (const [at, group] of count(all)) {
        const finding = judge(at, group, step);
        if (finding !== undefined) found.push(finding);
      }
      acquit(all);
      for (const finding of inOrder(found)) emit(finding);
    },
    snapshot: () => packSnapshot({ contacts: contacts.snapshot(), sources: table.snapshot() }, { dropped }),
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      contacts.restore(columns.get('contacts') as Uint8Array);
      table.restore(columns.get('sources') as Uint8Array, ['toldAt']);
      dropped = (meta as { dropped: number }).dropped;
    },
  };
}

/**
 * `walk`: log of the likelihood ratio; `failed`, `inside`, `worked`: first contacts since it began, and those of the failed ones that are
 * inside; `first`, `last`: unix seconds of the failed ones; `told`, `toldAt`, `severity`: failures, unix seconds and severity when it was told
 * last, 0 before.
 */
function sourceTable(limit: number) {
  return new StateTable(4, limit, {
    walk: f64(),
    failed: u32(),
    inside: u32(),
    worked: u32(),
    first: u32(),
    last: u32(),
    told: u32(),
    toldAt: u32(),
    severity: u8(),
  });
}
