import type { Emit, Finding, RejectReason, Scalar, SourceReport } from '../../src/contracts.ts';
import { durationText, rounded, timestamp, utc } from '../evidence.ts';
import type { TelemetryConfig } from './config.ts';

const HOUR = 3600;
/** Seconds over which refused records are summed. */
const REJECT_SECONDS = 900;
/** Fewer refused records than this say nothing. */
const LEAST_REJECTS = 20;
/** Fewer deliveries than this have no 95th percentile. */
const LEAST_DELIVERIES = 20;

type Told = Pick<Finding, 'severity' | 'title' | 'score' | 'explanation'>;

interface Known {
  /** When each kind of alert was told last, by the service's steady clock. */
  readonly toldAt: Map<string, number>;
  /** Since the last look at what was refused. */
  since: number;
  received: number;
  rejectedBy: Map<RejectReason, number>;
}

/**
 * Judges what a live service says of its sources. What was told is not part of the saved state: a service that starts anew tells what is
 * still so once more, in the same alert.
 */
export function createSourceJudge(config: TelemetryConfig): (report: SourceReport, emit: Emit) => void {
  const sources = new Map<string, Known>();

  return (report, emit) => {
    const { source, at } = report;
    const known = sources.get(source) ?? { toldAt: new Map(), since: at, received: 0, rejectedBy: new Map() };
    sources.set(source, known);
    const tell = (kind: string, told: Told): void => {
      known.toldAt.set(kind, at);
      emit(findingOf(report, kind, told));
    };
    const isDue = (kind: string): boolean =>
      at - (known.toldAt.get(kind) ?? Number.NEGATIVE_INFINITY) >= HOUR;

    for (const loss of report.lost) tell('lost', lossOf(loss));

    const patience = Math.max(config.sourceMinutes * 60, config.gaps * report.usualSilence);
    if (report.silence <= patience) known.toldAt.delete('silent');
    else if (isDue('silent')) tell('silent', silenceOf(report, patience, config));

    const limit = config.lagMinutes * 60;
    if (report.deliveries >= LEAST_DELIVERIES && report.lag > limit && isDue('lag'))
      tell('lag', lagOf(report, limit));

    known.received += report.received;
    for (const [reason, count] of report.rejectedBy)
      known.rejectedBy.set(reason, (known.rejectedBy.get(reason) ?? 0) + count);
    if (at - known.since < REJECT_SECONDS) return;
    const rejected = [...known.rejectedBy.values()].reduce((sum, count) => sum + count, 0);
    if (rejected >= LEAST_REJECTS && rejected >= config.rejectShare * known.received)
      tell('rejected', rejectsOf(known, rejected, config));
    Object.assign(known, { since: at, received: 0, rejectedBy: new Map() });
  };
}

function lossOf({ partition, from, to, times, reason }: SourceReport['lost'][number]): Told {
  const at = (offset: number): Scalar => (times ? utc(offset) : offset);
  const amount = times ? 'records' : `${(to ?? from) - from}`;
  return {
    severity: 'high',
    title: `data of ${partition} is lost: ${reason}`,
    score: 1,
    explanation: {
      observed:
        to === undefined ? `lost from ${at(from)} on` : `${amount} lost, from ${at(from)} to ${at(to)}`,
      baseline: '0 lost',
      threshold: 'more than 0',
      formula: `what the source says it can no longer read, ${times ? 'by event time' : 'in its own offsets'}`,
      partition,
      from: at(from),
      ...(to === undefined ? {} : { to: at(to) }),
      reason,
    },
  };
}

function silenceOf({ silence, usualSilence }: SourceReport, patience: number, config: TelemetryConfig): Told {
  const text = durationText(silence);
  return {
    severity: 'high',
    title: `nothing came for ${text}`,
    score: 1,
    explanation: {
      observed: `${text} without a delivery`,
      baseline: `longest that there was twice in two weeks: ${durationText(usualSilence)}`,
      threshold: `more than ${durationText(patience)}`,
      formula: `silence > max(${config.sourceMinutes} min, ${config.gaps} x usual)`,
    },
  };
}

function lagOf({ lag, deliveries }: SourceReport, limit: number): Told {
  return {
    severity: 'medium',
    title: `records come ${durationText(lag)} after their end`,
    score: rounded(Math.min(1, 0.5 + lag / 86_400)),
    explanation: {
      observed: `${durationText(lag)} for one delivery in twenty, or more`,
      baseline: `${deliveries} deliveries of the last 6 h`,
      threshold: `more than ${durationText(limit)}`,
      formula: '95th percentile of (available for us - newest end in the delivery)',
    },
  };
}

function rejectsOf({ received, rejectedBy }: Known, rejected: number, config: TelemetryConfig): Told {
  const share = rejected / received;
  const [reason = 'none', count = 0] =
    [...rejectedBy].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0] ?? [];
  return {
    severity: share >= 0.5 ? 'high' : 'medium',
    title: `${rounded(share * 100, 2)} % of the records cannot be used, most as ${reason}`,
    score: rounded(share),
    explanation: {
      observed: `${rejected} of ${received} records in ${REJECT_SECONDS / 60} min`,
      baseline: '0 % while the format is known',
      threshold: `${rounded(config.rejectShare * 100)} %`,
      formula: 'rejected / received',
      reason,
      forThisReason: count,
    },
  };
}

function findingOf({ source, newest, now }: SourceReport, kind: string, told: Told): Finding {
  const rejects = `SELECT source, reason, count(*) AS records, max(raw) AS example FROM rejects GROUP BY ALL ORDER BY records DESC`;
  const records = `SELECT date_trunc('minute', "end") AS minute, count(*) AS records FROM flows WHERE "end" >= ${timestamp(newest - HOUR)} AND "end" <= ${timestamp(now)} GROUP BY ALL ORDER BY minute`;
  return {
    ...told,
    title: `source ${source}: ${told.title}`,
    subject: source,
    counterpart: `source ${kind}`,
    firstSeen: newest,
    lastSeen: now,
    count: 1,
    samples: [],
    query: kind === 'rejected' ? rejects : records,
    exception: { subject: source, rule: kind },
  };
}
