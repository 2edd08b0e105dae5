import { SCOPE, type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { findingOf, inOrder } from '../claim.ts';
import { compareRows } from '../evidence.ts';
import { isOutside, PROTOCOL, portTable, putAddress } from '../sessions.ts';
import type { IrcConfig } from './config.ts';
import { channelClaim } from './finding.ts';

/** Minutes of event time without a session after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const MINUTES = 60;

/** The detector at work: sessions of a client with an IRC server outside, by client, server and port. */
export function createIrc(config: IrcConfig, context: DetectorContext): Detector {
  const isIrc = portTable([config.ports]);
  const cases = new Cases({
    words: 9,
    limit: config.maxCases,
    minutes: MINUTES,
    sums: 1,
    keepTold: QUIET_MINUTES,
    key(sessions, row, key) {
      const called = calledIsServer(sessions, row);
      putAddress(called ? sessions.srcAddr : sessions.dstAddr, row, key, 0);
      putAddress(called ? sessions.dstAddr : sessions.srcAddr, row, key, 4);
      key[8] = called ? sessions.dstPort[row]! : sessions.srcPort[row]!;
    },
  });

  /** Which end is the server is told by the port: an idle session that was open before the log began is seen from its PINGs. */
  function calledIsServer(sessions: SessionBatch, row: number): boolean {
    return isIrc[sessions.dstPort[row]!] !== 0;
  }

  function isChannel(sessions: SessionBatch, row: number): boolean {
    if (sessions.protocol[row] !== PROTOCOL.tcp || (sessions.state[row]! & STATE.established) === 0)
      return false;
    if (sessions.end[row]! - sessions.start[row]! < config.minSeconds) return false;
    const called = calledIsServer(sessions, row);
    const server = called ? sessions.dstScope[row]! : sessions.srcScope[row]!;
    const client = called ? sessions.srcScope[row]! : sessions.dstScope[row]!;
    if (!isOutside(server) || (client !== SCOPE.internal && client !== SCOPE.public)) return false;
    const { sent, received } = said(sessions, row);
    return sent > 0 && received >= config.minReceived;
  }

  /** Payload and acknowledgements of the client, and of the server. */
  function said(sessions: SessionBatch, row: number): { sent: number; received: number } {
    const [out, back] = [sessions.bytesOut[row]!, sessions.bytesIn[row]!];
    return calledIsServer(sessions, row) ? { sent: out, received: back } : { sent: back, received: out };
  }

  /** A bot gets the greeting and the talk of a channel and says next to nothing; who chats, or only answers PINGs, says about as much. */
  function isListening(sessions: SessionBatch, row: number): boolean {
    const { sent, received } = said(sessions, row);
    return received >= config.listenRatio * sent;
  }

  return {
    step(step, emit) {
      cases.begin(step);
      const sessions = step.active;
      const { length, srcPort, dstPort } = sessions;
      const rows: number[] = [];
      for (let row = 0; row < length; row++)
        // A port of IRC at both ends says nothing of which is the server.
        if (isIrc[dstPort[row]!] !== isIrc[srcPort[row]!] && isChannel(sessions, row)) rows.push(row);
      if (rows.length === 0) return;
      const found: Finding[] = [];
      for (const { at, rows: own } of cases.group(sessions, rows)) {
        for (let i = 0; i < own.length; i++) cases.add(at, 0, 1);
        const listening = own.filter((row) => isListening(sessions, row));
        const listens = listening.length > 0;
        const severity = listens ? 'medium' : 'low';
        if (cases.isTold(at) && !cases.isNews(at, 1, severity)) continue;
        const count = cases.tell(at, 1, severity);
        const row = (listens ? listening : own).toSorted((a, b) => compareRows(sessions, a, sessions, b))[0]!;
        const { first, last } = cases.table.columns;
        const called = calledIsServer(sessions, row);
        const claim = channelClaim(
          { sessions, row, called, listens, count, first: first[at]!, last: last[at]! },
          config,
        );
        found.push(findingOf(claim, sessions, own, context.names));
      }
      for (const finding of inOrder(found)) emit(finding);
    },
    get overflow() {
      return cases.overflow;
    },
    snapshot: () => cases.snapshot(),
    restore: (state) => cases.restore(state),
  };
}
