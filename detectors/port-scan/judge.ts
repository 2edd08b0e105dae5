import { AgingFilter } from '../../src/columns/aging-filter.ts';
import { hashWords, KeyTable, NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext } from '../../src/contracts.ts';
import {
  batchOf,
  countsForSweep,
  type Failures,
  hashPath,
  isRejectedAttempt,
  isSuccess,
  isUnanswered,
  portKey,
  sourceOf,
} from '../attempts.ts';
import type { ScanConfig } from './config.ts';
import { NoiseGate } from './noise-gate.ts';
import { SCAN, ScanRows } from './scan-rows.ts';
import { hashHost, hashPort, Sources } from './sources.ts';
import { createTeller } from './teller.ts';

/** Attempts within an hour that give an outside source a place in the table. */
const GATE = 8;
/** Minutes without a failure after which a pair or sweep is forgotten: before and after it was told. */
const IDLE = 15;
const IDLE_OPEN = 120;
/** The same for sources, which may be slow. */
const SOURCE_IDLE = 360;
const EXPIRE_MINUTES = 5;
const SHORT_PACKETS = 8;
const HOUR = 3600;
/** What worked is remembered for 12 to 24 hours. */
const ALIVE_SECONDS = 43_200;
/** Eight hundred thousand paths in twelve hours. */
const ALIVE_BITS = 1 << 23;
/** Paths noted last, by the lower bits of their hash: most sessions repeat a path, and this stays in the cache, which the filter does not. */
const NOTED = 1 << 12;

/** The detector at work. It counts all failures of a step, then decides: the order of rows does not matter. */
export function createPortScan(config: ScanConfig, context: DetectorContext): Detector {
  const minutes = config.windowMinutes;
  const sources = new Sources(config.maxSources, minutes);
  const pairs = new ScanRows(8, config.maxPairs, minutes);
  const sweeps = new ScanRows(5, config.maxSweeps, minutes);
  const gate = new NoiseGate();
  const alive = new AgingFilter(ALIVE_BITS);
  const noted = new Int32Array(NOTED);
  forgetNoted();
  const bitOf = new Map(config.sensitivePorts.slice(0, 32).map((port, bit) => [port, 1 << bit]));
  const tell = createTeller(sources, pairs, sweeps, config, context);
  const key = new Uint32Array(8);
  /** Sessions of the step that worked, as items of {@link Failures}. */
  const worked: number[] = [];
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
    const { step, items } = failures;
    if (items.length <= rows.room) return;
    const { words } = rows.table.keys;
    const newcomers = new KeyTable(words, items.length);
    const counts: number[] = [];
    for (let i = 0; i < items.length; i++) {
      if (!wanted(i)) continue;
      keyOf(rows, batchOf(step, items[i]!), items[i]! >>> 1);
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

  /** Failures that count: not to what worked before. What worked in the step is remembered after them, and goes to `worked`. */
  function collect(step: Step): Failures {
    const failures: Failures = { step, items: [], hashes: [], sources: [] };
    const { active, ended } = step;
    worked.length = 0;
    for (let row = 0; row < active.length; row++) {
      const state = active.state[row]!;
      if ((state & STATE.rejectedNow) !== 0) {
        if (isRejectedAttempt(active, row)) fail(failures, active, row, row * 2);
      } else if ((state & STATE.establishedNow) !== 0 && active.srcScope[row] === SCOPE.internal) {
        if (isSuccess(active, row)) worked.push(row * 2);
      }
    }
    for (let row = 0; row < ended.length; row++) {
      if (isUnanswered(ended, row)) fail(failures, ended, row, row * 2 + 1);
      // Sessions longer than a step were remembered when they were established; short ones may have looked like refusals then.
      else if (ended.srcScope[row] === SCOPE.internal && isShort(ended, row) && isSuccess(ended, row))
        worked.push(row * 2 + 1);
    }
    return failures;
  }

  function fail(failures: Failures, sessions: SessionBatch, row: number, item: number): void {
    sourceOf(sessions, row, key, 0);
    const hash = hashWords(key, 0, 4);
    if (sessions.srcScope[row] === SCOPE.internal) {
      const path = hashPath(sessions, row);
      if (alive.maybe(path)) return;
    } else {
      gate.count(hash);
    }
    failures.items.push(item);
    failures.hashes.push(hash);
  }

  /** The first few attempts of an outside source, which are only counted. */
  function isNoise(sessions: SessionBatch, row: number, hash: number): boolean {
    if (sessions.srcScope[row] === SCOPE.internal || gate.estimate(hash) >= GATE) return false;
    if (!sources.mayHave(hash)) return true;
    sourceOf(sessions, row, key, 0);
    return sources.rows.table.find(key, 0) === NO_ROW;
  }

  function countSources(failures: Failures): void {
    const { step, items, hashes } = failures;
    const noise = (i: number): boolean => isNoise(batchOf(step, items[i]!), items[i]! >>> 1, hashes[i]!);
    admit(sources.rows, failures, (i) => !noise(i));
    for (let i = 0; i < items.length; i++) {
      if (noise(i)) {
        failures.sources.push(NO_ROW);
        continue;
      }
      const sessions = batchOf(step, items[i]!);
      const row = items[i]! >>> 1;
      keyOf(sources.rows, sessions, row);
      const rejected = (sessions.state[row]! & STATE.rejected) !== 0;
      failures.sources.push(sources.touch(key, hashes[i]!, sessions, row, rejected, tick));
    }
  }

  function forgetNoted(): void {
    noted.fill(0);
    // No hash that belongs there: an empty place must not look like hash 0.
    noted[0] = 1;
  }

  /** Adds a path to what worked, unless it was just added: of equal hashes the filter keeps the same bits. */
  function noteAlive(path: number): void {
    const at = path & (NOTED - 1);
    if (noted[at] === (path | 0)) return;
    noted[at] = path;
    alive.add(path);
  }

  function remember(step: Step): void {
    const none = sources.rows.table.size === 0;
    for (const item of worked) {
      const sessions = batchOf(step, item);
      const row = item >>> 1;
      noteAlive(hashPath(sessions, row));
      if (none || !sources.mayHave(hashWords(sessions.srcAddr, row * 4, 4))) continue;
      const at = sources.rows.table.find(sessions.srcAddr, row * 4);
      if (at !== NO_ROW) sources.success(at, sessions, row);
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
    const { step, items } = failures;
    const { columns } = sources.rows.table;
    const wanted = (i: number): boolean => {
      const source = failures.sources[i]!;
      if (source === NO_ROW || (columns.flags[source]! & flag) === 0) return false;
      return rows === pairs || countsForSweep(batchOf(step, items[i]!), items[i]! >>> 1);
    };
    if (!sources.rows.touched.some((source) => (columns.flags[source]! & flag) !== 0)) return;
    admit(rows, failures, wanted);
    for (let i = 0; i < items.length; i++) {
      if (!wanted(i)) continue;
      const sessions = batchOf(step, items[i]!);
      const row = items[i]! >>> 1;
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
    if (step.start % ALIVE_SECONDS === 0) {
      alive.turn();
      forgetNoted();
    }
    if (tick % EXPIRE_MINUTES === 0) {
      sources.expire(tick - SOURCE_IDLE, tick - SOURCE_IDLE);
      for (const rows of [pairs, sweeps]) rows.expire(tick - IDLE, tick - IDLE_OPEN);
    }
    sources.prune();
  }

  return {
    step(step, emit) {
      turn(step);
      const failures = collect(step);
      countSources(failures);
      remember(step);
      if (failures.items.length === 0) return;
      chooseFollowed();
      follow(failures, pairs, SCAN.followPairs);
      follow(failures, sweeps, SCAN.followSweeps);
      tell(failures, tick, emit);
    },
    get overflow() {
      return sources.overflow + pairs.overflow + sweeps.overflow + alive.overflow;
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
      forgetNoted();
      tick = (meta as { tick: number }).tick;
    },
  };
}

/** Few packets: what the step that established the session may have taken for a refusal. */
function isShort(sessions: SessionBatch, row: number): boolean {
  return sessions.packetsOut[row]! <= SHORT_PACKETS;
}

function compareKeys(table: KeyTable, a: number, b: number): number {
  for (let word = 0; word < table.words; word++) {
    const difference = table.keys[a * table.words + word]! - table.keys[b * table.words + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
