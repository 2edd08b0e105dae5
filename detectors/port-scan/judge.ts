import { AgingFilter } from '../../src/columns/key-filter.ts';
import { KeyTable, NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext } from '../../src/contracts.ts';
import {
  countsForSweep,
  hashPath,
  isRejectedAttempt,
  isSuccess,
  isUnanswered,
  portKey,
  sourceOf,
} from './attempts.ts';
import type { ScanConfig } from './config.ts';
import { NoiseGate } from './noise-gate.ts';
import { SCAN, ScanRows } from './scan-rows.ts';
import { hashHost, hashPort, Sources } from './sources.ts';
import { createTeller } from './teller.ts';

/** Attempts within an hour that give an outside source a place in the table. */
const GATE = 4;
/** Minutes without a failure after which a source is forgotten: before and after it was told. */
const IDLE = 15;
const IDLE_OPEN = 120;
const EXPIRE_MINUTES = 5;
const HOUR = 3600;
/** What worked is remembered for 12 to 24 hours. */
const ALIVE_SECONDS = 43_200;
const ALIVE_BITS = 1 << 21;

/** Failed attempts of a step: rows of `active`, then rows of `ended`, with the source's row. */
export interface Failures {
  readonly batches: SessionBatch[];
  readonly rows: number[];
  readonly sources: number[];
}

/** The detector at work. It counts all failures of a step, then decides: the order of rows does not matter. */
export function createPortScan(config: ScanConfig, context: DetectorContext): Detector {
  const minutes = config.windowMinutes;
  const sources = new Sources(config.maxSources, minutes);
  const pairs = new ScanRows(8, config.maxPairs, minutes);
  const sweeps = new ScanRows(5, config.maxSweeps, minutes);
  const gate = new NoiseGate();
  const alive = new AgingFilter(ALIVE_BITS);
  const bitOf = new Map(config.sensitivePorts.slice(0, 32).map((port, bit) => [port, 1 << bit]));
  const tell = createTeller(sources, pairs, sweeps, config, context);
  const key = new Uint32Array(8);
  let tick = 0;

  /** The key of a failure in `rows`: source, then host or port. */
  function keyOf(rows: ScanRows, sessions: SessionBatch, row: number): void {
    sourceOf(sessions, row, key, 0);
    if (rows === pairs)
      for (let word = 0; word < 4; word++) key[4 + word] = sessions.dstAddr[row * 4 + word]!;
    else if (rows === sweeps) key[4] = portKey(sessions, row);
  }

  /** When not every new key of the step fits, gives the places to those with the most attempts, whatever the order of rows. */
  function admit(rows: ScanRows, failures: Failures, wanted: (i: number) => boolean): void {
    if (failures.rows.length <= rows.room) return;
    const { words } = rows.table.keys;
    const newcomers = new KeyTable(words, failures.rows.length);
    const counts: number[] = [];
    for (let i = 0; i < failures.rows.length; i++) {
      if (!wanted(i)) continue;
      keyOf(rows, failures.batches[i]!, failures.rows[i]!);
      if (rows.table.find(key, 0) !== NO_ROW) continue;
      const at = newcomers.upsert(key, 0);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    const { room } = rows;
    if (newcomers.size <= room) return;
    const order = counts
      .map((_, at) => at)
      .sort((a, b) => counts[b]! - counts[a]! || compareKeys(newcomers, a, b));
    for (const at of order.slice(0, room)) rows.table.upsert(newcomers.keys, at * words);
  }

  /** Reads the step: what failed, and what worked, which is remembered after the failures were judged. */
  function read(step: Step, failed: (sessions: SessionBatch, row: number) => void): [SessionBatch, number][] {
    const worked: [SessionBatch, number][] = [];
    const { active, ended } = step;
    for (let row = 0; row < active.length; row++) {
      const state = active.state[row]!;
      if ((state & STATE.rejectedNow) !== 0) {
        if (isRejectedAttempt(active, row)) failed(active, row);
      } else if ((state & STATE.establishedNow) !== 0 && active.srcScope[row] === SCOPE.internal) {
        if (isSuccess(active, row)) worked.push([active, row]);
      }
    }
    for (let row = 0; row < ended.length; row++) {
      if (isUnanswered(ended, row)) failed(ended, row);
      else if (ended.srcScope[row] === SCOPE.internal && isSuccess(ended, row)) worked.push([ended, row]);
    }
    return worked;
  }

  /** Failures that count: not to what worked before, and for outside sources not the first few. */
  function collect(step: Step): { failures: Failures; worked: [SessionBatch, number][] } {
    const failures: Failures = { batches: [], rows: [], sources: [] };
    const worked = read(step, (sessions, row) => {
      if (sessions.srcScope[row] === SCOPE.internal) {
        const [first, second] = hashPath(sessions, row);
        if (alive.maybe(first, second)) return;
      } else {
        sourceOf(sessions, row, key, 0);
        gate.count(key);
      }
      failures.batches.push(sessions);
      failures.rows.push(row);
    });
    return { failures, worked };
  }

  function isNoise(sessions: SessionBatch, row: number): boolean {
    if (sessions.srcScope[row] === SCOPE.internal) return false;
    sourceOf(sessions, row, key, 0);
    return gate.estimate(key) < GATE && sources.rows.table.find(key, 0) === NO_ROW;
  }

  function countSources(failures: Failures): void {
    const { batches, rows } = failures;
    admit(sources.rows, failures, (i) => !isNoise(batches[i]!, rows[i]!));
    for (let i = 0; i < rows.length; i++) {
      const sessions = batches[i]!;
      const row = rows[i]!;
      if (isNoise(sessions, row)) {
        failures.sources.push(NO_ROW);
        continue;
      }
      keyOf(sources.rows, sessions, row);
      const rejected = (sessions.state[row]! & STATE.rejected) !== 0;
      failures.sources.push(sources.touch(key, sessions, row, rejected, tick));
    }
  }

  /** Marks the sources whose hosts or ports are worth following one by one. */
  function chooseFollowed(): void {
    const { columns } = sources.rows.table;
    for (const at of sources.rows.touched) {
      const limits = (columns.flags[at]! & SCAN.external) !== 0 ? config.external : config.internal;
      columns.flags[at] = columns.flags[at]! & ~(SCAN.followPairs | SCAN.followSweeps);
      const leastPorts = Math.min(config.sensitiveCount, Math.ceil(limits.ports / 3));
      const leastHosts = Math.ceil(limits.hosts / 3);
      if (columns.attempts[at]! < Math.min(leastPorts, leastHosts)) continue;
      const ports = sources.rows.window.count(at, tick);
      const hosts = sources.hosts.count(at, tick);
      // Many ports of many hosts are one scan of the source; following each would only fill the tables.
      if (ports >= leastPorts && hosts < 4 * limits.hosts)
        columns.flags[at] = columns.flags[at]! | SCAN.followPairs;
      if (hosts >= leastHosts && ports < 4 * limits.ports)
        columns.flags[at] = columns.flags[at]! | SCAN.followSweeps;
    }
  }

  function follow(failures: Failures, rows: ScanRows, flag: number): void {
    const { columns } = sources.rows.table;
    const wanted = (i: number): boolean => {
      const source = failures.sources[i]!;
      if (source === NO_ROW || (columns.flags[source]! & flag) === 0) return false;
      return rows === pairs || countsForSweep(failures.batches[i]!, failures.rows[i]!);
    };
    admit(rows, failures, wanted);
    for (let i = 0; i < failures.rows.length; i++) {
      if (!wanted(i)) continue;
      const sessions = failures.batches[i]!;
      const row = failures.rows[i]!;
      keyOf(rows, sessions, row);
      const hash = rows === pairs ? hashPort(portKey(sessions, row)) : hashHost(sessions.dstAddr, row * 4);
      const rejected = (sessions.state[row]! & STATE.rejected) !== 0;
      const at = rows.touch(key, sessions, row, hash, rejected, tick);
      const bit = bitOf.get(sessions.dstPort[row]!);
      if (at !== NO_ROW && bit !== undefined)
        rows.table.columns.sensitive[at] = rows.table.columns.sensitive[at]! | bit;
    }
  }

  function turn(step: Step): void {
    tick++;
    for (const rows of [sources.rows, pairs, sweeps]) rows.touched = [];
    if (step.start % HOUR === 0) gate.reset();
    if (step.start % ALIVE_SECONDS === 0) alive.turn();
    if (tick % EXPIRE_MINUTES === 0) {
      sources.expire(tick - IDLE, tick - IDLE_OPEN);
      for (const rows of [pairs, sweeps]) rows.expire(tick - IDLE, tick - IDLE_OPEN);
    }
    sources.prune();
  }

  return {
    step(step, emit) {
      turn(step);
      const { failures, worked } = collect(step);
      countSources(failures);
      for (const [sessions, row] of worked) {
        const [first, second] = hashPath(sessions, row);
        alive.add(first, second);
        if (sources.rows.table.size === 0) continue;
        sourceOf(sessions, row, key, 0);
        const at = sources.rows.table.find(key, 0);
        if (at !== NO_ROW) sources.success(at, sessions, row);
      }
      if (failures.rows.length === 0) return;
      chooseFollowed();
      follow(failures, pairs, SCAN.followPairs);
      follow(failures, sweeps, SCAN.followSweeps);
      tell(failures, tick, emit);
    },
    get overflow() {
      return sources.overflow + pairs.overflow + sweeps.overflow;
    },
    snapshot() {
      return packSnapshot(
        {
          sources: sources.snapshot(),
          pairs: pairs.snapshot(),
          sweeps: sweeps.snapshot(),
          gate: gate.snapshot(),
          alive: alive.snapshot(),
        },
        { tick },
      );
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      sources.restore(columns.get('sources') as Uint8Array);
      pairs.restore(columns.get('pairs') as Uint8Array);
      sweeps.restore(columns.get('sweeps') as Uint8Array);
      gate.restore(columns.get('gate') as Uint8Array);
      alive.restore(columns.get('alive') as Uint8Array);
      tick = (meta as { tick: number }).tick;
    },
  };
}

function compareKeys(table: KeyTable, a: number, b: number): number {
  for (let word = 0; word < table.words; word++) {
    const difference = table.keys[a * table.words + word]! - table.keys[b * table.words + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
