import { formatAddress } from '../../src/columns/address.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import type { WindowBatch } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext, Emit } from '../../src/contracts.ts';
import { alikeAt } from './alike.ts';
import { Budget } from './budget.ts';
import type { VolumeConfig } from './config.ts';
import { Largest } from './largest.ts';
import { Peaks, toLog } from './peaks.ts';
import { type HourVerdict, hourOf, Rhythm } from './rhythm.ts';
import { compareWords, judgeWindow, type Spike } from './spikes.ts';
import { createTeller, type Held } from './teller.ts';

const HOUR = 3600;
/** Deviations of the rhythm in one hour that have a common cause (a holiday, lost logs): this many, and this share of all rhythms. */
const COMMON = { count: 3, share: 0.1 } as const;
/** The detector at work. */
export function createVolumeSpike(config: VolumeConfig, context: DetectorContext): Detector {
  const subjects = new Peaks(4, config.maxSubjects);
  const pairs = new Peaks(8, config.maxPairs);
  const rhythm = new Rhythm(config.maxRhythms);
  const largest = new Largest();
  const budget = new Budget(config.dailyBudget);
  const { tell, tellRhythm } = createTeller({ subjects, pairs, rhythm, largest, budget }, config, context);
  /** By window size. Empty between steps: the windows of a time close together. */
  const held = new Map<number, Held>();
  let lastHour = 0;

  function judgeRhythm(window: WindowBatch, spikes: readonly Spike[], emit: Emit): void {
    const hour = hourOf(window.start);
    if (window.length === 0) return;
    // Hours without any traffic at all are missing logs.
    if (lastHour !== 0 && hour > lastHour + 1) rhythm.noteMissing(lastHour + 1, hour);
    lastHour = hour;
    const deviating: { row: number; verdict: HourVerdict }[] = [];
    const note = (row: number, log: number): void => {
      const verdict = rhythm.judge(row, hour, log, config);
      if (verdict !== undefined) deviating.push({ row, verdict });
    };
    for (const at of rowsForRhythm(window)) {
      const row = rhythm.rowOf(window.subject, at * 4, hour);
      if (row !== NO_ROW) note(row, toLog(window.bytesOut[at]! + window.bytesIn[at]!));
    }
    for (let row = 0; row < rhythm.table.rows; row++) {
      if (!rhythm.table.has(row) || rhythm.table.columns.last[row] === hour) continue;
      if (!rhythm.dropSilent(row, hour - 1)) note(row, 0);
    }
    if (deviating.length > Math.max(COMMON.count, COMMON.share * rhythm.table.size)) return;
    const told = new Set(spikes.map(({ at }) => formatAddress(window.subject, at * 4)));
    const { keys } = rhythm.table.keys;
    deviating.sort((a, b) => compareWords(keys, a.row * 4, keys, b.row * 4));
    for (const { row, verdict } of deviating) {
      if (told.has(formatAddress(keys, row * 4))) continue;
      const finding = tellRhythm(row, verdict, window.start + window.size);
      if (finding !== undefined) emit(finding);
    }
  }

  function rowsForRhythm(window: WindowBatch): number[] {
    const rows = Array.from({ length: window.length }, (_, at) => at);
    if (rhythm.table.size + window.length <= config.maxRhythms) return rows;
    return rows.sort((a, b) => compareWords(window.subject, a * 4, window.subject, b * 4));
  }

  function isKnownSubject(window: WindowBatch, at: number): boolean {
    const row = subjects.table.find(window.subject, at * 4);
    return row !== NO_ROW && !subjects.isYoung(row, window.start, config.learnDays);
  }

  return {
    step(step) {
      largest.add(step);
    },
    window(window, emit) {
      const peaks = window.key === 'subject' ? subjects : pairs;
      const alike = alikeAt(subjects, context, window.start, config.learnDays);
      const spikes = judgeWindow(window, peaks, config, (at) => isKnownSubject(window, at), alike);
      for (const { row } of spikes) peaks.setAlerted(row);
      const end = window.start + window.size;
      if (window.key === 'subject') {
        if (window.size === HOUR) judgeRhythm(window, spikes, emit);
        const ordered = [...spikes].sort((a, b) =>
          compareWords(window.subject, a.at * 4, window.subject, b.at * 4),
        );
        if (spikes.length === 0) return;
        const bytes = window.bytesOut.map((out, at) => out + window.bytesIn[at]!);
        const waiting = { end, spikes: ordered, subjects: window.subject.slice(0, window.length * 4), bytes };
        if (!config.pairs) tell(waiting, [], { ...window, length: 0 }, emit);
        else held.set(window.size, waiting);
        return;
      }
      const waiting = held.get(window.size);
      held.delete(window.size);
      if (waiting === undefined && spikes.length === 0) return;
      tell(waiting?.end === end ? waiting : undefined, spikes, window, emit);
    },
    get overflow() {
      return subjects.overflow + pairs.overflow + rhythm.table.keys.overflow + budget.untold;
    },
    snapshot() {
      return packSnapshot(
        {
          subjects: subjects.table.snapshot(),
          pairs: pairs.table.snapshot(),
          rhythm: rhythm.table.snapshot(),
          largest: largest.snapshot(),
        },
        {
          pruned: [subjects.pruned, pairs.pruned],
          lastHour,
          budget: [budget.day, budget.used, budget.untold],
          held: [...held].map(([size, { end, spikes, subjects: words, bytes }]) => ({
            size,
            end,
            spikes,
            subjects: [...words],
            bytes: [...bytes],
          })),
        },
      );
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      subjects.restore(columns.get('subjects') as Uint8Array);
      pairs.restore(columns.get('pairs') as Uint8Array);
      rhythm.table.restore(columns.get('rhythm') as Uint8Array);
      largest.restore(columns.get('largest') as Uint8Array);
      const saved = meta as SavedMeta;
      [subjects.pruned, pairs.pruned] = saved.pruned;
      lastHour = saved.lastHour;
      [budget.day, budget.used, budget.untold] = saved.budget;
      held.clear();
      for (const { size, end, spikes, subjects: words, bytes } of saved.held) {
        held.set(size, { end, spikes, subjects: Uint32Array.from(words), bytes: Float64Array.from(bytes) });
      }
    },
  };
}

interface SavedMeta {
  readonly pruned: [number, number];
  readonly lastHour: number;
  readonly budget: [number, number, number];
  readonly held: readonly {
    readonly size: number;
    readonly end: number;
    readonly spikes: readonly Spike[];
    readonly subjects: readonly number[];
    readonly bytes: readonly number[];
  }[];
}
