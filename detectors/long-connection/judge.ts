import { NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { StateTable, u8, u32 } from '../../src/columns/state-table.ts';
import {
  type Detector,
  type DetectorContext,
  type Finding,
  SEVERITIES,
  type Severity,
} from '../../src/contracts.ts';
import { findingOf, inOrder } from '../claim.ts';
import { compareRows } from '../evidence.ts';
import { putAddress, putPair } from '../sessions.ts';
import type { LongConnectionConfig } from './config.ts';
import { longClaim } from './finding.ts';
import { Known, putNetwork } from './known.ts';

const HOUR = 3600;
const DAY = 86_400;
/** Source, destination, server port with protocol, source port. */
const KEY_WORDS = 10;
/** A connection that goes on is told again after so long, unless it got worse. */
const RETELL = 6 * HOUR;

/** The detector at work: connections with destinations outside that nobody has kept a connection with before. */
export function createLongConnection(config: LongConnectionConfig, context: DetectorContext): Detector {
  const subjects = new Known(config.maxSubjects);
  const destinations = new Known(config.maxDestinations);
  const connections = connectionTable(config.maxConnections);
  const key = new Uint32Array(KEY_WORDS);
  const network = new Uint32Array(4);
  const levels: readonly (readonly [number, Severity])[] = [
    [config.highHours * HOUR, 'high'],
    [config.mediumHours * HOUR, 'medium'],
    [config.lowHours * HOUR, 'low'],
  ];
  let since = 0;

  function putConnection(sessions: SessionBatch, row: number): void {
    putPair(sessions, row, sessions.dstPort[row]! | (sessions.protocol[row]! << 16), key);
    key[9] = sessions.srcPort[row]!;
  }

  /** Sessions outwards that have lasted long enough to be known by. */
  function longOnes(sessions: SessionBatch): number[] {
    const { length, start, end, state, srcScope, dstScope } = sessions;
    const least = config.knownHours * HOUR;
    const rows: number[] = [];
    for (let row = 0; row < length; row++) {
      if (end[row]! - start[row]! < least || (state[row]! & STATE.established) === 0) continue;
      if (srcScope[row] !== SCOPE.internal || dstScope[row] !== SCOPE.public) continue;
      if (sessions.bytesOut[row]! >= config.minBytes && sessions.bytesIn[row]! >= config.minBytes)
        rows.push(row);
    }
    return rows;
  }

  /** Whether a connection is news: nobody kept one with the destination before, and subject and network are old enough to say so. */
  function isNews(sessions: SessionBatch, row: number): boolean {
    const start = sessions.start[row]!;
    if (start < since + config.learnDays * DAY) return false;
    if (start < bornAt(sessions, row) + config.learnDays * DAY) return false;
    putNetwork(sessions.dstAddr, row * 4, network);
    return destinations.since(network) === undefined;
  }

  /** Since when the subject is known, by either of its addresses: a host that begins to use IPv6 is no new one. */
  function bornAt(sessions: SessionBatch, row: number): number {
    putAddress(sessions.srcAddr, row, network, 0);
    const born = subjects.since(network) ?? Number.POSITIVE_INFINITY;
    const twin = context.twinOf(network, 0);
    return twin === undefined ? born : Math.min(born, subjects.since(twin) ?? born);
  }

  /** Place of the row's connection; a new one is judged once, by what was known before the step. */
  function place(sessions: SessionBatch, row: number): number {
    putConnection(sessions, row);
    const at = connections.upsert(key, 0);
    if (at === NO_ROW) return at;
    const { start, news, told, rank, last } = connections.columns;
    if (start[at] !== sessions.start[row]) {
      start[at] = sessions.start[row]!;
      news[at] = isNews(sessions, row) ? 1 : 0;
      told[at] = 0;
      rank[at] = 0;
    }
    last[at] = sessions.end[row]!;
    return at;
  }

  function judge(sessions: SessionBatch, row: number): Finding | undefined {
    const at = place(sessions, row);
    if (at === NO_ROW || connections.columns.news[at] === 0) return undefined;
    const seconds = sessions.end[row]! - sessions.start[row]!;
    const severity = levels.find(([least]) => seconds >= least)?.[1];
    if (severity === undefined) return undefined;
    const { told, rank } = connections.columns;
    const now = sessions.end[row]!;
    if (SEVERITIES.indexOf(severity) <= rank[at]! && now - told[at]! < RETELL) return undefined;
    told[at] = now;
    rank[at] = SEVERITIES.indexOf(severity);
    return findingOf(longClaim(severity, config, sessions, row), sessions, [row], context.names);
  }

  return {
    step(step, emit) {
      if (since === 0) since = step.start;
      if (step.start % HOUR === 0) expire(step.start);
      const sessions = step.active;
      const rows = longOnes(sessions);
      if (rows.length === 0) return;
      if (rows.length > connections.keys.limit - connections.size)
        rows.sort((a, b) => compareRows(sessions, a, sessions, b));
      const found = rows.flatMap((row) => judge(sessions, row) ?? []);
      destinations.learn(rows.length, step.start, (item, into) =>
        putNetwork(sessions.dstAddr, rows[item]! * 4, into),
      );
      for (const finding of inOrder(found)) emit(finding);
    },
    window(window) {
      subjects.learn(window.length, window.start, (row, into) => putAddress(window.subject, row, into, 0));
    },
    get overflow() {
      return connections.keys.overflow + destinations.overflow + subjects.overflow;
    },
    snapshot() {
      const tables = {
        subjects: subjects.table.snapshot(),
        destinations: destinations.table.snapshot(),
        connections: connections.snapshot(),
      };
      return packSnapshot(tables, { since });
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      subjects.table.restore(columns.get('subjects') as Uint8Array);
      destinations.table.restore(columns.get('destinations') as Uint8Array);
      connections.restore(columns.get('connections') as Uint8Array);
      ({ since } = meta as { since: number });
    },
  };

  function expire(time: number): void {
    for (let at = 0; at < connections.rows; at++)
      if (connections.has(at) && connections.columns.last[at]! < time - HOUR) connections.delete(at);
    if (time % DAY !== 0) return;
    destinations.expire(time - config.forgetDays * DAY);
    subjects.expire(time - config.forgetDays * DAY);
  }
}

/** `start`, `last`: of the session; `news`: 1 when it is; `told`, `rank`: when and how severe it was told last. */
function connectionTable(limit: number) {
  return new StateTable(KEY_WORDS, limit, { start: u32(), last: u32(), news: u8(), told: u32(), rank: u8() });
}
