import { NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type WindowBatch } from '../../src/columns/session-batch.ts';
import type { Alike, RoleBaseline, TwinPeak } from './alike.ts';
import type { VolumeConfig } from './config.ts';
import { fromLog, MEASURE, MEASURES, type PeakBaseline, type Peaks, toLog } from './peaks.ts';

/** A window above everything its key has shown, or much sent to an address that got little before. */
export interface Spike {
  readonly kind: 'spike' | 'bulk';
  readonly key: 'subject' | 'pair';
  /** Row in the peaks and in the window. */
  readonly row: number;
  readonly at: number;
  readonly measure: number;
  readonly value: number;
  readonly log: number;
  readonly z: number;
  readonly ratio: number;
  readonly baseline: PeakBaseline | undefined;
  /** Beyond doubt by size and deviation; the rest shares a daily budget. */
  readonly certain: boolean;
  /** Other measures of the same window that spike too. */
  readonly also: readonly string[];
}

const SUBJECT_WORDS = 4;
/** Days with traffic from which the daily peaks are believed as they are. */
const FEW_DAYS = 14;

/** What all rows of a window are judged by. */
interface Judging {
  readonly window: WindowBatch;
  readonly peaks: Peaks;
  readonly config: VolumeConfig;
  readonly isKnownSubject: (at: number) => boolean;
  readonly pair: boolean;
  /** Of the window's size. */
  readonly measures: readonly number[];
  /** Logarithm, in thousandths, of how far above every peak a value deserves a closer look. */
  readonly leastAbove: number;
  /** What subjects that are watched for too short sent, and might be certain: those of one subject together. */
  readonly young: Shown[][];
}

/** One measure of a row of the window. */
type Shown = Pick<Spike, 'row' | 'at' | 'measure' | 'value' | 'log'>;

const key = new Uint32Array(8);

/** Compares every row of a window with its history and learns it. */
export function judgeWindow(
  window: WindowBatch,
  peaks: Peaks,
  config: VolumeConfig,
  isKnownSubject: (at: number) => boolean,
  { ofRole, ofTwin }: Alike,
): Spike[] {
  const spikes: Spike[] = [];
  peaks.prune(window.start);
  const judging: Judging = {
    window,
    peaks,
    config,
    isKnownSubject,
    pair: window.key === 'pair',
    measures: MEASURES.flatMap(({ size }, measure) => (size === window.size ? [measure] : [])),
    leastAbove: Math.log(config.weakRatio) * 1000,
    young: [],
  };
  const order = orderOf(window, peaks);
  for (let i = 0; i < window.length; i++) {
    const spike = judgeRow(judging, order === undefined ? i : order[i]!);
    if (spike !== undefined) spikes.push(spike);
  }
  // After all rows: by then every subject of the window has closed the days before.
  const told = spikes.filter((spike) => !isUsualOfRole(spike, ofRole, config));
  for (const each of judging.young) {
    const spike = worst(each.flatMap((shown) => judgeYoung(shown, ofRole, config)));
    if (spike !== undefined) told.push(spike);
  }
  return told.filter((spike) => !isUsualOfTwin(spike, ofTwin, config));
}

/** What a host did by its other address is no news by this one: clients choose between IPv4 and IPv6 anew for each connection (RFC 8305). */
function isUsualOfTwin(
  { key: kind, row, measure, value }: Spike,
  ofTwin: TwinPeak,
  config: VolumeConfig,
): boolean {
  return kind === 'subject' && value < config.weakRatio * fromLog(ofTwin(row, measure));
}

/** Few days of its own are no reason to tell what others of the role do all the time. */
function isUsualOfRole(spike: Spike, ofRole: RoleBaseline, config: VolumeConfig): boolean {
  const { key: kind, certain, baseline, row, measure, value } = spike;
  if (kind === 'pair' || certain || baseline === undefined || baseline.days >= FEW_DAYS) return false;
  const role = ofRole(row, measure);
  return role !== undefined && value < config.weakRatio * fromLog(role.highest);
}

/** What a subject without days of its own has sent, beside what its role did: told only when it is certain. */
function judgeYoung(shown: Shown, ofRole: RoleBaseline, config: VolumeConfig): Spike[] {
  const { row, measure, value, log } = shown;
  const baseline = ofRole(row, measure);
  if (baseline === undefined) return [];
  const { z, ratio } = compare(log, value, baseline);
  if (z < config.z || ratio < config.ratio) return [];
  return [{ ...shown, kind: 'spike', key: 'subject', z, ratio, baseline, certain: true, also: [] }];
}

/** A function of its own: a loop of some hundred calls an hour is compiled late and thrown away often, a function with as many rows is not. */
function judgeRow(judging: Judging, at: number): Spike | undefined {
  const { window, peaks, config, pair, measures } = judging;
  const time = window.start;
  // Loops: a view an address would be most of what a run leaves to the garbage collector.
  for (let word = 0; word < SUBJECT_WORDS; word++) {
    key[word] = window.subject[at * 4 + word]!;
    if (pair) key[SUBJECT_WORDS + word] = window.peer[at * 4 + word]!;
  }
  let row = peaks.table.find(key, 0);
  if (row === NO_ROW) {
    // A pair that never moves anything needs no history.
    if (pair && window.bytesOut[at]! + window.bytesIn[at]! < config.weakBytes) return undefined;
    row = peaks.table.upsert(key, 0);
    if (row === NO_ROW) return undefined;
  }
  peaks.turn(row, time);
  const fetched = pair && isFetched(window, at, row, peaks);
  const bulk = pair && !fetched && isBulk(window, at, row, peaks, config) && judging.isKnownSubject(at);
  const young = !pair && peaks.isYoung(row, time, config.learnDays);
  let shown: Shown[] | undefined;
  let found: Spike[] | undefined;
  for (let i = 0; i < measures.length; i++) {
    const measure = measures[i]!;
    const value = amountOf(window, at, measure);
    const log = toLog(value);
    if (!peaks.note(row, measure, log, judging.leastAbove)) continue;
    if (fetched && isOut(measure)) continue;
    if (young) {
      // What a new machine gets is what is installed on it.
      if (isOut(measure) && value >= config.minBytes) {
        shown ??= [];
        shown.push({ row, at, measure, value, log });
      }
      continue;
    }
    const spike = judge(peaks, row, at, measure, value, log, time, pair, config);
    if (spike === undefined) continue;
    found ??= [];
    found.push({ ...spike, key: window.key });
  }
  if (shown !== undefined) judging.young.push(shown);
  if (found !== undefined) return worst(found);
  return bulk ? bulkOf(window, at, row) : undefined;
}

/** The order in which to take a window's rows: that of their keys when not all may find a place; undefined: whichever. */
function orderOf(window: WindowBatch, peaks: Peaks): Uint32Array | undefined {
  const { keys } = peaks.table;
  if (keys.size + window.length <= keys.limit) return undefined;
  const { subject, peer } = window;
  return Uint32Array.from({ length: window.length }, (_, at) => at).sort(
    (a, b) => compareWords(subject, a * 4, subject, b * 4) || compareWords(peer, a * 4, peer, b * 4),
  );
}

/** Orders addresses. */
export function compareWords(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  for (let word = 0; word < 4; word++) if (a[i + word] !== b[j + word]) return a[i + word]! - b[j + word]!;
  return 0;
}

function amountOf(window: WindowBatch, at: number, measure: number): number {
  if (measure === MEASURE.packets) return window.packetsOut[at]! + window.packetsIn[at]!;
  if (measure === MEASURE.sessions)
    return Math.max(0, window.sessionsOut[at]! + window.sessionsIn[at]! - window.rejects[at]!);
  return isOut(measure) ? window.bytesOut[at]! : window.bytesIn[at]!;
}

function judge(
  peaks: Peaks,
  row: number,
  at: number,
  measure: number,
  value: number,
  log: number,
  time: number,
  pair: boolean,
  config: VolumeConfig,
): Omit<Spike, 'key'> | undefined {
  const isBytes = MEASURES[measure]!.unit === 'bytes';
  const floor = isBytes
    ? config.weakBytes
    : measure === MEASURE.packets
      ? config.minPackets
      : config.minSessions;
  if (value < floor) return undefined;
  const baseline = peaks.baseline(row, measure, time, config.learnDays);
  if (baseline === undefined) return undefined;
  const { z, ratio } = compare(log, value, baseline);
  const far = z >= config.z && ratio >= config.ratio;
  // Pairs are many and little; what is uncertain must show in the subject as a whole.
  if (pair && !(far && isBytes && value >= config.minBytes)) return undefined;
  if (!far && (!isBytes || z < config.weakZ || ratio < config.weakRatio)) return undefined;
  // Few days know few peaks: only what is far above them counts.
  const few = baseline.days < FEW_DAYS && ratio < config.ratio;
  const least = baseline.days < 2 * config.learnDays ? config.z : config.weakZ + (few ? 1 : 0);
  if (!far && z < least) return undefined;
  const certain = far && isBytes && value >= config.minBytes;
  return { kind: 'spike', row, at, measure, value, log, z, ratio, baseline, certain, also: [] };
}

function compare(log: number, value: number, baseline: PeakBaseline): { z: number; ratio: number } {
  return {
    z: (log - baseline.median) / baseline.spread,
    ratio: value / Math.max(1, fromLog(baseline.highest)),
  };
}

/** Clients outside that come and fetch are what servers are for: whoever opened the pair's last sessions asked for the bytes. */
function isFetched(window: WindowBatch, at: number, row: number, peaks: Peaks): boolean {
  if (window.sessionsOut[at]! > 0) peaks.setFetched(row, false);
  else if (window.sessionsIn[at]! > 0) peaks.setFetched(row, true);
  return peaks.isFetched(row) && window.peerScope[at] === SCOPE.public;
}

function isOut(measure: number): boolean {
  return measure === MEASURE.out || measure === MEASURE.hourOut;
}

/** Much sent to a public address that never got a tenth of it in an hour. */
function isBulk(window: WindowBatch, at: number, row: number, peaks: Peaks, config: VolumeConfig): boolean {
  if (window.size !== 3600 || window.peerScope[at] !== SCOPE.public) return false;
  if (window.bytesOut[at]! < config.bulkBytes) return false;
  return peaks.highest(row, MEASURE.hourOut) < toLog(config.bulkBytes / 10);
}

function bulkOf(window: WindowBatch, at: number, row: number): Spike {
  const value = window.bytesOut[at]!;
  return {
    kind: 'bulk',
    key: 'pair',
    row,
    at,
    measure: MEASURE.hourOut,
    value,
    log: toLog(value),
    z: 0,
    ratio: 0,
    baseline: undefined,
    certain: true,
    also: [],
  };
}

function worst(spikes: readonly Spike[]): Spike | undefined {
  const [first, ...rest] = [...spikes].sort(
    (a, b) => Number(b.certain) - Number(a.certain) || b.z - a.z || a.measure - b.measure,
  );
  return first && { ...first, also: rest.map(({ measure }) => MEASURES[measure]!.name) };
}
