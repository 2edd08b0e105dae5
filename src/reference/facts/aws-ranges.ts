import { formatPrefix, networksAround, type Prefix, parsePrefix } from '../../columns/address.ts';
import { NO_MATCH, PrefixList, PrefixTrie, type TrieColumns } from '../../columns/prefix-trie.ts';
import { compareTexts } from '../../columns/text-order.ts';
import type { OutsideNetwork } from '../../contracts.ts';
import { sizeChange } from '../feeds/check.ts';
import type { Content } from '../feeds/load.ts';

/** AWS's own list of its address ranges: https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html */
export const AWS_RANGES_URL = 'https://ip-ranges.amazonaws.com/ip-ranges.json';

/** All of it as plain columns: the value of a network in `trie` is its place in `services` and `regions`. */
export interface AwsRanges {
  readonly trie: TrieColumns;
  readonly services: readonly string[];
  readonly regions: readonly string[];
}

interface Use {
  readonly service: string;
  readonly region: string;
}

const MOST_BAD = 0.1;
/** Has every range; and where customers' instances are, ranges of other services among them. */
const LEAST_TELLING = ['EC2', 'AMAZON'];
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Reads `ip-ranges.json`. */
export function readAwsRanges(bytes: Buffer, lastCount: number): Content<AwsRanges> | string {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString());
  } catch (error) {
    return `it is no JSON: ${(error as Error).message}`;
  }
  const { prefixes, ipv6_prefixes: prefixes6 } = (document ?? {}) as Record<string, unknown>;
  const records: unknown[] = [prefixes, prefixes6].flatMap((list) => (Array.isArray(list) ? list : []));
  const networks = new Map<string, { readonly prefix: Prefix; readonly uses: Use[] }>();
  let bad = 0;
  for (const record of records) {
    const { ip_prefix, ipv6_prefix, service, region } = (record ?? {}) as Record<string, unknown>;
    const prefix = parsePrefix(String(ip_prefix ?? ipv6_prefix));
    if (prefix === undefined || typeof service !== 'string' || !NAME.test(service)) {
      bad++;
      continue;
    }
    const key = formatPrefix(prefix);
    const network = networks.get(key) ?? { prefix, uses: [] };
    network.uses.push({ service, region: typeof region === 'string' && NAME.test(region) ? region : '' });
    networks.set(key, network);
  }
  if (networks.size === 0) return 'it has no ranges: it is not the ip-ranges.json of AWS';
  if (bad > records.length * MOST_BAD) return `${bad} of ${records.length} ranges have no network or service`;
  const change = sizeChange(networks.size, lastCount);
  if (change !== undefined) return change;
  const lengths = [...new Set([...networks.values()].map(({ prefix }) => prefix.length))].sort(
    (a, b) => b - a,
  );
  const list = new PrefixList();
  const told = [...networks.values()].map(({ prefix }, place) => {
    list.add(prefix, place);
    const levels = networksAround(prefix, lengths).map((key) => networks.get(key)?.uses ?? []);
    return mostTelling(levels);
  });
  const content = {
    trie: new PrefixTrie(list).columns,
    services: told.map(({ service }) => service),
    regions: told.map(({ region }) => region),
  };
  return { content, count: networks.size };
}

/** Whose service has an address. */
export function awsFacts({ trie, services, regions }: AwsRanges) {
  const ranges = new PrefixTrie(trie);
  return (words: Uint32Array): OutsideNetwork => {
    const place = ranges.match(words, 0);
    if (place === NO_MATCH) return {};
    const region = regions[place] ?? '';
    return { service: services[place] ?? '', ...(region === '' ? {} : { region }) };
  };
}

/**
 * Of all that uses a network, the one that says most: a service of its own before EC2 before AMAZON, then the more specific network, then by
 * name. `levels` are the uses of the network and of those around it, the most specific first.
 */
function mostTelling(levels: readonly (readonly Use[])[]): Use {
  const ranked = levels
    .flatMap((uses, level) => uses.map((use) => ({ use, level, rank: LEAST_TELLING.indexOf(use.service) })))
    .sort(
      (a, b) =>
        a.rank - b.rank ||
        a.level - b.level ||
        compareTexts(a.use.service, b.use.service) ||
        compareTexts(a.use.region, b.use.region),
    );
  return ranked[0]?.use ?? { service: '', region: '' };
}
