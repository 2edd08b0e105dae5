import { parseAddress } from '../../columns/address.ts';
import { SCOPE } from '../../columns/session-batch.ts';
import type { AlertEnds, Finding, OutsideNetwork } from '../../contracts.ts';
import { createFeedCache } from '../feeds/cache.ts';
import { type Content, type LoadOptions, loadList, type ReadContent } from '../feeds/load.ts';
import type { FeedSource } from '../feeds/source.ts';
import type { ScopeOf } from '../scopes.ts';
import { type AwsRanges, awsFacts, readAwsRanges } from './aws-ranges.ts';
import { mmdbFacts, readMmdb } from './mmdb.ts';

/** Where facts about addresses of others come from. */
export interface FactSource extends Pick<FeedSource, 'name' | 'file' | 'url' | 'ca'> {
  readonly type: 'aws-ranges' | 'mmdb';
}

/** What one source says, as plain data that threads can hand to each other. */
export type FactData =
  | { readonly type: 'aws-ranges'; readonly ranges: AwsRanges }
  | { readonly type: 'mmdb'; readonly bytes: Uint8Array };

/** What a source says from now on; nothing without `data`. */
export interface NewFacts {
  readonly name: string;
  readonly data: FactData | undefined;
}

/** What is known of addresses of others at the moment. */
export interface Facts {
  /** Of the address; undefined where nothing is known. */
  of(words: Uint32Array): OutsideNetwork | undefined;
  use(changes: readonly NewFacts[]): void;
}

/** Reads what a source has. */
export function factReader({ type }: FactSource): ReadContent<FactData> {
  return (bytes, lastCount): Content<FactData> | string => {
    if (type === 'mmdb') {
      const found = readMmdb(bytes);
      return typeof found === 'string' ? found : { ...found, content: { type, bytes: found.content } };
    }
    const found = readAwsRanges(bytes, lastCount);
    return typeof found === 'string' ? found : { ...found, content: { type, ranges: found.content } };
  };
}

/** Facts of these sources: what more than one says, the first of them says. */
export function createFacts(sources: readonly Pick<FactSource, 'name'>[]): Facts {
  const held = new Map<string, (words: Uint32Array) => OutsideNetwork>();
  let inOrder: ((words: Uint32Array) => OutsideNetwork)[] = [];
  return {
    of(words) {
      let known: OutsideNetwork = {};
      for (const ask of inOrder) known = { ...ask(words), ...known };
      return Object.keys(known).length === 0 ? undefined : known;
    },
    use(changes) {
      for (const { name, data } of changes) {
        if (data === undefined) held.delete(name);
        else held.set(name, data.type === 'mmdb' ? mmdbFacts(data.bytes) : awsFacts(data.ranges));
      }
      inOrder = sources.flatMap(({ name }) => held.get(name) ?? []);
    },
  };
}

export interface LoadedFacts {
  readonly facts: Facts;
  readonly problems: readonly string[];
  /** By source. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Reads all sources, as feeds are read: one that cannot be had gives what it said last, or nothing, and a line in `problems`. */
export async function loadFacts(
  sources: readonly FactSource[],
  { cacheDir, ...options }: Omit<LoadOptions, 'cache'> & { readonly cacheDir: string },
): Promise<LoadedFacts> {
  const facts = createFacts(sources);
  const cache = createFeedCache(cacheDir);
  const versions = new Map<string, string>();
  const problems: string[] = [];
  for (const source of sources) {
    const { name } = source;
    const loaded = await loadList(source, factReader(source), { cache, ...options });
    problems.push(...loaded.problems.map((problem) => `enrichment ${name}: ${problem}`));
    if (loaded.content === undefined) continue;
    facts.use([{ name, data: loaded.content }]);
    versions.set(name, loaded.version);
  }
  return { facts, problems, versions };
}

/** How alerts come to know in whose networks those of their ends are that are not ours. */
export function outsideBy(
  facts: Facts,
  scopeOf: ScopeOf,
): (ends: Pick<Finding, 'subject' | 'peer'>) => AlertEnds {
  const networkOf = (end: string | undefined): OutsideNetwork | undefined => {
    const words = end === undefined ? undefined : parseAddress(end);
    return words !== undefined && scopeOf(words, 0) === SCOPE.public ? facts.of(words) : undefined;
  };
  return ({ subject, peer }) => {
    const network = networkOf(subject);
    const peerNetwork = networkOf(peer);
    return { ...(network && { network }), ...(peerNetwork && { peerNetwork }) };
  };
}
