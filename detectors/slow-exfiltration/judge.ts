import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch, Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext, Emit, Finding } from '../../src/contracts.ts';
import { admit } from '../admission.ts';
import { Cases } from '../cases.ts';
import { findingOf, inOrder } from '../claim.ts';
import { Known } from '../known.ts';
import { putAddress } from '../sessions.ts';
import { uploadRows } from '../uploads.ts';
import type { SlowConfig } from './config.ts';
import { DriftTable } from './drift.ts';
import { driftClaim, type Share } from './finding.ts';

const DAY = 86_400;
const FORGET = 60 * DAY;
const HOUR = 3600;
const MEGABYTE = 1_000_000;

/** The detector at work: uploads by host in the period at hand, their drift, and since when each host is watched. */
export function createSlowExfiltration(config: SlowConfig, context: DetectorContext): Detector {
  const hosts = new Known(4, config.maxHosts, FORGET);
  const drifts = new DriftTable(config);
  const { table } = drifts;
  const length = config.periodHours * HOUR;
  const minutes = config.periodHours * 60;
  const pairs = new Cases({
    words: 8,
    limit: config.maxPairs,
    minutes,
    bucketMinutes: minutes / 6,
    sums: 1,
    keepTold: minutes,
    key(sessions, row, key) {
      putAddress(sessions.srcAddr, row, key, 0);
      putAddress(sessions.dstAddr, row, key, 4);
    },
  });
  const places = {
    keys: table.keys,
    upsert: (key: Uint32Array, offset: number) => table.upsert(key, offset),
    weigh: (row: number) =>
      table.columns.rising[row]! > 0 ? Number.POSITIVE_INFINITY : table.columns.bytes[row]! / MEGABYTE,
    drop: (row: number) => table.delete(row),
  };
  const key = new Uint32Array(4);
  const rows: number[] = [];
  let period = 0;
  let dropped = 0;

  /** Period since which a host is watched: one that nothing was seen of before the upload, since now. */
  function watchedSince(words: Uint32Array, at: number): number {
    key.set(words.subarray(at, at + 4));
    const since = hosts.since(key);
    return since === undefined ? period : Math.ceil((since - HOUR) / length);
  }

  /** Ends the periods before that of `time`. */
  function roll(time: number): void {
    const now = Math.floor(time / length);
    for (let done = period; period !== 0 && done < now && done < period + 60; done++)
      for (let row = 0; row < table.rows; row++) {
        if (!table.has(row)) continue;
        const bytes = table.columns.bytes[row]!;
        const drift = drifts.judge(row, done, watchedSince(table.keys.keys, row * 4), bytes);
        drifts.learn(row, done, drift, bytes);
        if (table.columns.rising[row] === 0) table.columns.first[row] = 0;
        if (drifts.isOver(row)) table.delete(row);
      }
    period = now;
  }

  /** The destination with most of what the host at `row` sent in the last period, and its share. */
  function mainShare(words: Uint32Array, at: number): Share {
    const { keys } = pairs.table.keys;
    let best = -1;
    let most = 0;
    let total = 0;
    for (let row = 0; row < pairs.table.rows; row++) {
      if (!pairs.table.has(row) || keys[row * 8 + 3] !== words[at + 3]) continue;
      if (keys[row * 8] !== words[at] || keys[row * 8 + 1] !== words[at + 1]) continue;
      if (keys[row * 8 + 2] !== words[at + 2]) continue;
      const bytes = pairs.sum(row, 0);
      total += bytes;
      if (bytes > most) {
        most = bytes;
        best = row;
      }
    }
    return { peer: best < 0 ? '' : formatAddress(keys, best * 8 + 4), share: total === 0 ? 0 : most / total };
  }

  function judge(row: number, sessions: SessionBatch, group: readonly number[]): Finding | undefined {
    const { columns, keys } = table;
    const bytes = columns.bytes[row]!;
    if (bytes < config.bytes) return undefined;
    if (columns.told[row] === period && bytes < 2 * columns.toldBytes[row]!) return undefined;
    const since = watchedSince(keys.keys, row * 4);
    const drift = drifts.judge(row, period, since, bytes);
    if (drift === undefined || drift.sum < config.limit || drift.z <= config.slack) return undefined;
    columns.told[row] = period;
    columns.toldBytes[row] = bytes;
    const claim = driftClaim(
      {
        subject: formatAddress(keys.keys, row * 4),
        bytes,
        drift,
        watched: period - since,
        first: columns.first[row]!,
        last: columns.last[row]!,
        count: columns.sessions[row]!,
        main: mainShare(keys.keys, row * 4),
      },
      config,
    );
    columns.sessions[row] = 0;
    return findingOf(claim, sessions, group, context.names);
  }

  function add(sessions: SessionBatch): Map<number, number[]> {
    dropped += admit(places, rows.length, (item, into) => putAddress(sessions.srcAddr, rows[item]!, into, 0));
    const grouped = new Map<number, number[]>();
    for (const row of rows) {
      const at = table.upsert(sessions.srcAddr, row * 4);
      if (at < 0) continue;
      const { columns } = table;
      columns.bytes[at] = columns.bytes[at]! + sessions.stepBytesOut[row]!;
      columns.sessions[at] = columns.sessions[at]! + 1;
      const { start, end } = sessions;
      columns.first[at] = Math.min(columns.first[at]! || start[row]!, start[row]!);
      columns.last[at] = Math.max(columns.last[at]!, end[row]!);
      const group = grouped.get(at);
      if (group === undefined) grouped.set(at, [row]);
      else group.push(row);
    }
    for (const { at, rows: group } of pairs.group(sessions, rows))
      for (const row of group) pairs.add(at, 0, sessions.stepBytesOut[row]!);
    return grouped;
  }

  return {
    get overflow() {
      return hosts.overflow + table.keys.overflow + pairs.overflow + dropped;
    },
    window(window) {
      hosts.learn(
        window.length,
        (item, into) => into.set(window.subject.subarray(item * 4, item * 4 + 4)),
        window.start + window.size,
      );
    },
    step(step: Step, emit: Emit) {
      pairs.begin(step);
      hosts.forget(step.start);
      if (Math.floor(step.start / length) !== period) roll(step.start);
      uploadRows(step.active, config.ratio, rows);
      if (rows.length === 0) return;
      const found: Finding[] = [];
      for (const [at, group] of add(step.active)) {
        const finding = judge(at, step.active, group);
        if (finding !== undefined) found.push(finding);
      }
      for (const finding of inOrder(found)) emit(finding);
    },
    snapshot: () =>
      packSnapshot(
        { hosts: hosts.snapshot(), uploads: table.snapshot(), pairs: pairs.snapshot() },
        { period, dropped },
      ),
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      hosts.restore(columns.get('hosts') as Uint8Array);
      table.restore(columns.get('uploads') as Uint8Array);
      pairs.restore(columns.get('pairs') as Uint8Array);
      ({ period, dropped } = meta as { period: number; dropped: number });
    },
  };
}
