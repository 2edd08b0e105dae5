import { UserError } from '../../errors.ts';
import { request, shownUrl } from '../../outbound/request.ts';
import { readSecret } from '../../outbound/secret.ts';
import { type ClientTls, openTls } from '../../outbound/tls.ts';
import type { FeedSource } from './source.ts';

/** For one page. */
const TIMEOUT_MS = 60_000;
const MAX_PAGE_BYTES = 64 * 1024 * 1024;
/** Most pages of one answer, and objects in it: a server that never ends is given up. */
const MAX_PAGES = 1000;
const MAX_OBJECTS = 1_000_000;

export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body. */
  readonly body: unknown;
}

/** Asks a feed for one page. */
export type Ask = (url: string, body?: object) => Promise<Page>;

/** What one page has, and how to ask for the next one; undefined at the end. */
export interface Step {
  readonly items: readonly unknown[];
  readonly next: (() => Promise<Step>) | undefined;
}

/** Lets `read` ask the feed's server, with its credentials in a header and nowhere else. */
export async function withServer<T>(
  { name, url = '', ca, user, key }: FeedSource,
  { accept, bare }: { readonly accept: string /** The key alone is the header. */; readonly bare: boolean },
  read: (ask: Ask) => Promise<T>,
): Promise<T> {
  if (!url.startsWith('https:')) throw new UserError(`cannot ask feed: not an https URL: ${shownUrl(url)}`);
  const secret = key && (await readSecret(key, `the key of feed ${name}`)).reveal();
  const basic = (): string => `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
  const authorization =
    secret === undefined
      ? {}
      : { authorization: bare ? secret : user === undefined ? `Bearer ${secret}` : basic() };
  const tls: ClientTls = await openTls(ca === undefined ? {} : { ca });
  try {
    return await read(async (address, body) => {
      const {
        status,
        headers,
        body: bytes,
      } = await request({
        ...{ url: address, tls, timeoutMs: TIMEOUT_MS, maxBytes: MAX_PAGE_BYTES },
        headers: { accept, ...authorization, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { method: 'POST' as const, body: JSON.stringify(body) }),
      });
      if (status !== 200) throw new UserError(`cannot ask feed: ${shownUrl(address)}: status ${status}`);
      try {
        return { status, headers, body: JSON.parse(bytes.toString('utf8')) as unknown };
      } catch {
        throw new UserError(`cannot ask feed: ${shownUrl(address)}: the answer is no JSON`);
      }
    });
  } finally {
    tls.close();
  }
}

/** The items of all pages. Throws a UserError when there is no end to them. */
export async function allPages(first: () => Promise<Step>): Promise<unknown[]> {
  const items: unknown[] = [];
  let next: Step['next'] = first;
  for (let page = 0; next !== undefined; page++) {
    if (page === MAX_PAGES || items.length > MAX_OBJECTS)
      throw new UserError(`cannot ask feed: there is no end after ${page} pages and ${items.length} objects`);
    const step: Step = await next();
    for (const item of step.items) items.push(item);
    next = step.next;
  }
  return items;
}
