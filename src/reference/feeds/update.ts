import { UserError } from '../../errors.ts';
import { type FactSource, factReader, type NewFacts } from '../facts/facts.ts';
import { createFeedCache, type FeedCache, type KeptFeed, versionOf } from './cache.ts';
import { type CheckFeed, createFeedCheck } from './check.ts';
import type { FeedEntries } from './entries.ts';
import { type IndicatorColumns, trieOf } from './indicator-set.ts';
import { createFeedSet, type FeedSource, type IndicatorOptions, listReader } from './indicators.ts';
import { lastCount, readList } from './list.ts';
import { DROPPED, messageOf, type ReadContent } from './load.ts';
import { markNews, newsOf, newsText } from './news.ts';

/** A feed that a service asks again and again. */
export interface LiveFeed extends FeedSource {
  /** Seconds for which the last good list counts while the feed does not confirm it. */
  readonly keep: number;
}

/** Facts about addresses that a service asks for again and again. */
export interface LiveFacts extends FactSource {
  readonly keep: number;
}

export interface UpdateTask extends Pick<IndicatorOptions, 'allow' | 'internal'> {
  /** All that are configured. */
  readonly feeds: readonly LiveFeed[];
  readonly enrichment: readonly LiveFacts[];
  readonly cacheDir: string;
  /** Names of those to ask now. */
  readonly due: readonly string[];
  /** Versions in use, by feed. */
  readonly versions: ReadonlyMap<string, string>;
  /** Unix seconds. */
  readonly now: number;
}

/**
 * What became of asking a feed: a new list, the one in use, none of its own (refused as a whole, or it cannot be had), or that the list in
 * use is too old by now.
 */
export type FeedOutcome = 'updated' | 'unchanged' | 'refused' | 'failed' | 'dropped';

export interface FeedAnswer {
  readonly feed: string;
  readonly outcome: FeedOutcome;
  /** Why, where it is not well. */
  readonly problem?: string;
}

/** New lists, staged: a checkpoint that names their versions puts them into use. */
export interface FeedUpdate {
  /** Of the lists that are new. */
  readonly versions: ReadonlyMap<string, string>;
  /** All feeds together as they are with them; undefined when no list of bad addresses is new. */
  readonly columns: IndicatorColumns | undefined;
  /** 1 for the rows of it that are listed now and were not in the feed's list before. */
  readonly fresh: Uint8Array;
  /** How many networks those are, of feeds that have any; what they are is written beside the lists. */
  readonly news: readonly { readonly feed: string; readonly version: string; readonly networks: number }[];
  /** Facts that are new. */
  readonly facts: readonly NewFacts[];
}

/** Asks the feeds that are due, stages what is new, and makes the set of all feeds as it will be then. Never throws for a feed. */
export async function updateFeeds(
  task: UpdateTask,
): Promise<{ readonly answers: readonly FeedAnswer[]; readonly update: FeedUpdate | undefined }> {
  const cache = createFeedCache(task.cacheDir);
  const check = createFeedCheck(task.internal);
  const answers: FeedAnswer[] = [];
  const versions = new Map<string, string>();
  const all = [
    ...task.feeds.map((feed) => ({ feed, read: listReader(feed, check) })),
    ...task.enrichment.map((feed) => ({ feed, read: factReader(feed) })),
  ];
  for (const { feed, read } of all) {
    if (!task.due.includes(feed.name)) continue;
    const inUse = task.versions.get(feed.name);
    const kept = await cache.read(feed.name);
    const asked = await ask(feed, { kept, inUse: kept?.version === inUse }, cache, read, task.now);
    const { version, ...answer } = asked;
    const isOld = kept !== undefined && task.now - kept.confirmedAt > feed.keep;
    if (version !== undefined) versions.set(feed.name, version);
    else if (answer.problem !== undefined && isOld && inUse !== undefined && inUse !== DROPPED) {
      versions.set(feed.name, DROPPED);
      answers.push({ ...answer, outcome: 'dropped' });
      continue;
    }
    answers.push(answer);
  }
  if (versions.size === 0) return { answers, update: undefined };
  const lists = task.feeds.some(({ name }) => versions.has(name))
    ? await putTogether(task, versions, cache, check)
    : { columns: undefined, fresh: new Uint8Array(0), news: [] };
  return { answers, update: { versions, ...lists, facts: await newFacts(task, versions, cache) } };
}

interface Asked extends FeedAnswer {
  /** What it has now, when that is known. */
  readonly version?: string;
}

async function ask(
  feed: FeedSource,
  { kept, inUse }: { readonly kept: KeptFeed | undefined; readonly inUse: boolean },
  cache: FeedCache,
  read: ReadContent<unknown>,
  now: number,
): Promise<Asked> {
  const { name } = feed;
  try {
    const list = await readList(feed, inUse ? kept : undefined);
    if (inUse && (list === undefined || versionOf(list.bytes) === kept?.version)) {
      // The same list at another place: from now on that one is asked what is new.
      if (list !== undefined && kept !== undefined && list.origin !== kept.origin)
        await cache.write(name, { ...list, count: kept.count });
      await cache.confirm(name, now);
      return { feed: name, outcome: 'unchanged' };
    }
    if (list === undefined) throw new UserError('it says that it has not changed, of which nobody asked');
    const found = read(list.bytes, lastCount(list, kept));
    if (typeof found === 'string')
      return { feed: name, outcome: 'refused', problem: refusalOf(found, kept && cache.path(name)) };
    await cache.stage(name, { ...list, count: found.count });
    return { feed: name, outcome: 'updated', version: versionOf(list.bytes) };
  } catch (error) {
    return { feed: name, outcome: 'failed', problem: messageOf(error) };
  }
}

function refusalOf(why: string, kept: string | undefined): string {
  return kept === undefined ? why : `${why} (the earlier list stays; delete ${kept} to forget it)`;
}

/** Every feed's list, of those with a new version the staged one. */
async function putTogether(
  { feeds, allow, versions: inUse }: UpdateTask,
  versions: ReadonlyMap<string, string>,
  cache: FeedCache,
  check: CheckFeed,
): Promise<Pick<FeedUpdate, 'columns' | 'fresh' | 'news'>> {
  const changed: { readonly feed: LiveFeed; readonly entries: FeedEntries; readonly rows: number[] }[] = [];
  const set = createFeedSet(feeds, trieOf(allow));
  for (const feed of feeds) {
    const next = versions.get(feed.name);
    const version = next ?? inUse.get(feed.name);
    if (version === undefined || version === DROPPED) continue;
    const before = await cache.read(feed.name);
    const kept = next === undefined ? before : await cache.readStaged(feed.name);
    if (kept === undefined || kept.version !== version) continue;
    const read = listReader(feed, check);
    const found = read(kept.bytes, 0);
    if (typeof found === 'string') continue;
    const entries = found.content;
    set.add(feed, entries);
    if (next === undefined) continue;
    const old = before && read(before.bytes, 0);
    const rows = newsOf(entries, typeof old === 'string' ? undefined : old?.content);
    if (rows.length > 0) changed.push({ feed, entries, rows });
  }
  const columns = set.columns();
  const fresh = new Uint8Array(columns.count);
  const news: FeedUpdate['news'][number][] = [];
  for (const { feed, entries, rows } of changed) {
    markNews(columns, fresh, feeds.indexOf(feed), entries, rows);
    const version = versions.get(feed.name) ?? '';
    await cache.writeNews(feed.name, version, newsText(entries, rows));
    news.push({ feed: feed.name, version, networks: rows.length });
  }
  return { columns, fresh, news };
}

async function newFacts(
  { enrichment }: UpdateTask,
  versions: ReadonlyMap<string, string>,
  cache: FeedCache,
): Promise<NewFacts[]> {
  const facts: NewFacts[] = [];
  for (const source of enrichment) {
    const { name } = source;
    const version = versions.get(name);
    if (version === undefined) continue;
    const kept = version === DROPPED ? undefined : await cache.readStaged(name);
    const found = kept && factReader(source)(kept.bytes, 0);
    facts.push({ name, data: typeof found === 'string' ? undefined : found?.content });
  }
  return facts;
}
