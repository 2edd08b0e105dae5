import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { detectors } from '../detectors/index.ts';
import type { Dictionary } from './columns/dictionary.ts';
import type { Config } from './config.ts';
import type { AlertEnds, DetectorContext, Finding } from './contracts.ts';
import { assetsBy } from './inventory.ts';
import type { AskedNames } from './reference/asked-names.ts';
import { type Facts, loadFacts, outsideBy } from './reference/facts/facts.ts';
import { type CurrentIndicators, createCurrentIndicators } from './reference/feeds/indicator-set.ts';
import { type IndicatorOptions, loadIndicators } from './reference/feeds/indicators.ts';
import type { KnownAddresses } from './reference/interface-addresses.ts';
import type { Inventory } from './reference/inventory/inventory.ts';
import { emptyPolicy, parsePolicy } from './reference/policy/policy.ts';
import { createZones } from './reference/policy/zones.ts';
import { createRoles } from './reference/roles.ts';
import { createScopes, type ScopeOf } from './reference/scopes.ts';
import type { EndsOf } from './score/alert-book.ts';
import type { Judge } from './score/scorer.ts';

/** In the data folder: the last good lists of feeds. */
export const FEEDS_FOLDER = 'feeds';

/** Every detector that the configuration has not switched off, with all it may know. Reads the policy and the feeds. */
export async function createJudges(
  config: Config,
  names: Dictionary,
  dataDir: string,
  warn: (message: string) => void,
  inventory?: Inventory,
): Promise<Judge[]> {
  return judgesOf(config, await readContext(config, names, dataDir, warn, { inventory }));
}

/** `offline` and `versions` say which lists of feeds are read: those that are there now, unless they say otherwise. */
export interface ContextOptions extends Pick<IndicatorOptions, 'offline' | 'versions'> {
  readonly inventory?: Inventory | undefined;
  readonly addresses?: KnownAddresses | undefined;
}

/** What detectors may know beyond the flows, and which lists of feeds are in it. */
export interface Knowledge extends DetectorContext {
  readonly indicators: CurrentIndicators;
  readonly facts: Facts;
  readonly scopeOf: ScopeOf;
  /** By feed and by source of facts. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Reads the policy and the feeds. */
export async function readContext(
  config: Config,
  names: Dictionary,
  dataDir: string,
  warn: (message: string) => void,
  { inventory, addresses, offline = false, versions }: ContextOptions = {},
): Promise<Knowledge> {
  const from = { cacheDir: join(dataDir, FEEDS_FOLDER), offline, versions };
  const { feeds, allow, network, enrichment } = config;
  const lists = await loadIndicators({ feeds, allow, internal: network.internal, ...from });
  const known = await loadFacts(enrichment, from);
  for (const problem of [...lists.problems, ...known.problems]) warn(problem);
  const given = {
    names,
    indicators: createCurrentIndicators(lists.indicators),
    facts: known.facts,
    versions: new Map([...lists.versions, ...known.versions]),
  };
  const policy =
    config.policy === undefined
      ? emptyPolicy
      : parsePolicy(await readFile(config.policy, 'utf8'), config.policy, names, inventory);
  return {
    ...given,
    roleOf: createRoles(config.roles, { inventory, addresses }),
    get roleEpoch() {
      return (inventory?.epoch ?? 0) + (addresses?.epoch ?? 0);
    },
    twinOf: (words, offset) => addresses?.twinOf(words, offset),
    policy,
    scopeOf: createScopes({ internal: network.internal, isOurs: addresses?.isOurs }),
  };
}

/** As {@link createJudges} with what is known already. */
export function judgesOf(config: Config, context: DetectorContext): Judge[] {
  const judges: Judge[] = [];
  for (const module of detectors) {
    const setting = config.detectors[module.id];
    if (setting === undefined || setting.mode === 'off') continue;
    judges.push({
      detector: module.id,
      attack: module.attack,
      phase: module.phase,
      quietPeriod: module.quietPeriod,
      shadow: setting.mode === 'shadow',
      promote: setting.promote,
      parameters: createHash('sha256').update(JSON.stringify(setting.options)).digest('hex'),
      learns: module.learns?.(setting.options) ?? 0,
      lacks: module.lacks && (() => module.lacks?.(context)),
      windows: module.windows?.(setting.options) ?? [],
      interest: module.windows === undefined ? module.interest?.(setting.options) : undefined,
      instance: module.create(setting.options, context),
    });
  }
  return judges;
}

/** What alerts say of their ends: zones of the policy, what the inventory knows, and whose network it is where it is not ours. */
export function endsBy(
  { policy, facts, scopeOf }: Pick<Knowledge, 'policy' | 'facts' | 'scopeOf'>,
  inventory: Inventory | undefined,
  asked?: AskedNames,
): EndsOf {
  const zonesOf = createZones(policy, scopeOf);
  const networksOf = outsideBy(facts, scopeOf);
  const assetsOf = assetsBy(inventory);
  return (finding, interfaceName) => ({
    ...zonesOf(finding, interfaceName),
    ...assetsOf(finding, interfaceName),
    ...networksOf(finding),
    ...namesOf(finding, asked),
  });
}

function namesOf({ subject, peer, lastSeen }: Finding, asked: AskedNames | undefined): AlertEnds {
  const peerNames = peer === undefined ? undefined : asked?.find(subject, peer, lastSeen);
  return peerNames === undefined || peerNames.length === 0 ? {} : { peerNames };
}

/** The configuration with these detectors in full, whatever their mode, and no other. */
export function onlyThese(config: Config, detectors: readonly string[]): Config {
  return withModes(config, (id) => (detectors.includes(id) ? 'alert' : 'off'));
}

/** The configuration with these detectors in full, whatever their mode, beside the others as they are. */
export function withThese(config: Config, detectors: readonly string[]): Config {
  return withModes(config, (id, mode) => (detectors.includes(id) ? 'alert' : mode));
}

type Mode = Config['detectors'][string]['mode'];

function withModes(config: Config, modeOf: (id: string, mode: Mode) => Mode): Config {
  const entries = Object.entries(config.detectors).map(([id, setting]) => [
    id,
    { ...setting, mode: modeOf(id, setting.mode) },
  ]);
  return { ...config, detectors: Object.fromEntries(entries) };
}
