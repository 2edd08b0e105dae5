import type { FeedList } from './cache.ts';
import { allPages, type Step, withServer } from './pages.ts';
import type { FeedSource } from './source.ts';

/** Attributes a page. */
const PAGE = 1000;
/** Types of attributes that are addresses; those with a port have it after a bar. */
const TYPES = ['ip-src', 'ip-dst', 'ip-src|port', 'ip-dst|port'];

interface Attribute {
  readonly id: string;
  readonly value: string;
  readonly type: string;
  readonly timestamp?: string;
  readonly last_seen?: string | null;
}

/**
 * The published attributes of a MISP server that are addresses and meant for detection (`to_ids`), as JSON lines: all of them each time,
 * since only so it shows what was taken back. Throws a UserError.
 */
export async function fetchMisp(feed: FeedSource): Promise<Omit<FeedList, 'count'>> {
  const url = `${(feed.url ?? '').replace(/\/*$/, '')}/attributes/restSearch`;
  const found = await withServer(feed, { accept: 'application/json', bare: true }, (ask) => {
    const page = async (number: number): Promise<Step> => {
      const query = { returnFormat: 'json', type: TYPES, to_ids: true, published: true, deleted: false };
      const { body } = await ask(url, { ...query, page: number, limit: PAGE });
      const items = attributesOf(body);
      return { items, next: items.length < PAGE ? undefined : () => page(number + 1) };
    };
    return allPages(() => page(1));
  });
  const attributes = found.filter(isAttribute).sort((a, b) => Number(a.id) - Number(b.id));
  const lines = attributes.map(({ value, last_seen, timestamp }) => {
    const network = value.split('|')[0];
    return `${JSON.stringify({ network, lastseen: last_seen ?? timestamp })}\n`;
  });
  return { bytes: Buffer.from(lines.join('')) };
}

function attributesOf(body: unknown): readonly unknown[] {
  const { response } = (body ?? {}) as { response?: { Attribute?: unknown } };
  return Array.isArray(response?.Attribute) ? response.Attribute : [];
}

function isAttribute(value: unknown): value is Attribute {
  const { id, value: text, type } = (value ?? {}) as Record<string, unknown>;
  return typeof id === 'string' && typeof text === 'string' && TYPES.includes(String(type));
}
