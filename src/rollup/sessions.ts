import type { Dictionary } from '../columns/dictionary.ts';
import { grown } from '../columns/key-table.ts';
import { STATE } from '../columns/session-batch.ts';
import { FLOW, FLOW_WORDS, type FlowTable, NEVER } from './flow-table.ts';
import { type ScopeOf, writeFlow } from './lone-flow.ts';
import { mergeFlows, SHOWN } from './merge-flows.ts';
import { isEstablished, Orientation } from './orient.ts';
import { SESSION, SESSION_F64, SESSION_WORDS, SessionTable } from './session-table.ts';

export const STEP_SECONDS = 60;
/** State bits that hold for one step only. */
const STEP_BITS = (STATE.first | STATE.establishedNow | STATE.rejectedNow) << 16;

/**
 * Turns the flows of closed steps into sessions: joins steps whose gap is at most `gap`, keeps one interface's view of a connection
 * that two interfaces logged, and finds out who initiated it. Merging is commutative, so the order in which a step's records came
 * changes nothing but the order of rows.
 */
export class Sessions {
  readonly active = new Orientation();
  readonly ended = new Orientation();
  /** Connections that found no place: they were judged in their step, then forgotten. */
  overflow = 0;
  #table: SessionTable;
  #sequence = 0;
  /** Session rows with traffic in the step being closed. */
  #touched = new Uint32Array(1024);
  #touchedLength = 0;
  /** Step start → first session row + 1 that may end there. */
  readonly #expiry = new Map<number, number>();
  readonly #names: Dictionary;
  readonly #scopeOf: ScopeOf;

  constructor(names: Dictionary, scopeOf: ScopeOf, limit: number) {
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
    this.#sequence++;
    this.#touchedLength = 0;
    if (flows !== undefined) {
      this.#link(flows, start);
      this.#prepare(gap);
      mergeFlows(flows, this.#table, this.#sequence);
      this.#show(flows);
    }
    this.#expire(start, gap, interval);
  }

  /** Ends every session that is left, into {@link ended}. */
  endAll(): void {
    this.active.clear();
    this.ended.clear();
    for (const [step, head] of [...this.#expiry]) {
      this.#expiry.delete(step);
      for (let row = head - 1; row >= 0; ) {
        const next = this.#nextOf(row);
        this.#end(row);
        row = next;
      }
    }
  }

  /** Finds or makes each flow's session, and which interface's view of it counts. */
  #link(flows: FlowTable, start: number): void {
    const table = this.#table;
    const f = flows.words;
    for (let i = 0; i < flows.length; i++) {
      const at = i * FLOW_WORDS;
      const row = table.findOrAdd(f, at);
      f[at + FLOW.session] = row;
      if (row < 0) {
        this.overflow++;
        continue;
      }
      const s = table.words;
      const base = row * SESSION_WORDS;
      const isNew = s[base + SESSION.end] === 0;
      if (s[base + SESSION.stamp] !== this.#sequence) {
        s[base + SESSION.stamp] = this.#sequence;
        s[base + SESSION.stepStart] = f[at + FLOW.start]!;
        if (this.#touchedLength === this.#touched.length)
          this.#touched = grown(this.#touched, this.#touchedLength * 2);
        this.#touched[this.#touchedLength++] = row;
        if (isNew) {
          this.#count(base, f, at);
          this.#expect(row, start + STEP_SECONDS);
        }
        continue;
      }
      if (f[at + FLOW.start]! < s[base + SESSION.stepStart]!)
        s[base + SESSION.stepStart] = f[at + FLOW.start]!;
      if (isNew && this.#names.precedes(f[at + FLOW.interfaceId]!, s[base + SESSION.interfaceId]!))
        this.#count(base, f, at);
    }
  }

  /** Makes the flow's interface the one whose volumes count. */
  #count(base: number, f: Uint32Array, at: number): void {
    this.#table.words[base + SESSION.interfaceId] = f[at + FLOW.interfaceId]!;
    this.#table.words[base + SESSION.accountId] = f[at + FLOW.accountId]!;
  }

  /** Begins new sessions, ends those whose gap was too long, and clears what held for an earlier step. */
  #prepare(gap: number): void {
    const s = this.#table.words;
    for (let i = 0; i < this.#touchedLength; i++) {
      const base = this.#touched[i]! * SESSION_WORDS;
      const end = s[base + SESSION.end]!;
      const stepStart = s[base + SESSION.stepStart]!;
      if (end === 0) this.#begin(base);
      else if (stepStart > end + gap) {
        this.#write(this.ended, base, STATE.ended);
        this.#begin(base);
      } else {
        s[base + SESSION.flags] = s[base + SESSION.flags]! & ~STEP_BITS;
        if (stepStart < s[base + SESSION.start]!) s[base + SESSION.start] = stepStart;
      }
    }
  }

  /** Clears everything but the key, the counted interface and the place among those that wait to expire. */
  #begin(base: number): void {
    const s = this.#table.words;
    s[base + SESSION.start] = s[base + SESSION.stepStart]!;
    s[base + SESSION.end] = 0;
    s[base + SESSION.flags] = STATE.first << 16;
    s[base + SESSION.rejects] = 0;
    for (let word = base + 16; word < base + 24; word++) s[word] = 0;
    s[base + SESSION.rejectedPackets] = 0;
    s[base + SESSION.serviceLo] = 0;
    s[base + SESSION.serviceHi] = 0;
    s[base + SESSION.startLo] = NEVER;
    s[base + SESSION.startHi] = NEVER;
    const scopes = this.#scopeOf(s, base) | (this.#scopeOf(s, base + 4) << 8);
    s[base + SESSION.protocol] = (s[base + SESSION.protocol]! & 255) | (scopes << 8);
  }

  /** Writes the step's rows: one a session, by its counted interface, or by another one that alone saw a rejection. */
  #show(flows: FlowTable): void {
    const f = flows.words;
    const s = this.#table.words;
    for (let i = 0; i < flows.length; i++) {
      const at = i * FLOW_WORDS;
      const row = f[at + FLOW.session]! | 0;
      if (row < 0) {
        const out = writeFlow(this.active, flows, at, this.#scopeOf, STATE.first);
        this.active.writeStep(out, flows.doubles, at);
        writeFlow(this.ended, flows, at, this.#scopeOf, STATE.first | STATE.ended);
        continue;
      }
      const base = row * SESSION_WORDS;
      const counted = f[at + FLOW.interfaceId] === s[base + SESSION.interfaceId];
      if (!counted && (f[at + FLOW.rejects] === 0 || (s[base + SESSION.stamp]! & SHOWN) !== 0)) continue;
      s[base + SESSION.stamp] = (this.#sequence | SHOWN) >>> 0;
      this.#establish(base);
      const out = this.#write(this.active, base, 0);
      if (counted) this.active.writeStep(out, flows.doubles, at);
    }
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

  #nextOf(row: number): number {
    return this.#table.words[row * SESSION_WORDS + SESSION.next]! - 1;
  }

  /** Looks at a session again when the step at `step` closes. */
  #expect(row: number, step: number): void {
    this.#table.words[row * SESSION_WORDS + SESSION.next] = this.#expiry.get(step) ?? 0;
    this.#expiry.set(step, row + 1);
  }

  /** Ends the sessions that no record yet to come can join: one that ends after the step begins at most `interval` before its end. */
  #expire(start: number, gap: number, interval: number): void {
    const head = this.#expiry.get(start);
    if (head === undefined) return;
    this.#expiry.delete(start);
    const horizon = start + STEP_SECONDS - interval - gap;
    for (let row = head - 1; row >= 0; ) {
      const next = this.#nextOf(row);
      const left = this.#table.words[row * SESSION_WORDS + SESSION.end]! - horizon;
      if (left < 0) this.#end(row);
      else this.#expect(row, start + STEP_SECONDS * (Math.floor(left / STEP_SECONDS) + 1));
      row = next;
    }
  }

  #end(row: number): void {
    const base = row * SESSION_WORDS;
    const s = this.#table.words;
    s[base + SESSION.flags] = s[base + SESSION.flags]! & ~STEP_BITS;
    this.#write(this.ended, base, STATE.ended);
    this.#table.remove(row);
  }

  /** Columns of its saved state; `overflow` is apart. */
  save(): { readonly rows: Uint32Array; readonly steps: Float64Array } {
    const buckets = [...this.#expiry].map(([step, head]) => {
      const rows: number[] = [];
      for (let row = head - 1; row >= 0; row = this.#nextOf(row)) rows.push(row);
      return { step, rows };
    });
    const rows = new Uint32Array(this.#table.size * SESSION_WORDS);
    const steps = new Float64Array(this.#table.size);
    let at = 0;
    for (const bucket of buckets)
      for (const row of bucket.rows) {
        steps[at] = bucket.step;
        rows.set(
          this.#table.words.subarray(row * SESSION_WORDS, (row + 1) * SESSION_WORDS),
          at * SESSION_WORDS,
        );
        at++;
      }
    return { rows, steps };
  }

  restore(rows: Uint32Array, steps: Float64Array): void {
    this.#table = new SessionTable(this.#table.limit);
    this.#expiry.clear();
    for (let i = 0; i < steps.length; i++) {
      const saved = rows.subarray(i * SESSION_WORDS, (i + 1) * SESSION_WORDS);
      const key = saved.slice();
      key[FLOW.protocol] = key[FLOW.protocol]! & 255;
      const row = this.#table.findOrAdd(key, 0);
      this.#table.words.set(saved, row * SESSION_WORDS);
      this.#table.words[row * SESSION_WORDS + SESSION.stamp] = 0;
      this.#expect(row, steps[i]!);
    }
  }
}
