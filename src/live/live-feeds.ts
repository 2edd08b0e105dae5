import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Engine } from '../engine.ts';
import { FEEDS_FOLDER } from '../judges.ts';
import { createFeedCache } from '../reference/feeds/cache.ts';
import { updateFeedsApart } from '../reference/feeds/thread.ts';
import type { FeedAnswer, FeedUpdate } from '../reference/feeds/update.ts';
import type { FeedWatch } from './feed-watch.ts';
import { createStagedWork } from './staged-work.ts';

export interface LiveFeedsOptions {
  readonly data: string;
  readonly config: Config;
  readonly engine: Pick<Engine, 'instance' | 'feeds'>;
  readonly watch: FeedWatch;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Asks the feeds beside everything else, and has what is new ready for the next checkpoint. */
export interface LiveFeeds extends AsyncDisposable {
  /** An update waits for a checkpoint. */
  readonly isReady: boolean;
  /** The update for the checkpoint that begins. */
  take(): FeedUpdate | undefined;
  /** That checkpoint is durable. */
  adopted(update: FeedUpdate): Promise<void>;
}

export async function openLiveFeeds(options: LiveFeedsOptions): Promise<LiveFeeds> {
  const { config, engine, watch, log } = options;
  const cacheDir = join(options.data, FEEDS_FOLDER);
  const cache = createFeedCache(cacheDir);

  const show = async (feed: string): Promise<number> => {
    const kept = await cache.read(feed);
    const networks = kept?.version === engine.feeds.versions.get(feed) ? (kept?.count ?? 0) : 0;
    watch.holds(feed, networks, kept?.confirmedAt);
    return networks;
  };
  const ask = async (due: readonly string[], signal: AbortSignal): Promise<FeedUpdate | undefined> => {
    const { feeds, enrichment, allow, network } = config;
    const now = Math.floor(Date.now() / 1000);
    const task = {
      feeds,
      enrichment,
      allow,
      internal: network.internal,
      cacheDir,
      due,
      versions: engine.feeds.versions,
      now,
    };
    try {
      const { answers, update } = await updateFeedsApart(task, signal);
      for (const answer of answers) {
        watch.answered(answer);
        tell(answer, log);
      }
      return update;
    } catch (error) {
      if (signal.aborted) return undefined;
      for (const feed of due) {
        const answer = { feed, outcome: 'failed', problem: (error as Error).message } as const;
        watch.answered(answer);
        tell(answer, log);
      }
      return undefined;
    }
  };
  const asked = [...config.feeds, ...config.enrichment];
  watch.begin(asked, engine.instance);
  for (const { name } of asked) await show(name);
  const work = createStagedWork<FeedUpdate>((signal, taken) => {
    const due = taken === undefined ? watch.due() : [];
    return due.length === 0 ? undefined : ask(due, signal);
  });
  return {
    get isReady() {
      return work.isReady;
    },
    take: work.take,
    async adopted(update) {
      work.settle();
      for (const feed of update.versions.keys())
        log('info', 'a new list of a feed is in use', { feed, networks: await show(feed) });
    },
    async [Symbol.asyncDispose]() {
      await work[Symbol.asyncDispose]();
      // Nothing is lost: what no checkpoint named is asked for again.
      if (work.unsettled !== undefined) watch.retry();
    },
  };
}

function tell({ feed, outcome, problem }: FeedAnswer, log: LiveFeedsOptions['log']): void {
  if (outcome === 'refused') log('error', 'a list of a feed is refused', { feed, problem });
  else if (outcome === 'dropped')
    log('error', 'the last list of a feed is too old and no longer used', { feed, problem });
  else if (outcome === 'failed') log('warn', 'a feed cannot be had', { feed, problem });
}
