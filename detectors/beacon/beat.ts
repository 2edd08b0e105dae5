import type { Calls } from './calls.ts';
import type { BeaconConfig } from './config.ts';
import { areKeptOpen } from './connections.ts';
import { type BeaconScore, barsOf, beaconScore, deviationOf, medianOf } from './rita.ts';

const DAY = 86_400;
/** Intervals that a median needs, as RITA has it. */
const LEAST_INTERVALS = 3;
/** Hours with calls before a beat is scored: what RITA asks for its part of the duration. */
const LEAST_HOURS = 6;

/** Calls that begin at one moment, on average, from which on several share a capture window: whole records, not packets, have times. */
const CROWDED = 1.1;
/** The shortest intervals are about the length of a capture window then. */
const SHORTEST = 0.1;

/** The rhythm of a pair in the last 24 hours. */
export interface Beat {
  readonly calls: number;
  /** Seconds: typical interval, median deviation from it, from the first call to the last. */
  readonly interval: number;
  readonly deviation: number;
  readonly span: number;
  /** 0 to 1: how evenly the calls fill the capture windows, where these hold several; else 1. */
  readonly evenness: number;
}

/** The rhythm of the pair in row `at`; undefined when it has none, or one that is no beacon's. */
export function beatOf(calls: Calls, at: number, config: BeaconConfig): Beat | undefined {
  const sums = calls.sums(at);
  if (sums.calls < config.minCalls || calls.fact(at, 'ports') < config.minPorts) return undefined;
  // Whoever asks for one port only wants these too.
  if (config.minPorts > 1 && areKeptOpen(sums.placed, sums.connections)) return undefined;
  const intervals = calls.samples(at, 'intervals');
  if (intervals.length < LEAST_INTERVALS) return undefined;
  const last = calls.fact(at, 'last');
  const span = last - Math.max(calls.fact(at, 'first'), last - DAY);
  const median = medianOf(intervals);
  const crowded = sums.calls > CROWDED * sums.moments;
  const interval = crowded ? span / sums.calls : median;
  if (interval < config.minInterval || interval > config.maxInterval) return undefined;
  // Bursts have a median too; a beacon keeps calling in between.
  if (sums.moments * median < config.kept * span) return undefined;
  const windows = span / intervals[Math.floor(SHORTEST * intervals.length)]!;
  const evenness = crowded ? evennessOf(sums.calls / windows, sums.squares / windows) : 1;
  return { calls: sums.calls, interval, deviation: deviationOf(intervals, median), span, evenness };
}

/** One minus the Fano factor of counts with that mean and mean square: 1 for a clock, 0 for chance (Poisson) and for bursts. */
function evennessOf(mean: number, meanSquare: number): number {
  return Math.min(1, Math.max(0, 1 - (meanSquare - mean * mean) / mean));
}

/** The score of a beat; undefined before it has lasted for six hours. */
export function scoreOf(calls: Calls, at: number, beat: Beat): BeaconScore | undefined {
  const hours = calls.hours(at);
  if (barsOf(hours) < LEAST_HOURS) return undefined;
  const intervals = calls.samples(at, 'intervals');
  return beaconScore(intervals, calls.samples(at, 'sizes'), hours, beat.span, beat.evenness);
}
