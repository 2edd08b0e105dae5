import type { Finding, FlowSample, Phase, Severity } from '../../src/contracts.ts';
import { scoreOf } from '../claim.ts';
import { evidenceQuery } from '../evidence.ts';

/** The worst finding of a detector about a host, and the time of all of them, unix seconds. */
export interface Seen {
  readonly detector: string;
  readonly phase: Phase;
  readonly severity: Severity;
  readonly title: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly interfaceId?: number | undefined;
  readonly accountId?: number | undefined;
  readonly samples: readonly FlowSample[];
}

const MAX_SAMPLES = 5;

/** `signs` by first sight; `chain`: they are looking around, getting in and taking out. */
export function signsFinding(
  subject: string,
  signs: readonly Seen[],
  severity: Severity,
  chain: boolean,
  hours: number,
): Finding {
  const phases = [...new Set(signs.map(({ phase }) => phase))];
  const names = signs.map(({ detector }) => detector);
  const firstSeen = Math.min(...signs.map((seen) => seen.firstSeen));
  const lastSeen = Math.max(...signs.map((seen) => seen.lastSeen));
  const { interfaceId, accountId } = signs[0]!;
  return {
    severity,
    title: chain
      ? `${subject} looked around, got in elsewhere and sent data out within ${hours} h: ${names.join(', ')}`
      : `${subject} shows ${signs.length} signs of an intrusion within ${hours} h: ${names.join(', ')}`,
    subject,
    ...(interfaceId === undefined ? {} : { interfaceId }),
    ...(accountId === undefined ? {} : { accountId }),
    counterpart: 'signs',
    firstSeen,
    lastSeen,
    count: 1,
    score: scoreOf(severity, signs.length, 2),
    explanation: {
      observed: `${signs.length} detectors, ${phases.length} phases: ${phases.join(', ')}`,
      baseline: '0 or 1 phase in a day is usual',
      threshold: `2 independent phases of medium severity within ${hours} h: one level above the worst; reconnaissance, access, then exfiltration: critical`,
      formula:
        'findings about one host, not muted and not in the shadow, of phases that do not follow from the same traffic',
      ...Object.fromEntries(signs.map((seen) => [seen.detector, `${seen.severity}: ${seen.title}`])),
    },
    samples: signs.flatMap(({ samples }) => samples).slice(0, MAX_SAMPLES),
    query: evidenceQuery({ subject, from: firstSeen, to: lastSeen }),
    exception: { subject, rule: 'signs' },
  };
}
