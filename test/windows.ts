import { SCOPE, type WindowBatch, type WindowKey } from '../src/columns/session-batch.ts';
import { SERVER, type SessionLiteral, type StepLiteral, scopeOf, wordsOf } from './rows.ts';

/** One row of a window as a literal. */
export interface WindowRowLiteral {
  readonly subject: string;
  readonly peer?: string;
  readonly bytesOut?: number;
  readonly bytesIn?: number;
  readonly packetsOut?: number;
  readonly packetsIn?: number;
  readonly sessionsOut?: number;
  readonly sessionsIn?: number;
  readonly rejects?: number;
}

export interface WindowLiteral {
  readonly start: number;
  readonly size: number;
  readonly key: WindowKey;
  readonly rows: readonly WindowRowLiteral[];
}

/** A closed window from literals. Packets left out: one a kilobyte. */
export function windowOf(literal: WindowLiteral): WindowBatch {
  const { rows } = literal;
  const column = (pick: (row: WindowRowLiteral) => number): Float64Array => Float64Array.from(rows, pick);
  const zeros = new Uint32Array(4);
  return {
    start: literal.start,
    size: literal.size,
    key: literal.key,
    length: rows.length,
    subject: Uint32Array.from(rows.flatMap((row) => [...wordsOf(row.subject)])),
    peer: Uint32Array.from(rows.flatMap((row) => [...(row.peer === undefined ? zeros : wordsOf(row.peer))])),
    peerScope: Uint8Array.from(rows, (row) => (row.peer === undefined ? 0 : scopeOf(row.peer))),
    bytesOut: column((row) => row.bytesOut ?? 0),
    bytesIn: column((row) => row.bytesIn ?? 0),
    packetsOut: column((row) => row.packetsOut ?? Math.ceil((row.bytesOut ?? 0) / 1000)),
    packetsIn: column((row) => row.packetsIn ?? Math.ceil((row.bytesIn ?? 0) / 1000)),
    sessionsOut: Uint32Array.from(rows, (row) => row.sessionsOut ?? 0),
    sessionsIn: Uint32Array.from(rows, (row) => row.sessionsIn ?? 0),
    rejects: Uint32Array.from(rows, (row) => row.rejects ?? 0),
    distinctPeers: column(() => 0),
    distinctPorts: column(() => 0),
  };
}

interface Demand {
  readonly size: number;
  readonly key: WindowKey;
}

/** The windows that close with the last of `steps`, made from their active rows as the rollup makes them (distinct counts are 0). */
export function windowsOf(steps: readonly StepLiteral[], demands: readonly Demand[]): WindowBatch[] {
  const end = (steps.at(-1)?.start ?? 0) + 60;
  return demands
    .filter(({ size }) => end % size === 0)
    .map(({ size, key }) =>
      windowOf({
        start: end - size,
        size,
        key,
        rows: windowRows(
          steps.filter(({ start }) => start >= end - size),
          key,
        ),
      }),
    );
}

function windowRows(steps: readonly StepLiteral[], key: WindowKey): WindowRowLiteral[] {
  const rows = new Map<string, Required<WindowRowLiteral>>();
  const add = (subject: string, peer: string, session: SessionLiteral, out: boolean): void => {
    if (scopeOf(subject) !== SCOPE.internal) return;
    const id = key === 'subject' ? subject : `${subject} ${peer}`;
    const row = rows.get(id) ?? emptyRow(subject, peer);
    const [bytesOut, bytesIn, packetsOut, packetsIn] = volumes(session);
    const started = (session.state ?? SERVER).includes('first') ? 1 : 0;
    rows.set(id, {
      ...row,
      bytesOut: row.bytesOut + (out ? bytesOut : bytesIn),
      bytesIn: row.bytesIn + (out ? bytesIn : bytesOut),
      packetsOut: row.packetsOut + (out ? packetsOut : packetsIn),
      packetsIn: row.packetsIn + (out ? packetsIn : packetsOut),
      sessionsOut: row.sessionsOut + (out ? started : 0),
      sessionsIn: row.sessionsIn + (out ? 0 : started),
      rejects: row.rejects + ((session.state ?? []).includes('rejectedNow') ? 1 : 0),
    });
  };
  for (const session of steps.flatMap(({ active }) => active ?? [])) {
    add(session.src, session.dst, session, true);
    add(session.dst, session.src, session, false);
  }
  return [...rows.values()].map((row) => (key === 'subject' ? { ...row, peer: '::' } : row));
}

function volumes(session: SessionLiteral): [number, number, number, number] {
  const bytesOut = session.stepBytesOut ?? session.bytesOut ?? 1000;
  const bytesIn = session.stepBytesIn ?? session.bytesIn ?? 4000;
  return [bytesOut, bytesIn, session.packetsOut ?? 10, session.packetsIn ?? 10];
}

function emptyRow(subject: string, peer: string): Required<WindowRowLiteral> {
  return {
    subject,
    peer,
    bytesOut: 0,
    bytesIn: 0,
    packetsOut: 0,
    packetsIn: 0,
    sessionsOut: 0,
    sessionsIn: 0,
    rejects: 0,
  };
}
