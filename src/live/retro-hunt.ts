import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config.ts';
import type { PastContact } from '../contracts.ts';
import type { PendingHunt } from '../feeds-in-use.ts';
import { FEEDS_FOLDER } from '../judges.ts';
import { createFeedCache } from '../reference/feeds/cache.ts';
import type { FeedSource } from '../reference/feeds/source.ts';
import { withinBudget } from '../retro.ts';
import { askChild } from '../store/child.ts';
import { createStagedWork, type StagedWork } from './staged-work.ts';

/** What the process that looks through the history is asked. */
export interface RetroTask {
  readonly data: string;
  /** With how long its addresses count: its confidence and categories are in the file. */
  readonly feed: Pick<FeedSource, 'name' | 'decay'>;
  /** What is new in its list. */
  readonly file: string;
  readonly allow: readonly string[];
  readonly internal: readonly string[];
  readonly from: number;
  readonly upTo: number;
  readonly maxContacts: number;
  readonly timeoutMs: number;
}

/** A hunt that is over: what is told of it, also nothing where it was given up. */
export interface HuntResult {
  readonly hunt: PendingHunt;
  readonly contacts: readonly PastContact[];
}

/** Counts since the start of the process, through all lives. */
export interface RetroCounts {
  done: number;
  failed: number;
  given_up: number;
  /** Contacts told, and those beyond the budget. */
  told: number;
  over_budget: number;
}

export interface RetroOptions {
  readonly data: string;
  readonly config: Pick<Config, 'allow' | 'feeds' | 'network' | 'retroHunt'>;
  /** What is pending at the moment, oldest first. */
  hunts(): readonly PendingHunt[];
  readonly counts: RetroCounts;
  /** Milliseconds before a hunt that failed is tried again. */
  readonly retryMs?: number;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

const childFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './retro-child.ts' : './retro-child.js', import.meta.url),
);

/** Contacts looked at for the ones that are told: what is beyond is counted as over the budget only roughly. */
const MAX_CONTACTS = 10_000;
/** After this many failures a hunt is given up; `flowsentry hunt` can do it by hand. */
const MAX_FAILURES = 3;
const RETRY_MS = 10_000;

/** Looks for what feeds had new in the stored sessions, one hunt at a time, in processes of their own. */
export function openRetroHunts(options: RetroOptions): StagedWork<HuntResult> {
  const { data, config, hunts, counts, log, retryMs = RETRY_MS } = options;
  const cache = createFeedCache(join(data, FEEDS_FOLDER));
  const { lookback, maxAlerts, timeout } = config.retroHunt;
  let failures = 0;
  let notBefore = 0;

  const look = async (hunt: PendingHunt, signal: AbortSignal): Promise<HuntResult | undefined> => {
    const { feed, version, networks, at, upTo } = hunt;
    const decay = config.feeds.find(({ name }) => name === feed)?.decay;
    const task: RetroTask = {
      ...{ data, feed: { name: feed, decay }, file: cache.newsPath(feed, version) },
      ...{ allow: config.allow, internal: config.network.internal },
      ...{ from: Math.max(0, at - lookback), upTo, maxContacts: MAX_CONTACTS, timeoutMs: timeout * 1000 },
    };
    try {
      const { contacts } = await askChild<{ contacts: PastContact[] }>(
        childFile,
        task,
        'looking through the history',
        signal,
      );
      const { told, left } = withinBudget(contacts, maxAlerts);
      counts.done++;
      counts.told += told.length;
      counts.over_budget += left;
      failures = 0;
      const details = { feed, networks, contacts: told.length };
      log('info', 'looked through the history for what a feed has new', details);
      if (left > 0)
        log('warn', "more contacts than the budget: 'flowsentry hunt --feed' shows all", {
          ...details,
          left,
        });
      return { hunt, contacts: told };
    } catch (error) {
      if (signal.aborted) return undefined;
      failures++;
      counts.failed++;
      notBefore = performance.now() + retryMs;
      log('error', 'cannot look through the history for what a feed has new', { feed, networks, error });
      if (failures < MAX_FAILURES) return undefined;
      failures = 0;
      counts.given_up++;
      log('error', "gave it up: look with 'flowsentry hunt --feed'", { feed });
      return { hunt, contacts: [] };
    }
  };
  return createStagedWork<HuntResult>((signal, taken) => {
    const [next] = hunts();
    if (next === undefined || next === taken?.hunt || performance.now() < notBefore) return undefined;
    return look(next, signal);
  });
}
