import { formatAddress } from '../../src/columns/address.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Severity } from '../../src/contracts.ts';
import type { Cases } from '../cases.ts';
import { type Claim, scoreOf } from '../claim.ts';
import { portText, rounded } from '../evidence.ts';
import { PROTOCOL } from '../sessions.ts';
import type { ExposedPortConfig } from './config.ts';
import type { Comparison } from './usual.ts';

/** A service, the probes of the step, and how many were not told yet. */
interface Told {
  readonly cases: Cases;
  readonly at: number;
  readonly sessions: SessionBatch;
  readonly rows: readonly number[];
  readonly count: number;
}

/** A service that is open to the internet and was found. */
export function exposedClaim(
  told: Told & { readonly sources: number; readonly severity: Severity },
  { sources: least, maxBytes }: ExposedPortConfig,
): Claim {
  const { cases, at, sources, severity } = told;
  const { subject, service, ...facts } = factsOf(told);
  return {
    ...facts,
    subject,
    severity,
    title: `${sources} unknown addresses outside probed ${service} of ${subject}, and it answered`,
    score: scoreOf(severity, sources, least),
    explanation: {
      observed: `${sources} sources, ${cases.sum(at, 0)} probes in an hour, all answered`,
      baseline: '0 probes of a port that only those it is meant for can reach',
      threshold: `${least} sources in an hour`,
      formula: `distinct unlisted sources outside that were answered and sent at most ${maxBytes} bytes >= threshold`,
    },
  };
}

/** A port meant for everybody, which more probe than ever. */
export function surgeClaim(
  told: Told,
  { sources, usual, windows, deviations }: Comparison,
  { surgeSources, deviations: least, maxBytes }: ExposedPortConfig,
): Claim {
  const { subject, service, ...facts } = factsOf(told);
  return {
    ...facts,
    subject,
    severity: 'low',
    title: `${sources} unknown addresses outside probed ${service} of ${subject} within 5 min, far more than usual`,
    score: scoreOf('low', sources, surgeSources),
    explanation: {
      observed: `${sources} sources in 5 min`,
      baseline: `${rounded(usual, 3)} sources in 5 min, over ${windows} windows`,
      threshold: `${surgeSources} sources, and ${least} standard deviations above its past`,
      formula: `log(1 + distinct unlisted sources outside that were answered and sent at most ${maxBytes} bytes) against its moving mean and deviation`,
      deviations: rounded(deviations, 3),
    },
  };
}

function factsOf({ cases, at, sessions, rows, count }: Told) {
  const port = sessions.dstPort[rows[0]!]!;
  const service = portText(port, PROTOCOL.tcp);
  const { first, last } = cases.table.columns;
  return {
    subject: formatAddress(sessions.dstAddr, rows[0]! * 4),
    service,
    port,
    protocol: PROTOCOL.tcp,
    counterpart: service,
    firstSeen: first[at]!,
    lastSeen: last[at]!,
    count,
  };
}
