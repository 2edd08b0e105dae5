import type { Emit, FeedReport, Finding } from '../../src/contracts.ts';
import { durationText, timestamp } from '../evidence.ts';

const HOUR = 3600;

type Kind = 'stale' | 'refused';
type Told = Pick<Finding, 'severity' | 'title' | 'explanation'>;

/**
 * Judges what a live service says of its feeds: a list that nobody renews, or that cannot be true, finds less every day. What was told is
 * not part of the saved state, as for sources.
 */
export function createFeedJudge(): (report: FeedReport, emit: Emit) => void {
  /** When each kind of alert was told last, by feed, by the service's clock. */
  const toldAt = new Map<string, number>();

  return (report, emit) => {
    const judge = (kind: Kind, isSo: boolean, told: () => Told): void => {
      const key = `${kind} ${report.feed}`;
      if (!isSo) toldAt.delete(key);
      else if (report.at - (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) >= HOUR) {
        toldAt.set(key, report.at);
        emit(findingOf(report, kind, told()));
      }
    };
    judge('refused', report.refused !== undefined, () => refusalOf(report));
    judge('stale', report.age > report.limit, () => staleOf(report));
  };
}

function refusalOf({ refused = '', networks }: FeedReport): Told {
  return {
    severity: 'medium',
    title: 'its new list is refused, the earlier one stays',
    explanation: {
      observed: `1 list refused: ${refused}`,
      baseline: `${networks} networks in the list in use`,
      threshold: '0 lists refused',
      formula: 'no own, private or far too wide network, no page, no sudden change of size',
    },
  };
}

function staleOf({ age, limit, networks, problem }: FeedReport): Told {
  return {
    severity: 'medium',
    title: `not renewed for ${durationText(age)}`,
    explanation: {
      observed: `nothing for ${durationText(age)}${problem === '' ? '' : `: ${problem}`}`,
      baseline: `${networks} networks in the list in use`,
      threshold: `more than ${durationText(limit)}`,
      formula: 'time since the feed last said that its list is current',
    },
  };
}

function findingOf({ feed, now }: FeedReport, kind: Kind, told: Told): Finding {
  return {
    ...told,
    title: `feed ${feed}: ${told.title}`,
    score: 1,
    subject: feed,
    counterpart: `feed ${kind}`,
    firstSeen: now,
    lastSeen: now,
    count: 1,
    samples: [],
    query: `SELECT count(*) AS records, min("end") AS first, max("end") AS last FROM flows WHERE "end" <= ${timestamp(now)}`,
    exception: { subject: feed, rule: kind },
  };
}
