import { z } from 'zod';
import { parsePrefix } from '../../columns/address.ts';
import { explainMissing, type Problem, readYaml, toProblems } from '../yaml-file.ts';

/** Numbers of the protocols that a policy can name (IANA); `icmp` is both families'. */
export const PROTOCOL_NUMBERS: ReadonlyMap<string, readonly number[]> = new Map([
  ['icmp', [1, 58]],
  ['tcp', [6]],
  ['udp', [17]],
  ['gre', [47]],
  ['esp', [50]],
  ['icmpv6', [58]],
  ['sctp', [132]],
]);
/** Protocols whose ports mean something: TCP, UDP, DCCP, SCTP, UDP-Lite. */
export const PORT_PROTOCOLS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);
/** In a rule: every zone, and addresses in none. */
export const ANY = 'any';
const DEFAULT_RULES = ['default-deny', 'default-allow'];

const network = z
  .string()
  .refine((text) => parsePrefix(text) !== undefined, 'not an address or network, such as 10.0.0.0/8');
const name = z
  .string()
  .regex(/^[A-Za-z0-9][\w .-]{0,99}$/, 'not a name: letters, digits, blank, dot, hyphen and underscore');
/** One or several. */
const listOf = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(item).min(1));
const names = listOf(z.string().min(1));
const zoneRef = z.union([name, z.array(name).min(1)], { error: 'not a zone or list of zones' });
const portRange = z
  .string()
  .refine((text) => readPorts(text) !== undefined, 'not a port or range of ports, such as 8000-8100');
const port = z.union([z.int().min(0).max(65_535), portRange], {
  error: 'not a port or range of ports, such as 8000-8100',
});
const protocol = z.union([z.int().min(0).max(255), z.enum([ANY, ...PROTOCOL_NUMBERS.keys()])], {
  error: `not a protocol: a number, ${[ANY, ...PROTOCOL_NUMBERS.keys()].join(', ')}`,
});

const Zone = z
  .strictObject({
    cidr: listOf(network).optional().describe('Addresses and networks'),
    interface: names.optional().describe('Network interfaces, eni-…'),
    subnet: names.optional().describe('Subnets of the inventory'),
    vpc: names.optional().describe('VPCs of the inventory'),
    tag: listOf(z.string().regex(/^[^=]+=/, 'not a tag, such as tier=web'))
      .optional()
      .describe('Tags of the inventory, key=value'),
  })
  .refine((zone) => Object.keys(zone).length > 0, 'needs a cidr, interface, subnet, vpc or tag');

const Rule = z.strictObject({
  name: name.describe('Name in alerts and exceptions'),
  from: zoneRef.describe('Zones that start the connection, or any'),
  to: zoneRef.describe('Zones that are connected to, or any'),
  ports: listOf(port).optional().describe('Server ports and ranges; left out: every port'),
  protocol: protocol.default(ANY).describe('Name or IANA number; left out: every protocol'),
  action: z.enum(['allow', 'deny'], { error: 'not an action: allow or deny' }),
});

const Machine = z.strictObject({
  cidr: listOf(network).describe('Its addresses and networks'),
  interface: z.string().optional(),
  subnet: z.string().optional(),
  vpc: z.string().optional(),
  tags: z.record(z.string(), z.string()).default({}),
});

const PolicyFile = z.strictObject({
  zones: z.record(name, Zone).describe('Named parts of the network; the most specific network decides'),
  rules: z.array(Rule).default([]).describe('The first rule that matches decides'),
  default: z.enum(['deny', 'allow']).default('deny').describe('What holds when no rule matches'),
  inventory: z
    .array(Machine)
    .default([])
    .describe('Which addresses belong to which interface, subnet, VPC and tags'),
});

/** A valid segmentation policy as it was written. */
export type PolicyDocument = z.infer<typeof PolicyFile>;
export type PolicyZone = z.infer<typeof Zone>;
export type PolicyMachine = z.infer<typeof Machine>;

/** First and last port of `443` or `8000-8100`. */
export function readPorts(text: string | number): readonly [number, number] | undefined {
  const parts = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(String(text).trim());
  if (parts === null) return undefined;
  const first = Number(parts[1]);
  const last = Number(parts[2] ?? parts[1]);
  return first <= last && last <= 65_535 ? [first, last] : undefined;
}

/** Addresses and networks of the inventory that belong to a zone by interface, subnet, VPC or tag. */
export function machinesOf(zone: PolicyZone, inventory: readonly PolicyMachine[]): string[] {
  return inventory
    .filter(
      (machine) =>
        holds(zone.interface, machine.interface) ||
        holds(zone.subnet, machine.subnet) ||
        holds(zone.vpc, machine.vpc) ||
        Object.entries(machine.tags).some(([key, value]) => holds(zone.tag, `${key}=${value}`)),
    )
    .flatMap((machine) => machine.cidr);
}

function holds(wanted: readonly string[] | undefined, text: string | undefined): boolean {
  return wanted !== undefined && text !== undefined && wanted.includes(text);
}

/**
 * Reads a policy; `isShared`: another inventory may have what its own has not. Throws a ConfigError that lists every problem with the line it
 * is on.
 */
export function readPolicy(text: string, file: string, isShared: boolean): PolicyDocument {
  const { content, refuse } = readYaml(text, file);
  const parsed = PolicyFile.safeParse(content, { error: explainMissing });
  const problems = parsed.success
    ? contradictions(parsed.data, isShared)
    : parsed.error.issues.flatMap(toProblems);
  if (parsed.success && problems.length === 0) return parsed.data;
  throw refuse(problems);
}

/** What is well-formed and yet cannot be meant. */
function contradictions(policy: PolicyDocument, isShared: boolean): Problem[] {
  const problems: Problem[] = [];
  const zones = new Map(Object.entries(policy.zones));
  if (zones.has(ANY))
    problems.push({ path: ['zones', ANY], message: 'means every address and cannot be a zone' });
  for (const [zone, { interface: _, cidr: __, ...listed }] of zones)
    for (const [key, wanted] of Object.entries(listed))
      for (const [i, item] of (wanted ?? []).entries())
        if (!isShared && machinesOf({ [key]: [item] }, policy.inventory).length === 0)
          problems.push({
            path: ['zones', zone, key, i],
            message: `no entry of the inventory has ${key} ${item}: flow logs do not name it for both ends, so list its addresses under inventory, here or in the configuration`,
          });
  const seen = new Set(DEFAULT_RULES);
  for (const [i, rule] of policy.rules.entries()) {
    if (seen.has(rule.name))
      problems.push({ path: ['rules', i, 'name'], message: `the name ${rule.name} is taken` });
    seen.add(rule.name);
    for (const side of ['from', 'to'] as const)
      for (const zone of [rule[side]].flat())
        if (zone !== ANY && !zones.has(zone))
          problems.push({ path: ['rules', i, side], message: `no such zone: ${zone}` });
    const numbers = protocolNumbers(rule.protocol);
    if (rule.ports !== undefined && numbers?.every((number) => !PORT_PROTOCOLS.has(number)) === true)
      problems.push({ path: ['rules', i, 'ports'], message: `protocol ${rule.protocol} has no ports` });
  }
  return problems;
}

/** Protocols a rule is about; undefined when it is about all. */
export function protocolNumbers(protocol: string | number): readonly number[] | undefined {
  return typeof protocol === 'number' ? [protocol] : PROTOCOL_NUMBERS.get(protocol);
}
