import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext, Emit } from '../../src/contracts.ts';
import { Addresses } from './addresses.ts';
import type { TelemetryConfig } from './config.ts';
import { createFeedJudge } from './feeds.ts';
import { createFindings } from './finding.ts';
import { Interfaces, STATE } from './interfaces.ts';
import { Outages } from './outages.ts';
import { closeQuarter, QUARTER } from './quarter.ts';
import { createSourceJudge } from './sources.ts';

const HOUR = 3600;
const DAY = 86_400;
/**
 * Addresses are learnt in one step of so many, and in all as long as something has to be decided. Prime to 10: interfaces with an interval of
 * 600 s have records in one step of ten.
 */
const LOOK_STEPS = 7;
/** Packets that others must log from the address of a silent interface for it to be alive. */
const LEAST_PACKETS = 10;

/** The detector at work. */
export function createTelemetryLoss(config: TelemetryConfig, context: DetectorContext): Detector {
  const precedes = (a: number, b: number): boolean => context.names.precedes(a, b);
  const interfaces = new Interfaces(config, precedes);
  const addresses = new Addresses(interfaces, precedes);
  const outages = new Outages(config, interfaces);
  const findings = createFindings(config, interfaces, addresses, context);
  /** Places of the day's budget that are used. */
  let budget = { day: 0, used: 0 };
  /** Whether a silent interface waits for a decision. */
  let undecided = false;

  /** Whether others saw the silent interface for long enough: what was on its way when it was deleted is no sign of life. */
  function isAlive(row: number): boolean {
    const { packets, witnessed, witnessedFrom } = interfaces.table.columns;
    const seenFor = witnessed[row]! - witnessedFrom[row]!;
    return packets[row]! >= LEAST_PACKETS && seenFor >= interfaces.patience(row) / 2;
  }

  /** What becomes of a silent interface that nobody sees, after twice its patience. */
  function verdictOf(row: number, end: number): number {
    const { witnessed, last } = interfaces.table.columns;
    if (witnessed[row]! > 0 && last[row]! - witnessed[row]! < DAY) return STATE.gone;
    const day = Math.floor(end / DAY);
    if (day !== budget.day) budget = { day, used: 0 };
    if (budget.used >= config.dailyBudget) return STATE.gone;
    budget.used++;
    return STATE.told;
  }

  function judgeAlone(silent: readonly number[], end: number, emit: Emit): void {
    const { state, toldAt, packets, last } = interfaces.table.columns;
    undecided = false;
    const alone = silent.filter((row) => state[row] !== STATE.outage);
    // The budget is theirs in an order of their names.
    for (const row of alone.sort((a, b) => (interfaces.precedes(a, b) ? -1 : 1))) {
      const before = state[row]!;
      if (before !== STATE.proven && isAlive(row)) state[row] = STATE.proven;
      else if (before === STATE.silent && end - last[row]! > 2 * interfaces.patience(row))
        state[row] = verdictOf(row, end);
      undecided ||= state[row] === STATE.silent;
      const isTold = state[row] === STATE.told || state[row] === STATE.proven;
      const goesOn = state[row] === STATE.told || packets[row]! > 0;
      if (!isTold || (state[row] === before && (end - toldAt[row]! < HOUR || !goesOn))) continue;
      emit(findings.silent(row, end));
      toldAt[row] = end;
      packets[row] = 0;
    }
  }

  return {
    get overflow() {
      return interfaces.table.keys.overflow;
    },
    step({ start, end, active, interfaces: speaking }, emit) {
      interfaces.hear(speaking, end);
      const isOpen = undecided || outages.table.size > 0;
      if (isOpen || (start / 60) % LOOK_STEPS === 0) addresses.look(active, speaking, end);
      const silent = interfaces.silentAt(end, (row) => addresses.forget(row));
      const out = outages.judge(silent, end);
      if (out.length > 1 && !interfaces.anySpeaks()) emit(findings.silence(out, end));
      else for (const outage of out) emit(findings.outage(outage, end));
      judgeAlone(silent, end, emit);
      if (end % QUARTER !== 0) return;
      const { skips, lost } = closeQuarter(interfaces, config);
      for (const one of skips) emit(findings.skips(one, end));
      for (const one of lost) emit(findings.fields(one, end));
    },
    source: createSourceJudge(config),
    feed: createFeedJudge(),
    snapshot: () =>
      packSnapshot(
        {
          interfaces: interfaces.table.snapshot(),
          addresses: addresses.table.snapshot(),
          outages: outages.table.snapshot(),
        },
        { budget, undecided },
      ),
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      interfaces.table.restore(columns.get('interfaces') as Uint8Array);
      addresses.table.restore(columns.get('addresses') as Uint8Array);
      outages.table.restore(columns.get('outages') as Uint8Array);
      ({ budget, undecided } = meta as { budget: typeof budget; undecided: boolean });
    },
  };
}
