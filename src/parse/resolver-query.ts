import { formatAddress, parseAddress } from '../columns/address.ts';
import type { NameAnswer } from '../contracts.ts';
import { asObject, own } from './ocsf.ts';
import { REFUSED } from './row-sink.ts';

type Json = Readonly<Record<string, unknown>>;

/** Answers that are taken of one query: a set of records has a few; the limit bounds what one line can make. */
const MAX_ANSWERS = 32;
/** RFC 1035 §2.3.4: as text without the dot at the end. */
const MAX_NAME = 253;

/** Whether a document is a line of a Route 53 Resolver query log. */
export function isResolverQuery(json: Json): boolean {
  return typeof own(json, 'query_name') === 'string' && typeof own(json, 'query_timestamp') === 'string';
}

/**
 * The addresses that a query was answered with; none for another type of question or an error. A position in REJECT_REASONS when it cannot be
 * read.
 */
export function answersOf(json: Json): NameAnswer[] | number {
  const at = Math.floor(Date.parse(String(own(json, 'query_timestamp'))) / 1000);
  if (!(at > 0 && at < 0xffff_ffff)) return REFUSED['no-time'];
  const client = addressOf(own(json, 'srcaddr'));
  if (client === undefined) return REFUSED['bad-address'];
  const name = String(own(json, 'query_name')).replace(/\.$/, '').toLowerCase();
  const list = own(json, 'answers');
  if (name === '' || name.length > MAX_NAME || !Array.isArray(list)) return [];
  return list.slice(0, MAX_ANSWERS).flatMap((item): NameAnswer[] => {
    const answer = asObject(item);
    const type = own(answer, 'Type');
    // A chain of aliases ends in addresses, which belong to the name that was asked for.
    const address = type === 'A' || type === 'AAAA' ? addressOf(own(answer, 'Rdata')) : undefined;
    return address === undefined ? [] : [{ client, address, name, at }];
  });
}

function addressOf(value: unknown): string | undefined {
  const words = typeof value === 'string' ? parseAddress(value) : undefined;
  return words && formatAddress(words);
}
