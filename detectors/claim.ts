import type { Dictionary } from '../src/columns/dictionary.ts';
import type { SessionBatch } from '../src/columns/session-batch.ts';
import { type ExceptionMatch, type Finding, SEVERITIES, type Severity } from '../src/contracts.ts';
import { compareRows, evidenceQuery, flowSample, rounded } from './evidence.ts';

const MAX_SAMPLES = 3;

/** A finding without what follows from its rows: interface, account, samples, query and, unless given, exception. */
export type Claim = Omit<Finding, 'interfaceId' | 'accountId' | 'samples' | 'query' | 'exception'> & {
  readonly exception?: ExceptionMatch;
};

/** The finding of a claim; the first of `rows`, by what they are, are its samples. */
export function findingOf(
  claim: Claim,
  sessions: SessionBatch,
  rows: readonly number[],
  names: Dictionary,
): Finding {
  const { subject, peer, port, protocol, counterpart, firstSeen: from, lastSeen: to } = claim;
  const shown = rows.toSorted((a, b) => compareRows(sessions, a, sessions, b)).slice(0, MAX_SAMPLES);
  const other = peer === undefined ? {} : { peer };
  const service = {
    ...(port === undefined ? {} : { port }),
    ...(protocol === undefined ? {} : { protocol }),
  };
  return {
    ...claim,
    interfaceId: sessions.interfaceId[shown[0]!]!,
    accountId: sessions.accountId[shown[0]!]!,
    samples: shown.map((row) => flowSample(sessions, row, names)),
    query: evidenceQuery({ subject, ...other, ...service, from, to }),
    exception: claim.exception ?? {
      subject,
      ...other,
      ...(peer === undefined && port === undefined ? { rule: counterpart } : service),
    },
  };
}

/** Findings in an order that follows from what they say, as rows have none. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const text = (finding: Finding): string => `${finding.subject} ${finding.counterpart}`;
  return findings.toSorted((a, b) => (text(a) < text(b) ? -1 : 1));
}

const BASE = { info: 0.1, low: 0.25, medium: 0.55, high: 0.75, critical: 0.9 } as const;

/** Score of something that is `extent` where `threshold` would do: by severity first, then by doublings past the threshold. */
export function scoreOf(severity: Severity, extent: number, threshold: number): number {
  const doublings = Math.log2(Math.max(1, extent / threshold));
  return rounded(Math.min(1, BASE[severity] + 0.03 * Math.min(8, doublings)));
}

/** One level higher, at most critical. */
export function raised(severity: Severity): Severity {
  return SEVERITIES[Math.min(SEVERITIES.indexOf(severity) + 1, SEVERITIES.length - 1)]!;
}
