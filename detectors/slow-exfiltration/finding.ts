import type { Claim } from '../claim.ts';
import { scoreOf } from '../claim.ts';
import { bytesText, rounded } from '../evidence.ts';
import type { SlowConfig } from './config.ts';
import type { Drift } from './drift.ts';

/** A destination that has this share of what a host uploads is what the alert is about. */
const MAIN_SHARE = 0.6;

/** Destination with most of the last period's upload, and its share of it. */
export interface Share {
  readonly peer: string;
  readonly share: number;
}

/** A host that uploads more, period after period. Times are unix seconds, `watched` periods. */
interface Told {
  readonly subject: string;
  readonly bytes: number;
  readonly drift: Drift;
  readonly watched: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly main: Share;
}

export function driftClaim(told: Told, config: SlowConfig): Claim {
  const { subject, bytes, drift, main } = told;
  const named = main.share >= MAIN_SHARE;
  const [one, many] = config.periodHours === 24 ? ['a day', 'days'] : [`${config.periodHours} h`, 'periods'];
  const to = named ? `${main.peer}` : 'addresses outside';
  return {
    severity: 'medium',
    title: `${subject} uploads more than it did, to ${to}: ${bytesText(bytes)} in ${one}, ${drift.periods} ${many} in a row`,
    subject,
    ...(named ? { peer: main.peer } : {}),
    counterpart: named ? main.peer : 'uploads',
    firstSeen: told.first,
    lastSeen: told.last,
    count: told.count,
    score: scoreOf('medium', drift.sum, config.limit),
    explanation: {
      observed: `${bytesText(bytes)} uploaded in ${one} so far, ${drift.periods} ${many} in a row above the usual`,
      baseline: `${bytesText(Math.round(drift.expected))} in ${one}, of ${told.watched} ${many} watched`,
      threshold: `sum of deviations ${config.limit}, and ${bytesText(config.bytes)} in ${one}`,
      formula:
        'S = max(0, S + min(z, 2.5) - slack) >= limit; z = (y - max(median of 7, y of 7 before)) / max(1.4826 MAD, 0.35), y = ln(1 + bytes / 1 MB)',
      cusum: rounded(drift.sum, 3),
      z: rounded(drift.z, 3),
      mainDestination: main.peer === '' ? 'none' : `${main.peer}, ${Math.round(main.share * 100)} %`,
    },
    exception: named ? { subject, peer: main.peer } : { subject, rule: 'uploads' },
  };
}
