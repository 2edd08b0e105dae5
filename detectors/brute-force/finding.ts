import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Severity } from '../../src/contracts.ts';
import type { Cases } from '../cases.ts';
import { type Claim, raised, scoreOf } from '../claim.ts';
import { bytesText, portText, rounded } from '../evidence.ts';
import { isOutside } from '../sessions.ts';
import { type BruteForceConfig, SERVICES } from './config.ts';

/** Sums of a case: attempts, bytes sent and their squares, bytes received. */
export const SUM = { attempts: 0, bytes: 1, squares: 2, received: 3 } as const;

const NAMES = { ssh: 'SSH', rdp: 'RDP', winrm: 'WinRM', telnet: 'telnet', database: 'the database' } as const;
const TCP = 6;

/** What is told of a case. */
export interface Told {
  readonly cases: Cases;
  readonly at: number;
  readonly sessions: SessionBatch;
  readonly rows: readonly number[];
  readonly count: number;
  /** Place of the service in {@link SERVICES}, from 1. */
  readonly service: number;
}

function serviceName(service: number): keyof typeof NAMES {
  return SERVICES[service - 1]!;
}

/** A host of ours that attacks is news, one that is attacked is Tuesday; a possible success is one level more. */
export function severityOf(sessions: SessionBatch, row: number, service: number, success: boolean): Severity {
  const actor = !isOutside(sessions.srcScope[row]!) && serviceName(service) !== 'database';
  const base = actor ? 'high' : 'low';
  return success ? raised(base) : base;
}

/** A source and a service: of ours when the source is ours, else of the host it attacks. `success`: the row that may be one, or -1. */
export function pairClaim(told: Told & { readonly success: number }, config: BruteForceConfig): Claim {
  const { cases, at, sessions, rows, service, success } = told;
  const row = rows[0]!;
  const source = formatAddress(sessions.srcAddr, row * 4);
  const target = formatAddress(sessions.dstAddr, row * 4);
  const ours = !isOutside(sessions.srcScope[row]!);
  const port = sessions.dstPort[row]!;
  const attempts = cases.total(at, SUM.attempts);
  const mean = cases.total(at, SUM.bytes) / attempts;
  const { first, last } = cases.table.columns;
  const severity = severityOf(sessions, row, service, success >= 0);
  const name = serviceName(service);
  const least = name === 'database' ? config.databaseSessions : config.sessions;
  const got = success >= 0 ? `, then a session ${config.successFactor} times as large as those` : '';
  return {
    severity,
    title: `${source} tried ${NAMES[name]} on ${target} ${attempts} times${got}`,
    subject: ours ? source : target,
    peer: ours ? target : source,
    port,
    protocol: TCP,
    counterpart: `${ours ? `${target} as target` : source} ${portText(port, TCP)}`,
    firstSeen: first[at]!,
    lastSeen: last[at]!,
    count: told.count,
    score: scoreOf(severity, attempts, least),
    explanation: {
      observed: `${attempts} sessions, ${cases.sum(at, SUM.attempts)} in 5 min, about ${bytesText(Math.round(mean))} sent in each`,
      baseline: `${config.minBytes} to ${config.maxBytes} bytes sent in an attempt`,
      threshold: `${least} sessions in 5 min`,
      formula: `established sessions of similar size >= threshold: standard deviation of bytes <= ${config.spread} of the mean`,
      service: name,
      received: bytesText(Math.round(cases.total(at, SUM.received) / attempts)),
      ...(success < 0
        ? {}
        : {
            success: `${bytesText(sessions.bytesOut[success]!)} sent and ${bytesText(sessions.bytesIn[success]!)} received in one session of ${sessions.end[success]! - sessions.start[success]!} s`,
          }),
    },
  };
}

/** A service that many outside sources try. */
export function targetClaim(told: Told & { readonly sources: number }, config: BruteForceConfig): Claim {
  const { cases, at, sessions, rows, service, sources } = told;
  const target = formatAddress(sessions.dstAddr, rows[0]! * 4);
  const port = sessions.dstPort[rows[0]!]!;
  const { first, last } = cases.table.columns;
  const attempts = cases.sum(at, 0);
  return {
    severity: 'low',
    title: `${sources} sources outside tried ${NAMES[serviceName(service)]} on ${target} within an hour`,
    subject: target,
    port,
    protocol: TCP,
    counterpart: `many sources ${portText(port, TCP)}`,
    firstSeen: first[at]!,
    lastSeen: last[at]!,
    count: told.count,
    score: scoreOf('low', sources, config.sources),
    explanation: {
      observed: `${sources} sources, ${attempts} sessions in an hour`,
      baseline: `${rounded(attempts / sources, 3)} sessions a source`,
      threshold: `${config.sources} sources in an hour`,
      formula: 'distinct outside sources with a session of the size of an attempt >= threshold',
      service: serviceName(service),
    },
  };
}
