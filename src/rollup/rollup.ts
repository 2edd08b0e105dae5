import { type FlowBatch, LOG_STATUS, PRESENT } from '../columns/flow-batch.ts';
import { createInterfaceBatch } from '../columns/interface-batch.ts';
import { type SessionBatch, STATE } from '../columns/session-batch.ts';
import { type Column, packParts, type SnapshotParts, unpackSnapshot } from '../columns/snapshot.ts';
import { FLOW_WORDS } from './flow-row.ts';
import type { FlowTable } from './flow-table.ts';
import { Lanes } from './lanes.ts';
import { laterFields } from './later-fields.ts';
import { writeFlow } from './lone-flow.ts';
import { OpenSteps } from './open-steps.ts';
import type { RollupOptions, RollupOutput, RollupOverflow } from './options.ts';
import { Orientation } from './orient.ts';
import type { SavedRollup } from './saved-rollup.ts';
import { Sessions, STEP_SECONDS } from './sessions.ts';
import { Windows } from './windows.ts';

const JUDGED = PRESENT.srcAddr | PRESENT.dstAddr | PRESENT.protocol;
/** An aggregation interval of 600 s shows in records longer than this; with 60 s the longest seen in the wild is 120. */
const LONG_RECORD_SECONDS = 120;
const LONG_SHARE = 0.01;
/** Open steps past which nothing is held back: nearly three days. */
const MAX_HELD_STEPS = 4096;
/** Silent steps handed over in a row before time leaps to the next record: a day. */
const SILENT_STEPS = 1440;

const NO_INTERFACES = createInterfaceBatch(0);

/** Rebuilds connections from flow records and closes event time in steps of 60 s. */
export class Rollup {
  readonly #options: RollupOptions;
  readonly #output: RollupOutput;
  readonly #open = new OpenSteps();
  readonly #sessions: Sessions;
  readonly #windows: Windows;
  readonly #lanes: Lanes;
  readonly #lateRows: Orientation;
  /** First step that is not closed; 0 before the first one closes. */
  #next = 0;
  /** Event time that lanes have to pass for the next step to close. */
  #closeAt = Number.POSITIVE_INFINITY;
  #silent = 0;
  #records = 0;
  #longRecords = 0;
  #flowOverflow = 0;

  constructor(options: RollupOptions, output: RollupOutput) {
    this.#options = options;
    this.#output = output;
    this.#lanes = new Lanes(options.lateness);
    this.#lateRows = new Orientation(options.names);
    this.#sessions = new Sessions(options.names, options.scopeOf, options.maxSessions);
    this.#windows = new Windows(options.windows, options.maxWindowKeys, (window) => output.window(window));
  }

  /** Seconds; what the records so far say of the flow log's aggregation interval. */
  get interval(): number {
    return this.#longRecords >= Math.max(3, this.#records * LONG_SHARE) ? 600 : 60;
  }

  get overflow(): RollupOverflow {
    return {
      flows: this.#flowOverflow,
      sessions: this.#sessions.overflow,
      windowKeys: this.#windows.overflow,
    };
  }

  /** Newest event time that can be believed, Unix seconds; 0 until enough records were seen. */
  get now(): number {
    return this.#lanes.newest();
  }

  /** As {@link now}, of the lanes whose name begins with `owner`. */
  nowOf(owner: string): number {
    return this.#lanes.newest(owner);
  }

  /** Another life of these live sources begins, and of no others: names lanes that were idle, which are waited for until {@link setIdle}. */
  resumeLanes = (owners: readonly string[]): string[] => this.#lanes.resume(owners);

  /** From now on these lanes are waited for, and no other whose name begins with `owner`. `lateness` in seconds. */
  setLanes(owner: string, names: readonly string[], lateness = this.#options.lateness): void {
    this.#lanes.retain((name) => !name.startsWith(owner) || names.includes(name));
    for (const name of names) this.#lanes.of(name).lateness = lateness;
    this.#closeReached();
  }

  /** Time goes on without the lane until it has records again. */
  setIdle(lane: string): void {
    this.#lanes.setIdle(lane);
    this.#closeReached();
  }

  /**
   * Records that are no flows came in a lane, at these event times, Unix seconds: it is waited for by them too. Files that are read side by
   * side share the lane without a name, and are in order already.
   */
  reach(lane: string, records: readonly { readonly at: number }[]): void {
    if (lane === '') return;
    const ours = this.#lanes.of(lane);
    ours.idle = false;
    for (const { at: time } of records) if (time > ours.watermark.max) ours.watermark.raise(time);
    this.#closeReached();
  }

  /** Sessions alive, and connections in steps that are not closed yet. */
  get open(): { readonly sessions: number; readonly flows: number } {
    return { sessions: this.#sessions.size, flows: this.#open.flows };
  }

  /** Shows the sessions alive as they are at {@link now}, some at a time; a batch is valid during the call. */
  eachOpen = (show: (some: SessionBatch) => void): void => this.#sessions.eachOpen(show);

  /** Scopes of addresses are others now: open sessions have them from the next step on. */
  rescope = (): void => this.#sessions.rescope();

  /** Adds rows [0, length) of the batch, all of one lane, closes what can no longer change, and returns how many rows came too late for their step. */
  add(batch: FlowBatch, lane = ''): number {
    const { end, present, logStatus, interfaceId, accountId } = batch;
    const fields = laterFields(batch, this.#options.names);
    const ours = this.#lanes.of(lane);
    if (batch.length > 0) ours.idle = false;
    const { watermark, lateness } = ours;
    let from = 1;
    let to = 0;
    let table: FlowTable | undefined;
    let late: FlowTable | undefined;
    let lateCount = 0;
    const counted = this.#options.isToldCounts === true ? 0 : 1;
    for (let i = 0; i < batch.length; i++) {
      const time = end[i]!;
      if (time > watermark.max) {
        watermark.raise(time);
        // Not once a batch: a batch may span weeks, and what is late must not depend on where batches begin.
        if (watermark.max - lateness >= this.#closeAt) {
          this.#closeReached();
          from = 1;
          to = 0;
        }
      }
      if (time >= to || time < from) {
        from = time - (time % STEP_SECONDS);
        to = from + STEP_SECONDS;
        table = from < this.#next ? undefined : this.#openStep(from);
      }
      const bits = present[i]!;
      const status = logStatus[i]!;
      if (table === undefined) lateCount++;
      else table.interfaces.add(interfaceId[i]!, accountId[i]!, status, bits);
      if (status > LOG_STATUS.ok || (bits & JUDGED) !== JUDGED) continue;
      const src = (bits & PRESENT.pktSrcAddr) !== 0 ? batch.pktSrcAddr : batch.srcAddr;
      const dst = (bits & PRESENT.pktDstAddr) !== 0 ? batch.pktDstAddr : batch.dstAddr;
      if (table === undefined) {
        late ??= this.#open.blank();
        late.add(batch, i, src, dst, fields, true);
        continue;
      }
      const before = table.length;
      const mayGrow = this.#open.flows + table.capacity <= this.#options.maxFlows;
      if (!table.add(batch, i, src, dst, fields, mayGrow)) this.#flowOverflow++;
      this.#open.flows += table.length - before;
      table.records += counted;
      if (time - batch.start[i]! > LONG_RECORD_SECONDS) table.longRecords += counted;
    }
    if (late !== undefined) this.#judgeLate(late);
    return lateCount;
  }

  /** So many records were in the step that begins at `start`, added or left out. `isWhole`: none of it is added any more. */
  pass(start: number, records: number, longRecords: number, isWhole: boolean): void {
    if (start < this.#next) return;
    const table = this.#openStep(start);
    table.records += records;
    table.longRecords += longRecords;
    const { watermark } = this.#lanes.of('');
    if (isWhole && start + STEP_SECONDS > watermark.max) watermark.raise(start + STEP_SECONDS - 1);
    if (isWhole) this.#closeReached();
  }

  /** Closes everything: the input has ended. */
  finish(): void {
    const { last } = this.#open;
    if (last > 0) this.#closeUntil(last + STEP_SECONDS, true);
    this.#sessions.endAll();
    const start = this.#next;
    this.#output.step({
      start,
      end: start + STEP_SECONDS,
      active: this.#sessions.active.batch,
      ended: this.#sessions.ended.batch,
      interfaces: NO_INTERFACES,
    });
    this.#windows.finish();
  }

  #openStep(start: number): FlowTable {
    const known = this.#open.get(start);
    if (known !== undefined) return known;
    if (this.#next === 0) this.#closeAt = Math.min(this.#closeAt, start + STEP_SECONDS);
    return this.#open.open(start);
  }

  #judgeLate(late: FlowTable): void {
    this.#lateRows.clear();
    for (let row = 0; row < late.length; row++) {
      const at = row * FLOW_WORDS;
      const out = writeFlow(this.#lateRows, late, at, this.#options.scopeOf, STATE.first);
      this.#lateRows.writeStep(out, late.doubles, at);
    }
    this.#open.recycle(late);
    this.#output.late(this.#lateRows.batch);
  }

  /** Whether closing can wait: few connections are open, in few steps. */
  #canHold(): boolean {
    return this.#open.flows < this.#options.holdFlows && this.#open.size < MAX_HELD_STEPS;
  }

  /** Closes what every lane has passed. */
  #closeReached(): void {
    this.#closeUntil(this.#lanes.passed, false);
  }

  /** Closes steps that end at or before `time`, the oldest first, as long as it must or, at the end, all of them. */
  #closeUntil(time: number, all: boolean): void {
    const until = time - (time % STEP_SECONDS);
    if (this.#next === 0) {
      if (!all && this.#canHold()) return;
      const { first } = this.#open;
      if (!(first < until)) return;
      this.#next = first;
    }
    while (this.#next < until && (all || !this.#canHold())) {
      const flows = this.#open.get(this.#next);
      this.#silent = flows === undefined ? this.#silent + 1 : 0;
      if (this.#silent > SILENT_STEPS) {
        this.#next = Math.min(until, this.#open.first);
        continue;
      }
      this.#closeStep(this.#next, flows);
      this.#next += STEP_SECONDS;
    }
    this.#closeAt = this.#next + STEP_SECONDS;
  }

  #closeStep(start: number, flows: FlowTable | undefined): void {
    if (flows !== undefined) {
      this.#records += flows.records;
      this.#longRecords += flows.longRecords;
    }
    const interval = this.interval;
    this.#sessions.close(start, flows, 2 * interval, interval);
    const active = this.#sessions.active.batch;
    this.#windows.add(start, active);
    const end = start + STEP_SECONDS;
    const interfaces = flows?.interfaces.batch() ?? NO_INTERFACES;
    this.#output.step({ start, end, active, ended: this.#sessions.ended.batch, interfaces });
    this.#windows.roll(end);
    if (flows !== undefined) this.#open.close(start, flows);
  }

  snapshot(): SnapshotParts {
    const { rows, steps } = this.#sessions.save();
    const columns: Record<string, Column | SnapshotParts> = {
      sessions: rows,
      expiry: steps,
      windows: this.#windows.snapshot(),
    };
    const open = this.#open.save(columns);
    return packParts(columns, {
      open,
      lanes: this.#lanes.snapshot(),
      next: this.#next,
      silent: this.#silent,
      records: this.#records,
      longRecords: this.#longRecords,
      flowOverflow: this.#flowOverflow,
      sessionOverflow: this.#sessions.overflow,
    });
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    const saved = meta as SavedRollup;
    this.#sessions.restore(columns.get('sessions') as Uint32Array, columns.get('expiry') as Float64Array);
    this.#sessions.overflow += saved.sessionOverflow;
    this.#windows.restore(columns.get('windows') as Uint8Array);
    this.#open.restore(columns, saved.open);
    // Folders of before there were lanes have one event time.
    this.#lanes.restore(saved.lanes ?? [['', { ...saved.watermark, idle: false }]]);
    this.#next = saved.next;
    this.#closeAt = (saved.next === 0 ? this.#open.first : saved.next) + STEP_SECONDS;
    this.#silent = saved.silent;
    this.#records = saved.records;
    this.#longRecords = saved.longRecords;
    this.#flowOverflow = saved.flowOverflow;
  }
}
