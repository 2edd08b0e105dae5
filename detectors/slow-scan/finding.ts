import type { Severity } from '../../src/contracts.ts';
import { type Claim, scoreOf } from '../claim.ts';
import { durationText, rounded } from '../evidence.ts';
import type { SlowScanConfig } from './config.ts';
import type { Walk } from './judge.ts';

/** A walk that ended at the scanner's side. Counts are distinct hosts, times unix seconds. */
interface Told {
  readonly subject: string;
  readonly severity: Severity;
  readonly walk: number;
  readonly failed: number;
  readonly inside: number;
  readonly worked: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

export function scanClaim(told: Told, walk: Walk, config: SlowScanConfig): Claim {
  const { subject, severity, failed, inside, worked } = told;
  const time = durationText(told.last - told.first);
  return {
    severity,
    title: `${subject} tried ${failed} hosts it did not know in vain in ${time}`,
    subject,
    counterpart: 'slow scan',
    firstSeen: told.first,
    lastSeen: told.last,
    count: told.count,
    score: scoreOf(severity, failed, config.hosts),
    explanation: {
      observed: `first contacts: ${failed} failed, ${worked} worked, in ${time}`,
      baseline: `${Math.round(config.benign * 100)} % of an ordinary host's first contacts work, ${Math.round(config.scanner * 100)} % of a scanner's`,
      threshold: `likelihood ratio ${rounded(Math.exp(walk.scanner), 3)}, and ${config.hosts} hosts that failed; medium from ${config.insideHosts} inside, half of them at least`,
      formula:
        'threshold random walk: ratio × (1 − θ1) / (1 − θ0) for a first contact that fails, × θ1 / θ0 for one that works; at (1 − β) / (1 − α) it begins anew',
      logRatio: rounded(told.walk, 3),
      hostsInside: inside,
    },
  };
}
