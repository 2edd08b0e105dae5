import { Dictionary } from '../../src/columns/dictionary.ts';
import { KeyTable, NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext, Emit, Verdict } from '../../src/contracts.ts';
import type { SegmentationConfig } from './config.ts';
import { attemptFinding, holeFinding, minMax, pathName, TOTAL, type Violation } from './finding.ts';
import { PATH_WORDS, Paths } from './paths.ts';

const DAY = 86_400;
/** Sessions by {@link TOTAL}. */
const noTotals = (): Float64Array => new Float64Array(4);

/**
 * The detector at work. Each session is judged once: when it is established, else when it ends. Only then is it known whether what the
 * initiator's interface let out was let in: the responder's tells it in a record of its own, which may come in a later step.
 */
export function createSegmentation(config: SegmentationConfig, context: DetectorContext): Detector {
  const { policy } = context;
  const paths = new Paths(config.maxPaths);
  let totals = noTotals();
  let day = 0;
  const hashes = new Dictionary();
  const groups = new KeyTable(PATH_WORDS, 1 << 24);
  const key = new Uint32Array(PATH_WORDS);

  /** Violations of a batch by path, in an order that does not depend on the rows'. `counts` takes every verdict. */
  function collect(sessions: SessionBatch, ended: boolean, counts: Float64Array): Violation[] {
    const found: Violation[] = [];
    groups.clear();
    for (let row = 0; row < sessions.length; row++) {
      const state = sessions.state[row]!;
      const isEstablished = (state & STATE.established) !== 0;
      if (ended ? isEstablished : (state & STATE.establishedNow) === 0) continue;
      const isRejected = !isEstablished && (state & STATE.rejected) !== 0;
      if (!isRejected && (state & STATE.accepted) === 0) continue;
      const verdict = policy.judge(sessions, row);
      if (verdict.verdict !== 'violation') {
        counts[verdict.verdict === 'allowed' ? TOTAL.allowed : TOTAL.unmatched]!++;
        continue;
      }
      counts[isRejected ? TOTAL.rejected : TOTAL.accepted]!++;
      const inward = isInward(sessions, row, verdict);
      // Noise from outside that was kept out is what the policy is for.
      if (inward && isRejected) continue;
      const name = hashes.code(`${inward ? 1 : 0}${pathName(verdict)}`);
      const subject = inward ? sessions.dstAddr : sessions.srcAddr;
      for (let word = 0; word < 4; word++) key[word] = subject[row * 4 + word]!;
      key[4] = hashes.hash(name);
      key[5] = hashes.hash(hashes.code(`\n${hashes.text(name)}`));
      const at = groups.upsert(key, 0);
      if (groups.added) found[at] = { verdict, inward, key: key.slice(), accepted: [], rejected: [] };
      const violation = found[at]!;
      if (isRejected) violation.rejected.push(row);
      else violation.accepted.push(row);
    }
    return found.sort((a, b) => compareKeys(a.key, b.key));
  }

  function tellHoles(
    violation: Violation,
    sessions: SessionBatch,
    path: number,
    before: Float64Array | undefined,
    emit: Emit,
  ): void {
    const byPort = Map.groupBy(violation.accepted, (row) => portKey(sessions, row));
    const rest: number[] = [];
    const told = path === NO_ROW ? new Set<number>() : paths.toldPorts(path);
    for (const port of [...byPort.keys()].sort((a, b) => a - b)) {
      const rows = byPort.get(port)!;
      if (!told.has(port)) {
        if (told.size >= config.ports) {
          for (const row of rows) rest.push(row);
          continue;
        }
        told.add(port);
        if (path !== NO_ROW) paths.tell(path, port);
      }
      emit(holeFinding(violation, sessions, rows, true, context.names, before));
    }
    if (rest.length > 0) emit(holeFinding(violation, sessions, rest, false, context.names, before));
  }

  return {
    get overflow() {
      return paths.overflow;
    },
    step(step, emit) {
      if (policy.size === 0) return;
      const today = Math.floor(step.start / DAY);
      if (today !== day) {
        day = today;
        paths.forget(step.start - config.forgetDays * DAY);
      }
      const counts = totals.slice();
      for (const sessions of [step.active, step.ended])
        for (const violation of collect(sessions, sessions === step.ended, counts)) {
          const rows = violation.accepted.concat(violation.rejected);
          const path = paths.find(violation.key, minMax(sessions.end, rows)[1]);
          if (violation.accepted.length > 0) tellHoles(violation, sessions, path, totals, emit);
          if (violation.rejected.length > 0) emit(attemptFinding(violation, sessions, context.names, totals));
        }
      totals = counts;
    },
    // Of late records only an established session is certain; the rest may be half of what was rejected.
    late(sessions, emit) {
      if (policy.size === 0) return;
      for (const violation of collect(sessions, false, noTotals()))
        tellHoles(violation, sessions, NO_ROW, undefined, emit);
    },
    snapshot: () => packSnapshot({ paths: paths.table.snapshot(), totals }, { day }),
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      paths.table.restore(columns.get('paths') as Uint8Array);
      totals = columns.get('totals') as Float64Array;
      ({ day } = meta as { day: number });
    },
  };
}

/** Whether the initiator is not ours and the responder is: then the alert is about the responder. */
function isInward(sessions: SessionBatch, row: number, verdict: Verdict): boolean {
  const src = sessions.srcScope[row] === SCOPE.internal;
  const dst = sessions.dstScope[row] === SCOPE.internal;
  return src === dst ? !src && verdict.srcZone === '' : dst;
}

function portKey(sessions: SessionBatch, row: number): number {
  return (sessions.protocol[row]! << 16) | sessions.dstPort[row]!;
}

function compareKeys(a: Uint32Array, b: Uint32Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
