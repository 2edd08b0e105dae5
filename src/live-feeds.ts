import { join } from 'node:path';
import type { Config } from './config.ts';
import type { Engine } from './engine.ts';
import type { FeedWatch } from './feed-watch.ts';
import { FEEDS_FOLDER } from './judges.ts';
import { createFeedCache } from './reference/feed-cache.ts';
import { updateFeedsApart } from './reference/feed-thread.ts';
import type { FeedAnswer, FeedUpdate } from './reference/feed-update.ts';

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

/** Milliseconds between two looks at what is due. */
const LOOK_MS = 250;

export async function openLiveFeeds(options: LiveFeedsOptions): Promise<LiveFeeds> {
  const { config, engine, watch, log } = options;
  const cacheDir = join(options.data, FEEDS_FOLDER);
  const cache = createFeedCache(cacheDir);
  const closing = new AbortController();
  let ready: FeedUpdate | undefined;
  let taken: FeedUpdate | undefined;
  let asking: Promise<void> | undefined;

  const show = async (feed: string): Promise<number> => {
    const kept = await cache.read(feed);
    const networks = kept?.version === engine.feeds.versions.get(feed) ? (kept?.count ?? 0) : 0;
    watch.holds(feed, networks, kept?.confirmedAt);
    return networks;
  };
  const ask = async (due: readonly string[]): Promise<void> => {
    const { feeds, allow, network } = config;
    const now = Math.floor(Date.now() / 1000);
    const task = {
      feeds,
      allow,
      internal: network.internal,
      cacheDir,
      due,
      versions: engine.feeds.versions,
      now,
    };
    try {
      const { answers, update } = await updateFeedsApart(task, closing.signal);
      for (const answer of answers) {
        watch.answered(answer);
        tell(answer, log);
      }
      ready = update;
    } catch (error) {
      if (closing.signal.aborted) return;
      for (const feed of due) {
        const answer = { feed, outcome: 'failed', problem: (error as Error).message } as const;
        watch.answered(answer);
        tell(answer, log);
      }
    }
  };
  watch.begin(config.feeds, engine.instance);
  for (const { name } of config.feeds) await show(name);
  const timer = setInterval(() => {
    if (asking !== undefined || ready !== undefined || taken !== undefined) return;
    const due = watch.due();
    if (due.length === 0) return;
    asking = ask(due).finally(() => {
      asking = undefined;
    });
  }, LOOK_MS);
  return {
    get isReady() {
      return ready !== undefined;
    },
    take() {
      taken = ready;
      ready = undefined;
      return taken;
    },
    async adopted(update) {
      taken = undefined;
      for (const feed of update.versions.keys())
        log('info', 'a new list of a feed is in use', { feed, networks: await show(feed) });
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      closing.abort();
      await asking;
      // Nothing is lost: what no checkpoint named is asked for again.
      if (ready !== undefined || taken !== undefined) watch.retry();
    },
  };
}

function tell({ feed, outcome, problem }: FeedAnswer, log: LiveFeedsOptions['log']): void {
  if (outcome === 'refused') log('error', 'a list of a feed is refused', { feed, problem });
  else if (outcome === 'dropped')
    log('error', 'the last list of a feed is too old and no longer used', { feed, problem });
  else if (outcome === 'failed') log('warn', 'a feed cannot be had', { feed, problem });
}
