import type { Explanation, Finding, FlowSample, Severity } from '../../src/contracts.ts';
import { bytesText, durationText, evidenceQuery, rounded } from '../evidence.ts';
import type { VolumeConfig } from './config.ts';
import { fromLog, MEASURES, type PeakBaseline } from './peaks.ts';
import type { HourVerdict } from './rhythm.ts';
import type { Spike } from './spikes.ts';

/** What every finding of this detector says. Times in unix seconds. */
export interface Told {
  readonly subject: string;
  readonly peer: string | undefined;
  readonly severity: Severity;
  readonly from: number;
  readonly to: number;
  readonly sample: FlowSample;
  readonly codes: { readonly interfaceId?: number; readonly accountId?: number };
}

const SCORES: Readonly<Record<Severity, number>> = {
  info: 0.1,
  low: 0.3,
  medium: 0.55,
  high: 0.8,
  critical: 0.9,
};

/** A window above all peaks of its key, or bulk to an address that is new to it. */
export function spikeFinding(spike: Spike, told: Told, share: number, config: VolumeConfig): Finding {
  const { name, unit, size } = MEASURES[spike.measure]!;
  const amount = unit === 'bytes' ? bytesText(spike.value) : `${spike.value} ${unit}`;
  const text = (log: number): string =>
    unit === 'bytes' ? bytesText(Math.round(fromLog(log))) : `${Math.round(fromLog(log))} ${unit}`;
  const what = unit === 'bytes' ? `${amount} ${name === 'bytes out' ? 'sent' : 'received'}` : amount;
  const { baseline } = spike;
  const withPeer = spike.key === 'pair' ? ` ${name === 'bytes in' ? 'from' : 'to'} ${told.peer}` : '';
  const title =
    baseline === undefined
      ? `${told.subject} sent ${amount} to ${told.peer} in an hour, which had little from it before`
      : `${told.subject}: ${what}${withPeer} in ${durationText(size)}, ${rounded(spike.ratio, 3)} times the most of ${comparedWith(baseline)}`;
  const explanation: Explanation =
    baseline === undefined
      ? {
          observed: `${amount} in ${durationText(size)}`,
          baseline: `less than ${bytesText(config.bulkBytes / 10)} an hour in the last 28 d`,
          threshold: `${bytesText(config.bulkBytes)} an hour`,
          formula: `bytes out >= ${config.bulkBytes} in 3600 s to a public address and highest hour before < ${config.bulkBytes / 10}`,
        }
      : {
          observed: `${amount} in ${durationText(size)}`,
          baseline: `highest ${durationText(size)} of ${baseline.alike === undefined ? 'a day' : 'each'}: median ${text(baseline.median)}, most ${text(baseline.highest)}, ${behind(baseline)}`,
          threshold: spike.certain
            ? `${bytesText(config.minBytes)}, ${config.ratio} times the most, and ${config.z} deviations from the median`
            : unit === 'bytes'
              ? `${bytesText(config.weakBytes)}, ${config.weakRatio} times the most, and ${config.weakZ} deviations from the median; ${config.dailyBudget} a day`
              : `${config.ratio} times the most, and ${config.z} deviations from the median; ${config.dailyBudget} a day`,
          formula:
            baseline.alike === undefined
              ? 'y = log1p(x) of the window; z = (y - median(daily peaks)) / max(1.4826 MAD(daily peaks), 0.2)'
              : 'y = log1p(x) of the window; z = (y - median(peaks)) / max(1.4826 MAD(peaks), 0.2), a peak in 28 d of each other subject of the role',
          measure: name,
          z: rounded(spike.z, 3),
          ratio: rounded(spike.ratio, 3),
          spread: rounded(Math.exp(baseline.spread / 1000), 3),
          ...(baseline.alike === undefined ? {} : { role: baseline.alike.role }),
        };
  return {
    ...base(told, spike.key === 'pair' ? `more traffic with ${told.peer}` : 'more traffic'),
    title,
    score: rounded(Math.min(1, SCORES[told.severity] + 0.02 * Math.min(10, spike.z))),
    explanation: {
      ...explanation,
      ...(spike.also.length > 0 ? { also: spike.also.join(', ') } : {}),
      ...(spike.key === 'subject' && told.peer !== undefined ? { shareOfPeer: rounded(share, 3) } : {}),
    },
    query: evidenceQuery({ ...ends(told), from: told.to - size, to: told.to }),
  };
}

function comparedWith({ alike, days }: PeakBaseline): string {
  if (alike !== undefined) return `the ${alike.subjects} others of role ${alike.role}`;
  return days === 1 ? 'the day before' : `the ${days} days before`;
}

function behind({ alike, days }: PeakBaseline): string {
  return alike === undefined
    ? `${daysText(days)} with traffic`
    : `${alike.subjects} others of role ${alike.role}`;
}

function daysText(days: number): string {
  return `${days} day${days === 1 ? '' : 's'}`;
}

/** An hour, and others before it, unlike the same hours of earlier days or weeks. */
export function rhythmFinding(
  verdict: HourVerdict,
  lasting: number,
  told: Told,
  config: VolumeConfig,
): Finding {
  const up = verdict.z > 0;
  const text = (log: number): string => bytesText(Math.round(fromLog(log)));
  return {
    ...base(told, up ? 'more traffic' : 'less traffic'),
    title: `${told.subject} moved ${text(verdict.log)} in an hour, ${up ? 'more' : 'less'} than in the same hour of the last ${verdict.hours} ${verdict.by}s (${text(verdict.low)} to ${text(verdict.high)})`,
    score: rounded(Math.min(1, SCORES[told.severity] + 0.02 * Math.min(10, Math.abs(verdict.z)))),
    explanation: {
      observed: `${text(verdict.log)} in 1 h`,
      baseline: `same hour of the last ${verdict.hours} ${verdict.by}s: ${text(verdict.low)} to ${text(verdict.high)}, median ${text(verdict.median)}`,
      threshold: `|z| >= ${config.rhythmZ} in ${config.rhythmHours} of 6 hours`,
      formula:
        'y = log1p(bytes); z = distance of y to the range of the same hours / max(usual distance, 0.1)',
      z: rounded(verdict.z, 3),
      spread: rounded(Math.exp(verdict.spread / 1000), 3),
      hours: lasting,
    },
    query: evidenceQuery({ ...ends(told), from: told.to - 3600, to: told.to }),
  };
}

function base(told: Told, counterpart: string) {
  const { subject, peer, severity } = told;
  return {
    severity,
    subject,
    ...(peer === undefined ? {} : { peer }),
    ...told.codes,
    counterpart,
    firstSeen: told.from,
    lastSeen: told.to,
    count: 1,
    samples: [told.sample],
    exception: {
      subject,
      ...(counterpart.includes(' with ') && peer !== undefined ? { peer } : { rule: counterpart }),
    },
  };
}

function ends(told: Told): { subject: string; peer?: string } {
  return told.peer === undefined ? { subject: told.subject } : { subject: told.subject, peer: told.peer };
}
