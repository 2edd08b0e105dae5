import { hashWords } from '../columns/key-table.ts';
import type { FeedReport } from '../contracts.ts';
import type { FeedAnswer, FeedOutcome } from '../reference/feeds/update.ts';
import type { FeedMetrics } from './metrics-view.ts';

export interface WatchedFeed {
  readonly name: string;
  /** Seconds between two questions, and without a confirmation after which it is told. */
  readonly interval: number;
  readonly stale: number;
}

/** Keeps what only a live service sees of its feeds, through all of its lives. */
export interface FeedWatch {
  /** These feeds are asked from now on, all of them soon, and no others. `seed` spreads the services that ask one server. */
  begin(feeds: readonly WatchedFeed[], seed: string): void;
  /** Names of those that it is time to ask. */
  due(): string[];
  answered(answer: FeedAnswer): void;
  /** The list that is in use: its networks, and when the feed last confirmed it, Unix seconds. */
  holds(feed: string, networks: number, confirmedAt: number | undefined): void;
  /** What was staged came to nothing: it is asked for again. */
  retry(): void;
  view(): FeedMetrics[];
  /** Reports that are due: one a feed and minute, at once after a refusal. */
  take(): Omit<FeedReport, 'now'>[];
}

interface Kept {
  feed: WatchedFeed;
  dueAt: number;
  asked: number;
  failures: number;
  networks: number;
  confirmedAt: number | undefined;
  /** From when on it is missed while there is no list at all. */
  readonly since: number;
  refused: string | undefined;
  problem: string;
  reportedAt: number;
  readonly answers: Partial<Record<FeedOutcome, number>>;
}

const REPORT_SECONDS = 60;
/** Seconds within which the first question is asked: many services start together after a power cut. */
const FIRST_SECONDS = 10;
/** Seconds until a feed that failed is asked again: doubled each time, up to its interval. */
const RETRY_SECONDS = 60;
/** Share of an interval by which it is longer or shorter. */
const JITTER = 0.1;

/** `now` gives Unix seconds. */
export function createFeedWatch(now = () => Date.now() / 1000): FeedWatch {
  const feeds = new Map<string, Kept>();
  let seed = '';
  /** From -1 to 1, the same for the same question of the same service. */
  const jitterOf = ({ feed, asked }: Kept): number => {
    const words = Uint32Array.from(Buffer.from(`${seed}\0${feed.name}\0${asked}`));
    return hashWords(words, 0, words.length) / 2 ** 31 - 1;
  };
  return {
    begin(configured, newSeed) {
      seed = newSeed;
      const at = now();
      const names = new Set(configured.map(({ name }) => name));
      for (const name of feeds.keys()) if (!names.has(name)) feeds.delete(name);
      for (const feed of configured) {
        const kept = feeds.get(feed.name) ?? blank(feed, at);
        feeds.set(feed.name, kept);
        kept.feed = feed;
        const spread = Math.min(FIRST_SECONDS, feed.interval * JITTER);
        kept.dueAt = Math.min(kept.dueAt, at + (spread * (1 + jitterOf(kept))) / 2);
      }
    },
    due: () => [...feeds].flatMap(([name, { dueAt }]) => (dueAt <= now() ? [name] : [])),
    answered({ feed, outcome, problem = '' }) {
      const kept = feeds.get(feed);
      if (kept === undefined) return;
      const isWell = outcome === 'updated' || outcome === 'unchanged';
      const { interval } = kept.feed;
      kept.answers[outcome] = (kept.answers[outcome] ?? 0) + 1;
      kept.asked++;
      kept.failures = isWell ? 0 : kept.failures + 1;
      kept.problem = problem;
      if (outcome === 'refused' && kept.refused !== problem) kept.reportedAt = Number.NEGATIVE_INFINITY;
      kept.refused = outcome === 'refused' ? problem : undefined;
      if (outcome === 'unchanged') kept.confirmedAt = now();
      const wait = isWell ? interval : Math.min(interval, RETRY_SECONDS * 2 ** (kept.failures - 1));
      kept.dueAt = now() + wait * (1 + JITTER * jitterOf(kept));
    },
    holds(feed, networks, confirmedAt) {
      const kept = feeds.get(feed);
      if (kept !== undefined) Object.assign(kept, { networks, confirmedAt });
    },
    retry() {
      for (const kept of feeds.values()) kept.dueAt = now();
    },
    view: () =>
      [...feeds].map(([feed, { networks, confirmedAt, answers }]) => ({
        feed,
        networks,
        answers,
        ...(confirmedAt === undefined ? {} : { age: Math.max(0, now() - confirmedAt) }),
      })),
    take() {
      const at = now();
      return [...feeds].flatMap(([feed, kept]) => {
        if (at - kept.reportedAt < REPORT_SECONDS) return [];
        kept.reportedAt = at;
        const { confirmedAt, since, refused, problem, networks } = kept;
        const age = at - (confirmedAt ?? since);
        return [{ feed, at, age, networks, limit: kept.feed.stale, refused, problem }];
      });
    },
  };
}

function blank(feed: WatchedFeed, at: number): Kept {
  return {
    feed,
    dueAt: Number.POSITIVE_INFINITY,
    asked: 0,
    failures: 0,
    networks: 0,
    confirmedAt: undefined,
    since: at,
    refused: undefined,
    problem: '',
    reportedAt: at,
    answers: {},
  };
}
