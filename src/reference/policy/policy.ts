import { parseAddress, parsePrefix } from '../../columns/address.ts';
import { Dictionary } from '../../columns/dictionary.ts';
import { PrefixList, PrefixTrie } from '../../columns/prefix-trie.ts';
import { SCOPE, type SessionBatch, STATE } from '../../columns/session-batch.ts';
import type { Policy, Verdict } from '../../contracts.ts';
import type { Inventory } from '../inventory/inventory.ts';
import {
  ANY,
  machinesOf,
  PORT_PROTOCOLS,
  type PolicyDocument,
  type PolicyMachine,
  protocolNumbers,
  readPolicy,
  readPorts,
} from './file.ts';

/** From here on ports are given to clients (Linux's default range): two such ports do not tell which end is the server. */
const FIRST_DYNAMIC_PORT = 32_768;
/** Verdicts kept where a look costs no hashing, beside the map of all. */
const KEPT = 1 << 10;
/** Zone of an address in no zone. */
const NOWHERE = -1;

/** No policy: nothing is judged. */
export const emptyPolicy: Policy = {
  size: 0,
  judge: () => ({ verdict: 'unmatched', rule: 'default-deny', srcZone: '', dstZone: '' }),
  zoneOf: () => undefined,
};

/** An inventory beside the policy's own; its answers change with its epoch, between two steps. */
type SharedInventory = Pick<Inventory, 'epoch' | 'heldNow'>;

/**
 * Reads a policy and makes it ready to judge, see {@link compilePolicy}; `names` are those of the sessions it will judge, and only needed
 * by zones of interfaces. Throws a ConfigError that lists every problem with the line it is on.
 */
export function parsePolicy(
  text: string,
  file: string,
  names: Dictionary = new Dictionary(),
  shared?: SharedInventory,
): Policy {
  return compilePolicy(readPolicy(text, file, shared !== undefined), names, shared);
}

interface CompiledRule {
  readonly name: string;
  readonly allows: boolean;
  /** Zones as numbers; undefined: every one, and what is in none. */
  readonly from: ReadonlySet<number> | undefined;
  readonly to: ReadonlySet<number> | undefined;
  readonly protocols: ReadonlySet<number> | undefined;
  readonly ports: readonly (readonly [number, number])[] | undefined;
}

/**
 * Makes a policy ready to judge. `size` counts the rules and the default. An address is in the zone of the most specific network that
 * holds it, the first zone of equal ones. A zone's interfaces count for the internal end of sessions with one internal end: of
 * two internal ends the log does not say whose interface it is, so there only the inventory and networks count.
 * Where the initiator is a guess without ground (no SYN seen and two dynamic ports, or a protocol without ports), a session that
 * is allowed the other way round is allowed: return traffic never violates.
 */
function compilePolicy(policy: PolicyDocument, names: Dictionary, shared?: SharedInventory): Policy {
  const zoneNames = Object.keys(policy.zones);
  const networks = zoneNetworks(policy, shared);
  const byInterface = interfaceZones(policy);
  const zoneOfInterface = byInterface.size === 0 ? undefined : byCode(byInterface, names);
  const rules = policy.rules.map((rule) => compileRule(rule, zoneNames));
  const portClass = portClasses(rules);
  const zones = zoneNames.length + 1;
  // Bounded by zones × zones × protocols × ranges of ports that rules tell apart.
  const verdicts = new Map<number, Verdict>();
  const keptKeys = new Float64Array(KEPT).fill(-1);
  const kept: (Verdict | undefined)[] = new Array<Verdict | undefined>(KEPT).fill(undefined);

  const decide = (src: number, dst: number, protocol: number, port: number): Verdict => {
    const srcZone = zoneNames[src] ?? '';
    const dstZone = zoneNames[dst] ?? '';
    if (src === NOWHERE && dst === NOWHERE)
      return { verdict: 'unmatched', rule: `default-${policy.default}`, srcZone, dstZone };
    const rule = rules.find((candidate) => matches(candidate, src, dst, protocol, port));
    const allows = rule?.allows ?? policy.default === 'allow';
    return {
      verdict: allows ? 'allowed' : 'violation',
      rule: rule?.name ?? `default-${policy.default}`,
      srcZone,
      dstZone,
    };
  };
  const verdictOf = (src: number, dst: number, protocol: number, port: number): Verdict => {
    const range = PORT_PROTOCOLS.has(protocol) ? portClass[port]! : 0;
    const key = (((src + 1) * zones + dst + 1) * 256 + protocol) * 65_536 + range;
    const slot =
      (Math.imul((src << 16) ^ (dst << 8) ^ protocol ^ (range << 4), 0x9e3779b1) >>> 22) & (KEPT - 1);
    const last = kept[slot];
    if (last !== undefined && keptKeys[slot] === key) return last;
    const verdict = verdicts.get(key) ?? decide(src, dst, protocol, port);
    verdicts.set(key, verdict);
    keptKeys[slot] = key;
    kept[slot] = verdict;
    return verdict;
  };

  return {
    size: rules.length + 1,
    judge(sessions, row) {
      const trie = networks();
      let src = trie.match(sessions.srcAddr, row * 4);
      let dst = trie.match(sessions.dstAddr, row * 4);
      if (zoneOfInterface !== undefined) {
        const srcInternal = sessions.srcScope[row] === SCOPE.internal;
        if (srcInternal !== (sessions.dstScope[row] === SCOPE.internal)) {
          const zone = zoneOfInterface(sessions.interfaceId[row]!);
          if (zone !== NOWHERE && srcInternal) src = zone;
          else if (zone !== NOWHERE) dst = zone;
        }
      }
      const protocol = sessions.protocol[row]!;
      const verdict = verdictOf(src, dst, protocol, sessions.dstPort[row]!);
      if (verdict.verdict !== 'violation' || !isGuess(sessions, row)) return verdict;
      const reverse = verdictOf(dst, src, protocol, sessions.srcPort[row]!);
      return reverse.verdict === 'allowed' ? reverse : verdict;
    },
    zoneOf(name, interfaceName = name) {
      const words = parseAddress(name);
      const zone =
        byInterface.get(interfaceName) ?? (words === undefined ? NOWHERE : networks().match(words, 0));
      return zoneNames[zone];
    },
  };
}

function isGuess(sessions: SessionBatch, row: number): boolean {
  if ((sessions.state[row]! & STATE.synSeen) !== 0) return false;
  if (!PORT_PROTOCOLS.has(sessions.protocol[row]!)) return true;
  return sessions.srcPort[row]! >= FIRST_DYNAMIC_PORT && sessions.dstPort[row]! >= FIRST_DYNAMIC_PORT;
}

/** Zones by address, as they are now. */
function zoneNetworks(policy: PolicyDocument, shared: SharedInventory | undefined): () => PrefixTrie {
  let trie = zoneTrie(policy, []);
  const isListed = Object.values(policy.zones).some(({ subnet, vpc, tag, interface: its }) =>
    [subnet, vpc, tag, its].some((wanted) => wanted !== undefined),
  );
  if (shared === undefined || !isListed) return () => trie;
  let epoch: number | undefined;
  return () => {
    if (epoch !== shared.epoch) {
      epoch = shared.epoch;
      const machines = shared.heldNow().map((entry) => ({ ...entry, cidr: [...entry.addresses] }));
      trie = zoneTrie(policy, machines);
    }
    return trie;
  };
}

function zoneTrie(policy: PolicyDocument, machines: readonly PolicyMachine[]): PrefixTrie {
  const inventory = policy.inventory.concat(machines);
  const list = new PrefixList();
  // Of equal networks the last added counts, and the first zone shall.
  for (const [zone, [name, definition]] of [...Object.entries(policy.zones).entries()].reverse())
    for (const text of [...(definition.cidr ?? []), ...machinesOf(definition, inventory)]) {
      const prefix = parsePrefix(text);
      if (prefix === undefined)
        throw new RangeError(`cannot use zone ${name}: not an address or CIDR: ${text}`);
      list.add(prefix, zone);
    }
  return new PrefixTrie(list);
}

/** Zone by the name of an interface. */
function interfaceZones(policy: PolicyDocument): ReadonlyMap<string, number> {
  const zones = new Map<string, number>();
  for (const [zone, definition] of Object.values(policy.zones).entries())
    for (const text of definition.interface ?? []) if (!zones.has(text)) zones.set(text, zone);
  return zones;
}

/** The same by the dictionary code of an interface. */
function byCode(byText: ReadonlyMap<string, number>, names: Dictionary): (code: number) => number {
  const zones = new Map<number, number>();
  return (code) => {
    let zone = zones.get(code);
    if (zone === undefined) {
      zone = byText.get(names.text(code)) ?? NOWHERE;
      zones.set(code, zone);
    }
    return zone;
  };
}

function compileRule(rule: PolicyDocument['rules'][number], zoneNames: readonly string[]): CompiledRule {
  const side = (zones: string | readonly string[]): ReadonlySet<number> | undefined => {
    const list = [zones].flat();
    return list.includes(ANY) ? undefined : new Set(list.map((zone) => zoneNames.indexOf(zone)));
  };
  const protocols = protocolNumbers(rule.protocol);
  return {
    name: rule.name,
    allows: rule.action === 'allow',
    from: side(rule.from),
    to: side(rule.to),
    protocols: protocols === undefined ? undefined : new Set(protocols),
    ports: rule.ports?.map((text) => readPorts(text) as readonly [number, number]),
  };
}

function matches(rule: CompiledRule, src: number, dst: number, protocol: number, port: number): boolean {
  if (rule.from?.has(src) === false || rule.to?.has(dst) === false) return false;
  if (rule.protocols?.has(protocol) === false) return false;
  if (rule.ports === undefined) return true;
  return PORT_PROTOCOLS.has(protocol) && rule.ports.some(([first, last]) => port >= first && port <= last);
}

/** Numbers the stretches of ports that no rule tells apart. */
function portClasses(rules: readonly CompiledRule[]): Uint16Array {
  const borders = new Set(
    rules.flatMap((rule) => rule.ports?.flatMap(([first, last]) => [first, last + 1]) ?? []),
  );
  const classes = new Uint16Array(65_536);
  let current = 0;
  for (let port = 0; port < classes.length; port++) {
    if (borders.has(port) && port > 0) current++;
    classes[port] = current;
  }
  return classes;
}
