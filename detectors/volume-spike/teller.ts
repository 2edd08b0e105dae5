import { formatAddress } from '../../src/columns/address.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type WindowBatch } from '../../src/columns/session-batch.ts';
import {
  type DetectorContext,
  type Emit,
  type Finding,
  SEVERITIES,
  type Severity,
} from '../../src/contracts.ts';
import type { Budget } from './budget.ts';
import type { VolumeConfig } from './config.ts';
import { rhythmFinding, spikeFinding, type Told } from './finding.ts';
import type { Largest } from './largest.ts';
import { MEASURE, type Peaks, toLog } from './peaks.ts';
import type { HourVerdict, Rhythm } from './rhythm.ts';
import { compareWords, type Spike } from './spikes.ts';

const HOUR = 3600;
/** An alert that was quiet for this long begins anew. */
const EPISODE = 6 * HOUR;
/** An alert that goes on is told again when it has doubled, and this often. */
const RETELL = HOUR;
const DOUBLE = Math.round(Math.LN2 * 1000);
/** A peer with this share of a subject's window is what the subject's alert is about. */
const MAIN_SHARE = 0.8;
/** New addresses with bulk from one subject in two weeks that are told as more than low. */
const USUAL_BULK = 3;
/** How far beyond certain a spike to a public peer must be to be severity high. */
const HIGH = { z: 10, times: 10 } as const;

/** Columns in which a table keeps what was told of a row last. */
interface ToldColumns {
  readonly toldAt: Uint32Array;
  readonly toldFirst: Uint32Array;
  readonly toldLog: Uint16Array;
  readonly toldSeverity: Uint8Array;
}

/** Subjects' spikes of a window wait for the pairs of the same window, which say more. */
export interface Held {
  readonly end: number;
  readonly spikes: readonly Spike[];
  readonly subjects: Uint32Array;
  readonly bytes: Float64Array;
}

/** Where the teller looks and what it writes to. */
export interface TellerParts {
  readonly subjects: Peaks;
  readonly pairs: Peaks;
  readonly rhythm: Rhythm;
  readonly largest: Largest;
  readonly budget: Budget;
}

interface MainPeer {
  /** Undefined when no peer has most of it. */
  readonly peer: string | undefined;
  readonly isPublic: boolean;
  /** Whether most of it went to clients outside that came for it: what a server is for. */
  readonly isFetched: boolean;
  /** Of the one with most. */
  readonly share: number;
}

/** Turns deviations into findings: one an event, told again only when it doubles or goes on for an hour. */
export function createTeller(parts: TellerParts, config: VolumeConfig, context: DetectorContext) {
  const { subjects, pairs, rhythm, largest, budget } = parts;
  const pair = new Uint32Array(8);

  /** Severity to tell with, or undefined when nothing is to be told now. */
  function severityOf(
    row: number,
    columns: ToldColumns,
    end: number,
    log: number,
    worst: Severity | undefined,
  ): Severity | undefined {
    const { toldAt, toldFirst, toldLog, toldSeverity } = columns;
    const open = toldAt[row] !== 0 && end - toldAt[row]! <= EPISODE;
    const before = SEVERITIES[toldSeverity[row]!]!;
    let severity = worst ?? (open ? before : (budget.take(end) ?? 'info'));
    if (open && SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(before)) severity = before;
    const again = end - toldAt[row]! >= RETELL || log >= toldLog[row]! + DOUBLE || severity !== before;
    if (open && !again) return undefined;
    if (!open) toldFirst[row] = 0;
    toldAt[row] = end;
    toldLog[row] = log;
    toldSeverity[row] = SEVERITIES.indexOf(severity);
    // Info is what the budget did not let through: remembered, so that it is not tried again every window.
    return severity === 'info' ? undefined : severity;
  }

  function begin(row: number, columns: ToldColumns, start: number): number {
    if (columns.toldFirst[row] === 0) columns.toldFirst[row] = start;
    return columns.toldFirst[row]!;
  }

  function evidence(
    words: Uint32Array,
    at: number,
    end: number,
    peer: string | undefined,
  ): Pick<Told, 'sample' | 'codes'> {
    const slot = largest.find(words, at, end);
    if (slot >= 0) return { sample: largest.sample(slot, context.names), codes: largest.codes(slot) };
    // Traffic that was absent, or in sessions too small to keep, has no record of its own.
    const sample = {
      'interface-id': '',
      srcaddr: formatAddress(words, at),
      dstaddr: peer ?? '-',
      srcport: 0,
      dstport: 0,
      protocol: 0,
      packets: 0,
      bytes: 0,
      start: end - 300,
      end,
      action: 'ACCEPT',
    } as const;
    return { sample, codes: {} };
  }

  /** Whether the subject often sends bulk to addresses that are new to it: a relay, a file server. */
  function isUsualBulk(spike: Spike, words: Uint32Array, time: number): boolean {
    if (spike.kind !== 'bulk') return false;
    const row = subjects.table.find(words, spike.at * 4);
    return row >= 0 && subjects.countBulk(row, time) > USUAL_BULK;
  }

  function tellSpike(
    spike: Spike,
    words: Uint32Array,
    { peer: peerText, isPublic, isFetched, share }: MainPeer,
    window: { start: number; end: number },
  ): Finding | undefined {
    const peaks = spike.key === 'subject' ? subjects : pairs;
    const { columns } = peaks.table;
    const { row } = spike;
    const extreme = spike.z >= HIGH.z && spike.value >= HIGH.times * config.minBytes;
    const out = spike.measure === MEASURE.out || spike.measure === MEASURE.hourOut;
    const isHigh = isPublic && out && (extreme || spike.value >= HIGH.times * config.bulkBytes);
    const usual = isUsualBulk(spike, words, window.end);
    const certain = isHigh ? 'high' : 'medium';
    const worst = usual || (isFetched && out && !spike.certain) ? 'low' : spike.certain ? certain : undefined;
    const severity = severityOf(row, columns, window.end, spike.log, worst);
    if (severity === undefined) return undefined;
    const from = begin(row, columns, window.start);
    const told = {
      subject: formatAddress(words, spike.at * 4),
      peer: peerText,
      severity,
      from,
      to: window.end,
      ...evidence(words, spike.at * 4, window.end, peerText),
    };
    return spikeFinding(spike, told, share, config);
  }

  /** Tells the spikes of a window: those of pairs, and those of subjects that no pair explains. */
  function tell(waiting: Held | undefined, spikes: readonly Spike[], window: WindowBatch, emit: Emit): void {
    const end = window.start + window.size;
    const { subject, peer } = window;
    const own = spikes.filter((spike) => !isMirror(spike, spikes, window));
    const orderOfPairs = [...own].sort(
      (a, b) =>
        compareWords(subject, a.at * 4, subject, b.at * 4) || compareWords(peer, a.at * 4, peer, b.at * 4),
    );
    const span = { start: window.start, end };
    for (const spike of orderOfPairs) {
      const isPublic = window.peerScope[spike.at] === SCOPE.public;
      const main = { peer: formatAddress(peer, spike.at * 4), isPublic, isFetched: false, share: 1 };
      const finding = tellSpike(spike, subject, main, span);
      if (finding !== undefined) emit(finding);
    }
    if (waiting === undefined) return;
    const explained = new Set(
      spikes.flatMap(({ at }) => [formatAddress(subject, at * 4), formatAddress(peer, at * 4)]),
    );
    for (const spike of waiting.spikes) {
      if (explained.has(formatAddress(waiting.subjects, spike.at * 4))) continue;
      const main = mainPeer(spike, waiting, window);
      const finding = tellSpike(spike, waiting.subjects, main, span);
      if (finding !== undefined) emit(finding);
    }
  }

  /** Whom most of what the subject moved in the window went to. */
  function mainPeer(spike: Spike, waiting: Held, window: WindowBatch): MainPeer {
    const none = { peer: undefined, isPublic: false, isFetched: false, share: 0 };
    const total = waiting.bytes[spike.at]!;
    if (total === 0 || window.key !== 'pair') return none;
    let best = -1;
    let most = 0;
    let fetched = 0;
    for (let row = 0; row < window.length; row++) {
      if (compareWords(window.subject, row * 4, waiting.subjects, spike.at * 4) !== 0) continue;
      const bytes = window.bytesOut[row]! + window.bytesIn[row]!;
      if (wasFetched(window, row)) fetched += bytes;
      if (bytes > most) {
        most = bytes;
        best = row;
      }
    }
    const share = most / total;
    const isFetched = fetched / total >= MAIN_SHARE;
    if (best < 0 || share < MAIN_SHARE) return { ...none, isFetched, share };
    return {
      peer: formatAddress(window.peer, best * 4),
      isPublic: window.peerScope[best] === SCOPE.public,
      isFetched,
      share,
    };
  }

  /** Whether a client outside opened the pair's sessions. */
  function wasFetched(window: WindowBatch, at: number): boolean {
    for (let word = 0; word < 4; word++) {
      pair[word] = window.subject[at * 4 + word]!;
      pair[4 + word] = window.peer[at * 4 + word]!;
    }
    const row = pairs.table.find(pair, 0);
    return row !== NO_ROW && window.peerScope[at] === SCOPE.public && pairs.isFetched(row);
  }

  function tellRhythm(row: number, verdict: HourVerdict, end: number): Finding | undefined {
    const lasting = rhythm.lasting(row, verdict.z > 0);
    if (lasting < config.rhythmHours) return undefined;
    if (Math.max(verdict.log, verdict.median) < toLog(config.weakBytes)) return undefined;
    const { columns } = rhythm.table;
    // Silence is mostly a machine that was switched off, and few days say little of a fall.
    const worst = verdict.z < 0 && (verdict.by === 'day' || verdict.log === 0) ? 'low' : undefined;
    const severity = severityOf(row, columns, end, verdict.log, worst);
    if (severity === undefined) return undefined;
    const from = begin(row, columns, end - lasting * HOUR);
    const { keys } = rhythm.table.keys;
    const subject = formatAddress(keys, row * 4);
    const told = {
      subject,
      peer: undefined,
      severity,
      from,
      to: end,
      ...evidence(keys, row * 4, end, undefined),
    };
    return rhythmFinding(verdict, lasting, told, config);
  }

  return { tell, tellRhythm };
}

/** Between two internal addresses both see the same spike; the sender's tells it. */
function isMirror(spike: Spike, spikes: readonly Spike[], window: WindowBatch): boolean {
  if (spike.measure !== MEASURE.in && spike.measure !== MEASURE.hourIn) return false;
  return spikes.some(
    (other) =>
      other.measure !== MEASURE.in &&
      other.measure !== MEASURE.hourIn &&
      compareWords(window.subject, spike.at * 4, window.peer, other.at * 4) === 0 &&
      compareWords(window.peer, spike.at * 4, window.subject, other.at * 4) === 0,
  );
}
