import type { EntryFacts } from './entries.ts';
import { eachNetwork, hostOfUrl } from './network.ts';

/** Names, lower-case and without `_`, `-` and blanks, of columns and keys that hold an address or network, best first. */
const NETWORK_NAMES = [
  'ipaddress',
  'dstip',
  'ip',
  'cidr',
  'network',
  'netblock',
  'subnet',
  'ipprefix',
  'ipv6prefix',
  'ipv4prefix',
  'prefix',
  'iprange',
  'iocvalue',
  'ioc',
  'indicator',
  'value',
  'ipport',
  'address',
  'addr',
  'srcip',
  'host',
];
/** Holds an address only when its host is one. */
const URL_NAME = 'url';
const KIND_NAMES = ['ioctype', 'indicatortype', 'type'];
const CATEGORY_NAMES = ['malwareprintable', 'malware', 'threattype', 'threat', 'category', 'service'];
const CONFIDENCE_NAMES = ['confidencelevel', 'confidence', 'abuseconfidencescore'];
const EXPIRY_NAMES = ['validuntil', 'expires', 'expiresat', 'expiry', 'expiration', 'expirationdate'];
const LAST_SEEN_NAMES = ['lastonline', 'lastseen', 'lastseenutc'];

/** Seconds after an address was last seen at work until it no longer counts: addresses change hands. */
export const SEEN_TTL = 30 * 86_400;
const LONGEST_CATEGORY = 64;

/** A record of a feed by normalised name: the first value of each name that has one. */
export type FeedRecord = ReadonlyMap<string, string>;

/** What the feed says where a record does not. */
export interface FeedDefaults {
  readonly category: string;
  readonly confidence: number;
  /** Seconds after an address was last seen at work for which it counts; default {@link SEEN_TTL}. */
  readonly decay?: number | undefined;
  /** Networks that are left out without a word: their address, and their length over 128 bits. */
  readonly passOver?: ((words: Uint32Array, length: number) => boolean) | undefined;
}

export function normalName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Whether the normalised names can be a header: one of them says where the address is. */
export function isHeader(names: readonly string[]): boolean {
  return [...NETWORK_NAMES, URL_NAME].some((name) => names.includes(name));
}

/** The text that should be a network; undefined when the record is of something else (a domain, a hash, metadata). */
export function networkText(record: FeedRecord): string | undefined {
  const kind = firstOf(record, KIND_NAMES)?.toLowerCase();
  if (kind !== undefined && /domain|hash|md5|sha|email|hostname|file|metadata/.test(kind)) return undefined;
  const named = firstOf(record, NETWORK_NAMES);
  if (named !== undefined) return named;
  const host = hostOfUrl(record.get(URL_NAME) ?? '');
  return host !== undefined && eachNetwork(host, () => {}) ? host : undefined;
}

export function factsOf(record: FeedRecord, defaults: FeedDefaults): EntryFacts {
  const confidence = Number(firstOf(record, CONFIDENCE_NAMES) ?? Number.NaN);
  const expiry = secondsOf(firstOf(record, EXPIRY_NAMES));
  const seen = secondsOf(firstOf(record, LAST_SEEN_NAMES));
  return {
    category: categoryText(firstOf(record, CATEGORY_NAMES)) ?? defaults.category,
    confidence: confidence >= 0 && confidence <= 100 ? Math.round(confidence) : defaults.confidence,
    // A feed that says until when it means it is taken at its word.
    ...(expiry > 0 || seen === 0
      ? { expires: expiry, seen: 0 }
      : { expires: seen + (defaults.decay ?? SEEN_TTL), seen }),
  };
}

/** A category fit for a title: one line of plain text; undefined when nothing is left. */
export function categoryText(text: string | undefined): string | undefined {
  const plain = text
    ?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_CATEGORY);
  return plain === undefined || plain === '' || plain === 'None' || plain === 'null' ? undefined : plain;
}

/** Unix seconds of an ISO time, of abuse.ch's `2024-01-31 09:30:00` and `… UTC`, or of a number; 0 when it is none. */
export function secondsOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const trimmed = text.trim();
  if (/^\d{9,10}(\.\d+)?$/.test(trimmed)) return Math.floor(Number(trimmed));
  if (/^\d{12,13}$/.test(trimmed)) return Math.floor(Number(trimmed) / 1000);
  const parts =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i.exec(
      trimmed,
    );
  if (parts === null) return 0;
  const [, day, time = '00:00:00', zone = 'Z'] = parts;
  const ms = Date.parse(`${day}T${time}${/^utc$/i.test(zone) ? 'Z' : zone.toUpperCase()}`);
  return ms > 0 && ms / 1000 < 0xffff_ffff ? Math.floor(ms / 1000) : 0;
}

function firstOf(record: FeedRecord, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = record.get(name);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
