import type { Dictionary } from '../columns/dictionary.ts';
import { ACTION, type FlowBatch, LOG_STATUS, PRESENT } from '../columns/flow-batch.ts';
import type { RejectReason } from '../contracts.ts';
import type { DecodedPart } from '../parse/decode.ts';

/** Fields of a batch's core columns by AWS's names. */
const CORE: readonly (readonly [string, number])[] = [
  ['srcaddr', PRESENT.srcAddr],
  ['dstaddr', PRESENT.dstAddr],
  ['srcport', PRESENT.srcPort],
  ['dstport', PRESENT.dstPort],
  ['protocol', PRESENT.protocol],
  ['packets', PRESENT.packets],
  ['bytes', PRESENT.bytes],
  ['start', PRESENT.start],
  ['end', PRESENT.end],
  ['action', PRESENT.action],
  ['log-status', PRESENT.logStatus],
  ['tcp-flags', PRESENT.tcpFlags],
  ['pkt-srcaddr', PRESENT.pktSrcAddr],
  ['pkt-dstaddr', PRESENT.pktDstAddr],
];

/** Capture windows remembered of all interfaces together: a bound on memory, days of a large VPC. */
const MAX_WINDOWS = 2_000_000;
/** AWS aggregates over at most 60 or 600 s; a window may be a few seconds longer than its interval. */
const SHORT_INTERVAL = 60;
const LONG_INTERVAL = 600;
const SLACK = 30;

export interface SurveyResult {
  readonly records: number;
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
  /** Fields that hold a value in at least one record, with how many records have one. */
  readonly fields: ReadonlyMap<string, number>;
  readonly accepted: number;
  readonly refused: number;
  readonly noData: number;
  readonly skipData: number;
  /** Unix seconds; 0 without records. */
  readonly first: number;
  readonly last: number;
  /** Aggregation interval in seconds, 60 or 600, as the records show it; 0 without records. */
  readonly interval: number;
  readonly interfaces: number;
  /** Of them, those whose windows reach the end of the records. */
  readonly speaking: number;
  /** Minutes of all interfaces together from the first record of each to the last of all, and those without gaps. */
  readonly minutes: { readonly expected: number; readonly heard: number };
  /** Windows that begin before another one of the same interface has ended. */
  readonly overlapping: number;
  readonly windows: number;
  /** Times of two intervals and more in which an interface logged nothing, not even NODATA; the longest first. */
  readonly gaps: readonly { readonly interface: string; readonly from: number; readonly to: number }[];
}

/** Looks at records without judging them: which fields they have, and how complete and regular they are. */
export class Survey {
  readonly #names: Dictionary;
  readonly #fields = new Map<string, number>();
  readonly #rejected: Partial<Record<RejectReason, number>> = {};
  /** By interface code: its capture windows as start → latest end. */
  readonly #windows = new Map<number, Map<number, number>>();
  #windowCount = 0;
  #records = 0;
  #accepted = 0;
  #refused = 0;
  #noData = 0;
  #skipData = 0;
  #first = Number.POSITIVE_INFINITY;
  #last = 0;
  #timed = 0;
  #longWindows = 0;

  constructor(names: Dictionary) {
    this.#names = names;
  }

  get records(): number {
    return this.#records;
  }

  add(part: DecodedPart): void {
    this.#records += part.received;
    for (const { reason } of part.rejects) this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1;
    if (part.batch !== undefined) this.#addBatch(part.batch);
  }

  #addBatch(batch: FlowBatch): void {
    const { present, action, logStatus, length } = batch;
    for (let row = 0; row < length; row++) {
      if (action[row] === ACTION.accept) this.#accepted++;
      else if (action[row] === ACTION.reject) this.#refused++;
      if (logStatus[row] === LOG_STATUS.nodata) this.#noData++;
      else if (logStatus[row] === LOG_STATUS.skipdata) this.#skipData++;
      this.#addWindow(batch, row);
    }
    for (const [name, bit] of CORE) {
      let count = 0;
      for (let row = 0; row < length; row++) if ((present[row]! & bit) !== 0) count++;
      this.#count(name, count);
    }
    this.#countCodes('account-id', batch.accountId, length);
    this.#countCodes('interface-id', batch.interfaceId, length);
    for (const [index, name] of batch.layout.extra.entries()) {
      const codes = batch.extra[index];
      if (codes !== undefined) this.#countCodes(name, codes, length);
    }
  }

  #addWindow(batch: FlowBatch, row: number): void {
    const start = batch.start[row]!;
    const end = batch.end[row]!;
    if ((batch.present[row]! & PRESENT.end) === 0) return;
    if (end < this.#first) this.#first = end;
    if (end > this.#last) this.#last = end;
    if ((batch.present[row]! & PRESENT.start) === 0) return;
    this.#timed++;
    if (end - start > SHORT_INTERVAL + SLACK) this.#longWindows++;
    const code = batch.interfaceId[row]!;
    let windows = this.#windows.get(code);
    if (windows === undefined) {
      windows = new Map();
      this.#windows.set(code, windows);
    }
    const known = windows.get(start);
    if (known === undefined) {
      if (this.#windowCount === MAX_WINDOWS) return;
      this.#windowCount++;
    }
    if (known === undefined || end > known) windows.set(start, end);
  }

  #countCodes(name: string, codes: Uint32Array, length: number): void {
    let count = 0;
    for (let row = 0; row < length; row++) if (codes[row] !== 0) count++;
    this.#count(name, count);
  }

  #count(name: string, count: number): void {
    if (count > 0) this.#fields.set(name, (this.#fields.get(name) ?? 0) + count);
  }

  result(): SurveyResult {
    // One window in a hundred may be odd (clocks, restarts) without changing what the interval is.
    const long = this.#longWindows > this.#timed / 100;
    const interval = this.#timed === 0 ? 0 : long ? LONG_INTERVAL : SHORT_INTERVAL;
    const gaps: { interface: string; from: number; to: number }[] = [];
    let overlapping = 0;
    let speaking = 0;
    let expected = 0;
    let lacking = 0;
    for (const [code, windows] of this.#windows) {
      let covered = 0;
      let first = 0;
      for (const [start, end] of [...windows].sort(([a], [b]) => a - b)) {
        if (covered === 0) first = start;
        if (covered !== 0 && start < covered) overlapping++;
        if (covered !== 0 && start - covered >= 2 * interval) {
          gaps.push({ interface: this.#names.text(code), from: covered, to: start });
          lacking += start - covered;
        }
        if (end > covered) covered = end;
      }
      expected += this.#last - first;
      if (this.#last - covered < 2 * interval) speaking++;
      else lacking += this.#last - covered;
    }
    gaps.sort(
      (a, b) => b.to - b.from - (a.to - a.from) || a.from - b.from || (a.interface < b.interface ? -1 : 1),
    );
    return {
      records: this.#records,
      rejected: this.#rejected,
      fields: this.#fields,
      accepted: this.#accepted,
      refused: this.#refused,
      noData: this.#noData,
      skipData: this.#skipData,
      first: this.#last === 0 ? 0 : this.#first,
      last: this.#last,
      interval,
      interfaces: this.#windows.size,
      speaking,
      minutes: { expected: Math.round(expected / 60), heard: Math.round((expected - lacking) / 60) },
      overlapping,
      windows: this.#windowCount,
      gaps,
    };
  }
}
