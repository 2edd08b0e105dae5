import { formatAddress } from '../../src/columns/address.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Severity } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText } from '../evidence.ts';
import { beginsConversation, isOutside, PROTOCOL, portTable, putAddress } from '../sessions.ts';
import type { PlaintextConfig } from './config.ts';
import { SAID_TEXT, saidOf, severityOf, worstOf } from './encryption.ts';

/** Minutes of event time without such a session after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const MINUTES = 60;
const WAY = { out: 0, in: 1, inside: 2 } as const;

/** The detector at work: sessions of a service by the end that is ours, and the way they go. */
export function createPlaintext(config: PlaintextConfig, context: DetectorContext): Detector {
  const names = Object.keys(config.services).sort();
  const service = portTable(names.map((name) => config.services[name]!));
  const cases = new Cases({
    words: 5,
    limit: config.maxCases,
    minutes: MINUTES,
    bucketMinutes: 10,
    sums: 2,
    keepTold: QUIET_MINUTES,
    key(sessions, row, key) {
      const way = wayOf(sessions, row);
      putAddress(way === WAY.in ? sessions.dstAddr : sessions.srcAddr, row, key, 0);
      key[4] = service[sessions.dstPort[row]!]! * 4 + way;
    },
  });

  function collect(sessions: SessionBatch): number[] {
    const rows: number[] = [];
    const { length, dstPort, protocol, srcScope, dstScope } = sessions;
    for (let row = 0; row < length; row++) {
      if (service[dstPort[row]!] === 0) continue;
      if (protocol[row] !== PROTOCOL.tcp && protocol[row] !== PROTOCOL.udp) continue;
      const [from, to] = [srcScope[row]!, dstScope[row]!];
      const ours = from === SCOPE.internal || to === SCOPE.internal;
      const crosses = ours && (isOutside(from) || isOutside(to));
      if (!crosses && !(config.inside && from === SCOPE.internal && to === SCOPE.internal)) continue;
      if (beginsConversation(sessions, row) && severityOfRow(sessions, row) !== undefined) rows.push(row);
    }
    return rows;
  }

  function claimOf(at: number, sessions: SessionBatch, rows: readonly number[]): Claim | undefined {
    const row = rows[0]!;
    const way = wayOf(sessions, row);
    const said = worstOf(rows.map((other) => saidOf(sessions.encryption[other]!)));
    const severity = severityOf(way === WAY.inside, said) ?? 'info';
    const others = cases.distinct.count(at, cases.tick);
    if (!cases.isNews(at, others, severity)) return undefined;
    const port = sessions.dstPort[row]!;
    const name = names[service[port]! - 1]!;
    const [own, far] =
      way === WAY.in ? [sessions.dstAddr, sessions.srcAddr] : [sessions.srcAddr, sessions.dstAddr];
    const subject = formatAddress(own, row * 4);
    const peers = new Set(rows.map((other) => formatAddress(far, other * 4)));
    const peer = others === 1 && peers.size === 1 ? [...peers][0]! : undefined;
    const whom = peer ?? `${others} addresses`;
    const confirmed = said === 'clear' ? ', which AWS confirms' : '';
    const { first, last } = cases.table.columns;
    const sent = cases.sum(at, 1);
    return {
      severity,
      title:
        way === WAY.in
          ? `${subject} is reached by ${name} in the clear from ${whom} outside${confirmed}`
          : `${subject} speaks ${name} in the clear with ${whom}${way === WAY.out ? ' outside' : ''}${confirmed}`,
      subject,
      ...(peer === undefined ? {} : { peer }),
      port,
      protocol: sessions.protocol[row]!,
      counterpart: `${name} ${way === WAY.in ? 'in' : way === WAY.out ? 'out' : 'inside'}`,
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: cases.tell(at, others, severity),
      score: scoreOf(severity, others, 1),
      explanation: {
        observed: `${cases.sum(at, 0)} sessions with ${others} address${others === 1 ? '' : 'es'} in an hour, ${bytesText(sent)} when they were first seen`,
        baseline: '0 sessions in the clear across the border',
        threshold: '1 session in which both ends say something',
        formula: 'port of a protocol in the clear, and one end outside; what the port carries is not seen',
        service: name,
        ...(SAID_TEXT[said] === undefined ? {} : { encryption: SAID_TEXT[said] }),
      },
      exception: { subject, port },
    };
  }

  return detectorOf({ cases }, (step, emit) => {
    cases.begin(step);
    const { active } = step;
    const rows = collect(active);
    if (rows.length === 0) return;
    const found: Finding[] = [];
    for (const { at, rows: group } of cases.group(active, rows)) {
      for (const row of group) {
        const far = wayOf(active, row) === WAY.in ? active.srcAddr : active.dstAddr;
        cases.add(at, 0, 1);
        cases.add(at, 1, active.bytesOut[row]! + active.bytesIn[row]!);
        cases.distinct.add(at, hashWords(far, row * 4, 4), cases.tick);
      }
      const claim = claimOf(at, active, inOrderOfPorts(active, group));
      if (claim !== undefined) found.push(findingOf(claim, active, group, context.names));
    }
    for (const finding of inOrder(found)) emit(finding);
  });
}

function severityOfRow(sessions: SessionBatch, row: number): Severity | undefined {
  return severityOf(wayOf(sessions, row) === WAY.inside, saidOf(sessions.encryption[row]!));
}

/** Which way a session goes, seen from us. */
function wayOf({ srcScope, dstScope }: SessionBatch, row: number): number {
  if (srcScope[row] !== SCOPE.internal) return WAY.in;
  return dstScope[row] === SCOPE.internal ? WAY.inside : WAY.out;
}

function inOrderOfPorts({ dstPort, protocol }: SessionBatch, rows: readonly number[]): number[] {
  return rows.toSorted((a, b) => dstPort[a]! - dstPort[b]! || protocol[a]! - protocol[b]!);
}
