import type { FeedList } from './cache.ts';
import { stixNetworks } from './json.ts';
import { allPages, type Page, type Step, withServer } from './pages.ts';
import type { FeedSource } from './source.ts';

/** TAXII 2.1, section 1.6.8.1. */
const MEDIA_TYPE = 'application/taxii+json;version=2.1';
/** Objects a page: a server may give fewer. */
const PAGE = 1000;

type StixObject = Record<string, unknown> & { readonly id: string };

/**
 * The indicators of a TAXII 2.1 collection that are about addresses, as JSON lines; undefined when nothing was added since the `known` list.
 * What was added is asked for (`added_after`) and put over the known ones: the newest version of each counts, and revoked ones are gone.
 * An object that a server deletes without a word stays until its `valid_until`. Throws a UserError.
 */
export async function fetchTaxii(
  feed: FeedSource,
  known: Pick<FeedList, 'bytes' | 'lastModified'> | undefined,
): Promise<Omit<FeedList, 'count'> | undefined> {
  const collection = (feed.url ?? '').replace(/\/*$/, '/');
  const since = known?.lastModified;
  let newest = since;
  const added = await withServer(feed, { accept: MEDIA_TYPE, bare: false }, (ask) => {
    const page = async (next?: string): Promise<Step> => {
      const url = new URL('objects/', collection);
      url.searchParams.set('limit', String(PAGE));
      url.searchParams.set('match[type]', 'indicator');
      if (since !== undefined) url.searchParams.set('added_after', since);
      if (next !== undefined) url.searchParams.set('next', next);
      const { body, headers } = await ask(url.href);
      newest = later(newest, headers);
      const { objects, more, next: after } = (body ?? {}) as Record<string, unknown>;
      return {
        items: Array.isArray(objects) ? objects : [],
        next: more === true && typeof after === 'string' ? () => page(after) : undefined,
      };
    };
    return allPages(() => page());
  });
  const indicators = added.filter(isIndicator);
  if (known !== undefined && indicators.length === 0) return undefined;
  const byId = new Map<string, StixObject>();
  for (const one of [...linesOf(known?.bytes), ...indicators]) {
    const before = byId.get(one.id);
    if (before === undefined || String(before.modified) <= String(one.modified)) byId.set(one.id, one);
  }
  // In an order of their own: servers give them in any.
  const kept = [...byId.values()].filter(({ revoked }) => revoked !== true);
  const lines = kept.sort((a, b) => (a.id < b.id ? -1 : 1)).map((one) => `${JSON.stringify(reduced(one))}\n`);
  return { bytes: Buffer.from(lines.join('')), lastModified: newest };
}

/** When the last object of a page was added: servers say so with each page (section 3.4), some of a single object only when the first was. */
function later(newest: string | undefined, headers: Page['headers']): string | undefined {
  const added = headers['x-taxii-date-added-last'] ?? headers['x-taxii-date-added-first'];
  if (typeof added !== 'string' || Number.isNaN(Date.parse(added))) return newest;
  return newest === undefined || added > newest ? added : newest;
}

/** Of addresses: whatever else there is in a pattern, flow logs do not show it. */
function isIndicator(value: unknown): value is StixObject {
  const { type, id, pattern, revoked } = (value ?? {}) as Record<string, unknown>;
  if (type !== 'indicator' || typeof id !== 'string') return false;
  return revoked === true || (typeof pattern === 'string' && stixNetworks(pattern).length > 0);
}

function linesOf(bytes: Buffer | undefined): StixObject[] {
  const lines = bytes?.toString('utf8').split('\n') ?? [];
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as StixObject);
}

/** What the reader of feeds asks for, and what tells versions apart. */
function reduced(one: StixObject): object {
  const { type, id, modified, pattern, pattern_type, confidence, valid_until, indicator_types, labels } = one;
  return { type, id, modified, pattern, pattern_type, confidence, valid_until, indicator_types, labels };
}
