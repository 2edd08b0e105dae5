import type { Prefix } from './columns/address.ts';
import type { Indicator, Indicators, PastContact } from './contracts.ts';
import { UserError } from './errors.ts';
import { storedContacts } from './store/flows/contacts.ts';
import { readSteadily } from './store/flows/history-moved.ts';
import { sequenceOf } from './store/history/segment-file.ts';
import { readManifest } from './store/manifest/manifest.ts';

export interface HuntOptions {
  readonly data: string;
  readonly indicators: Indicators;
  /** All networks that `indicators` match, when they are few. */
  readonly networks?: readonly Prefix[] | undefined;
  /** Unix seconds of event time, [from, to); without them all that is retained. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly maxContacts: number;
  readonly timeoutMs: number;
  /** Segments of sessions after this number are left out; without it none are. */
  readonly upTo?: number | undefined;
  /** Threads that the database may use; without it as many as there are cores. */
  readonly threads?: number | undefined;
}

export interface Hunt {
  /** By first contact. */
  readonly contacts: readonly PastContact[];
  /** Stored sessions that were looked through, those that statistics ruled out included. */
  readonly sessions: number;
  /** There are more contacts than were asked for. */
  readonly truncated: boolean;
}

/**
 * Looks for listed addresses in the retained sessions, with the tables by which `bad-ip` judges new ones; refused knocks are told too, with
 * their number. Reads a data folder only. Throws a UserError when nothing was ever stored, or time is up.
 */
export async function hunt(options: HuntOptions): Promise<Hunt> {
  const { data, indicators, networks, from = 0, to = Number.MAX_SAFE_INTEGER / 1e6 } = options;
  const { upTo = Number.POSITIVE_INFINITY } = options;
  return readSteadily(async () => {
    const manifest = await readManifest(data);
    if (manifest === undefined) throw new UserError(`cannot hunt in ${data}: nothing was ever stored there`);
    const listings: Indicator[] = [];
    const codes = new Map<string, number>();
    const { contacts, ...rest } = await storedContacts({
      dataDir: data,
      segments: manifest.segments.filter((segment) => sequenceOf(segment) <= upTo),
      threads: options.threads,
      ...{ from, to, networks },
      match(words) {
        const found = indicators.match(words, 0);
        if (found === undefined) return undefined;
        const { feed, category, confidence, network, expires, seen } = found;
        const key = `${network} ${feed}`;
        const known = codes.get(key);
        if (known !== undefined) return known;
        codes.set(key, listings.length);
        return listings.push({ feed, category, confidence, network, expires, seen }) - 1;
      },
      expiresOf: (code) => listings[code]!.expires,
      maxContacts: options.maxContacts,
      timeoutMs: options.timeoutMs,
    });
    return {
      contacts: contacts.map(({ code, ...contact }) => ({ ...contact, listing: listings[code]! })),
      ...rest,
    };
  });
}
