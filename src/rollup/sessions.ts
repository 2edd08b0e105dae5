import type { Dictionary } from '../columns/dictionary.ts';
import { type SessionBatch, STATE } from '../columns/session-batch.ts';
import { Expiry } from './expiry.ts';
import { FLOW, FLOW_WORDS, hashConnection, NEVER, SIDE } from './flow-row.ts';
import type { FlowTable } from './flow-table.ts';
import { type ScopeOf, writeFlow } from './lone-flow.ts';
import { mergeFlow } from './merge-flows.ts';
import { isEstablished, Orientation } from './orient.ts';
import { SESSION, SESSION_F64, SESSION_WORDS, SessionTable } from './session-table.ts';

export const STEP_SECONDS = 60;
/** State bits that hold for one step only. */
const STEP_BITS = (STATE.first | STATE.establishedNow | STATE.rejectedNow) << 16;
/** Flows whose sessions are looked up before any of them is merged: lookups wait for memory side by side, and what they fetch stays in the cache. */
const BLOCK = 64;
/** Open sessions in a batch. */
const SHOWN_AT_ONCE = 16_384;

/**
 * Turns the flows of closed steps into sessions: joins steps whose gap is at most `gap`, keeps one interface's view of a connection
 * that two interfaces logged, and finds out who initiated it. Merging is commutative, so the order in which a step's records came
 * changes nothing but the order of rows.
 */
export class Sessions {
  readonly active: Orientation;
  readonly ended: Orientation;
  /** Connections that found no place: they were judged in their step, then forgotten. */
  overflow = 0;
  #table: SessionTable;
  /** When to look whether a session has ended. */
  readonly #expiry = new Expiry();
  /** Session rows of a block of flows. */
  readonly #rows = new Int32Array(BLOCK);
  readonly #names: Dictionary;
  readonly #scopeOf: ScopeOf;

  constructor(names: Dictionary, scopeOf: ScopeOf, limit: number) {
    this.active = new Orientation(names);
    this.ended = new Orientation(names);
    this.#names = names;
    this.#scopeOf = scopeOf;
    this.#table = new SessionTable(limit);
  }

  get size(): number {
    return this.#table.size;
  }

  /** Closes the step that begins at `start`: afterwards {@link active} and {@link ended} hold its rows. Times in seconds. */
  close(start: number, flows: FlowTable | undefined, gap: number, interval: number): void {
    this.active.clear();
    this.ended.clear();
    const horizon = start + STEP_SECONDS - interval - gap;
    if (flows !== undefined)
      for (let from = 0; from < flows.length; from += BLOCK)
        this.#joinBlock(flows, from, Math.min(from + BLOCK, flows.length), start, gap, horizon);
    this.#expire(start, horizon);
  }

  /** Ends every session that is left, into {@link ended}. */
  endAll(): void {
    this.active.clear();
    this.ended.clear();
    this.#expiry.each((row) => this.#end(row));
    this.#expiry.clear();
  }

  /** Joins flow rows [from, to) to their sessions. */
  #joinBlock(flows: FlowTable, from: number, to: number, start: number, gap: number, horizon: number): void {
    const f = flows.words;
    const rows = this.#rows;
    for (let i = from; i < to; i++) {
      const at = i * FLOW_WORDS;
      if ((f[at + FLOW.flags]! & (SIDE.chained << 16)) === 0) rows[i - from] = this.#table.findOrAdd(f, at);
    }
    for (let i = from; i < to; i++) {
      const at = i * FLOW_WORDS;
      if ((f[at + FLOW.flags]! & (SIDE.chained << 16)) !== 0) continue;
      const row = rows[i - from]!;
      if (row < 0) this.#showLone(flows, at);
      else if (this.#join(flows, at, row * SESSION_WORDS, gap)) this.#expect(row, start, horizon);
    }
  }

  /** Joins the connection whose first flow row is at word `at` to the session at word `base`; true when that is new. */
  #join(flows: FlowTable, at: number, base: number, gap: number): boolean {
    const s = this.#table.words;
    const f = flows.words;
    const end = s[base + SESSION.end]!;
    let stepStart = f[at + FLOW.start]!;
    for (let next = f[at + FLOW.next]!; next !== 0; ) {
      const other = (next - 1) * FLOW_WORDS;
      if (f[other + FLOW.start]! < stepStart) stepStart = f[other + FLOW.start]!;
      next = f[other + FLOW.next]!;
    }
    if (end === 0) {
      this.#chooseInterface(f, at, base);
      this.#begin(base, stepStart);
    } else if (stepStart > end + gap) {
      this.#write(this.ended, base, STATE.ended);
      this.#begin(base, stepStart);
    } else {
      s[base + SESSION.flags] = s[base + SESSION.flags]! & ~STEP_BITS;
      if (stepStart < s[base + SESSION.start]!) s[base + SESSION.start] = stepStart;
    }
    this.#merge(flows, at, base);
    return end === 0;
  }

  /** The interface whose volumes count is the one whose name comes first, in an order that all runs share. */
  #chooseInterface(f: Uint32Array, at: number, base: number): void {
    let counted = at;
    for (let next = f[at + FLOW.next]!; next !== 0; ) {
      const other = (next - 1) * FLOW_WORDS;
      if (this.#names.precedes(f[other + FLOW.interfaceId]!, f[counted + FLOW.interfaceId]!)) counted = other;
      next = f[other + FLOW.next]!;
    }
    this.#table.words[base + SESSION.interfaceId] = f[counted + FLOW.interfaceId]!;
    this.#table.words[base + SESSION.accountId] = f[counted + FLOW.accountId]!;
  }

  /** Merges the connection's flows and writes the step's row: by its counted interface, or by another one that alone saw a rejection. */
  #merge(flows: FlowTable, at: number, base: number): void {
    const f = flows.words;
    let counted = -1;
    let rejects = 0;
    for (let flow = at; ; ) {
      if (mergeFlow(flows, flow, this.#table, base, this.#names)) counted = flow;
      rejects += f[flow + FLOW.rejects]!;
      const next = f[flow + FLOW.next]!;
      if (next === 0) break;
      flow = (next - 1) * FLOW_WORDS;
    }
    if (counted < 0 && rejects === 0) return;
    this.#establish(base);
    const out = this.#write(this.active, base, 0);
    if (counted >= 0) this.active.writeStep(out, flows.doubles, counted);
  }

  /** Writes the flows of a connection that found no place among the sessions. */
  #showLone(flows: FlowTable, first: number): void {
    for (let at = first; ; ) {
      this.overflow++;
      const out = writeFlow(this.active, flows, at, this.#scopeOf, STATE.first);
      this.active.writeStep(out, flows.doubles, at);
      writeFlow(this.ended, flows, at, this.#scopeOf, STATE.first | STATE.ended);
      const next = flows.words[at + FLOW.next]!;
      if (next === 0) return;
      at = (next - 1) * FLOW_WORDS;
    }
  }

  /** Clears everything but the key and the counted interface. */
  #begin(base: number, stepStart: number): void {
    const s = this.#table.words;
    s[base + SESSION.start] = stepStart;
    s[base + SESSION.end] = 0;
    s[base + SESSION.flags] = STATE.first << 16;
    s[base + SESSION.rejects] = 0;
    for (let word = base + 16; word < base + 24; word++) s[word] = 0;
    s[base + SESSION.rejectedPackets] = 0;
    s[base + SESSION.serviceLo] = 0;
    s[base + SESSION.serviceHi] = 0;
    s[base + SESSION.startLo] = NEVER;
    s[base + SESSION.startHi] = NEVER;
    this.#scope(base);
  }

  #scope(base: number): void {
    const s = this.#table.words;
    const scopes = this.#scopeOf(s, base) | (this.#scopeOf(s, base + 4) << 8);
    s[base + SESSION.protocol] = (s[base + SESSION.protocol]! & 255) | (scopes << 8);
  }

  /** Asks for the scopes of open sessions once more. */
  rescope(): void {
    this.#expiry.each((row) => this.#scope(row * SESSION_WORDS));
  }

  #establish(base: number): void {
    const s = this.#table.words;
    const flags = s[base + SESSION.flags]!;
    const state = flags >>> 16;
    if ((state & STATE.established) !== 0 || (state & STATE.accepted) === 0) return;
    const d = this.#table.doubles;
    const half = base >>> 1;
    const packetsLo = d[half + SESSION_F64.packetsLo]!;
    const packetsHi = d[half + SESSION_F64.packetsHi]!;
    const bytes = d[half + SESSION_F64.bytesLo]! + d[half + SESSION_F64.bytesHi]!;
    const protocol = s[base + SESSION.protocol]! & 255;
    if (isEstablished(protocol, flags & 255, (flags >>> 8) & 255, packetsLo, packetsHi, bytes))
      s[base + SESSION.flags] = flags | ((STATE.established | STATE.establishedNow) << 16);
  }

  #write(target: Orientation, base: number, state: number): number {
    const s = this.#table.words;
    return target.write(
      s,
      this.#table.doubles,
      base,
      ((s[base + SESSION.flags]! >>> 16) & 255) | state,
      s[base + SESSION.protocol]! >>> 8,
      s[base + SESSION.rejectedPackets]!,
    );
  }

  /** Looks at a session again when, without more traffic, it can have ended. */
  #expect(row: number, start: number, horizon: number): void {
    const left = this.#table.words[row * SESSION_WORDS + SESSION.end]! - horizon;
    this.#expiry.add(row, start + STEP_SECONDS * (Math.floor(left / STEP_SECONDS) + 1));
  }

  /** Ends the sessions that no record yet to come can join: one that ends after the step begins at most the interval before its end. */
  #expire(start: number, horizon: number): void {
    const list = this.#expiry.take(start);
    if (list === undefined) return;
    for (let i = 0; i < list.length; i++) {
      const row = list.rows[i]!;
      if (this.#table.words[row * SESSION_WORDS + SESSION.end]! < horizon) this.#end(row);
      else this.#expect(row, start, horizon);
    }
    this.#expiry.recycle(list);
  }

  #end(row: number): void {
    const base = row * SESSION_WORDS;
    const s = this.#table.words;
    s[base + SESSION.flags] = s[base + SESSION.flags]! & ~STEP_BITS;
    this.#write(this.ended, base, STATE.ended);
    this.#table.remove(row);
  }

  /** Shows all sessions that have not ended, some at a time; a batch is valid during the call. */
  eachOpen(show: (some: SessionBatch) => void): void {
    const some = new Orientation(this.#names);
    this.#expiry.each((row) => {
      this.#write(some, row * SESSION_WORDS, 0);
      if (some.batch.length < SHOWN_AT_ONCE) return;
      show(some.batch);
      some.clear();
    });
    if (some.batch.length > 0) show(some.batch);
  }

  /** Columns of its saved state; `overflow` is apart. */
  save(): { readonly rows: Uint32Array; readonly steps: Float64Array } {
    const rows = new Uint32Array(this.#table.size * SESSION_WORDS);
    const steps = new Float64Array(this.#table.size);
    const { words } = this.#table;
    let at = 0;
    this.#expiry.each((row, step) => {
      steps[at] = step;
      rows.set(words.subarray(row * SESSION_WORDS, (row + 1) * SESSION_WORDS), at * SESSION_WORDS);
      at++;
    });
    return { rows, steps };
  }

  restore(rows: Uint32Array, steps: Float64Array): void {
    this.#table = new SessionTable(this.#table.limit);
    this.#expiry.clear();
    const key = new Uint32Array(SESSION_WORDS);
    for (let i = 0; i < steps.length; i++) {
      const saved = rows.subarray(i * SESSION_WORDS, (i + 1) * SESSION_WORDS);
      key.set(saved);
      key[FLOW.protocol] = key[FLOW.protocol]! & 255;
      const hash = hashConnection(key, 0, key, 4, key[FLOW.ports]!, key[FLOW.protocol]!);
      key[FLOW.hash] = hash;
      const row = this.#table.findOrAdd(key, 0);
      // The limit was lowered: as for any session without a place.
      if (row < 0) {
        this.overflow++;
        continue;
      }
      const { words } = this.#table;
      words.set(saved, row * SESSION_WORDS);
      // Folders of before it was kept have something else there.
      words[row * SESSION_WORDS + SESSION.hash] = hash;
      this.#expiry.add(row, steps[i]!);
    }
  }
}
