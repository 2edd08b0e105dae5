import type { Addresses } from './addresses.ts';
import type { Environment, Party } from './environment.ts';
import type { Connection } from './legs.ts';
import type { Random } from './random.ts';
import type { Traffic } from './traffic.ts';
import type { Truth } from './truth.ts';

/** What traffic sources act on. */
export interface World {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly traffic: Traffic;
  readonly truth: Truth;
  readonly seed: number;
  /** Unix seconds. */
  readonly start: number;
  /** Expected length of the run in seconds. */
  readonly length: number;
  readonly interval: number;
  readonly ipv6Share: number;
  readonly rate: number;
  readonly noise: number;
}

/** Opens the connections that begin in [from, from + 60). Called for each minute in order. */
export type Source = (from: number) => void;

export interface Call {
  readonly client: Party;
  readonly server: Party;
  readonly port: number;
  /** 6 when absent. */
  readonly protocol?: number;
  readonly at: number;
  readonly seconds: number;
  /** Bytes of content, without headers. */
  readonly up: number;
  readonly down: number;
  readonly outcome?: Connection['outcome'];
  /** Undefined: decided by the run's share where both ends could. */
  readonly ipv6?: boolean | undefined;
  readonly wobble?: number | undefined;
  readonly truth?: number | undefined;
}

const SEGMENT = 1448;
const TCP_HEADERS = 52;
const UDP_HEADERS = 28;
/** IPv6 headers are 20 bytes longer. */
const V6_EXTRA = 20;
const FIRST_EPHEMERAL = 32768;
const EPHEMERALS = 28232;

/** Opens a connection between two parties; how many packets its content takes follows from the content. */
export function call(world: World, random: Random, spec: Call): void {
  const { up, down, outcome = 'answered', protocol = 6 } = spec;
  const tcp = protocol === 6;
  const upSegments = Math.ceil(up / SEGMENT);
  const downSegments = Math.ceil(down / SEGMENT);
  if (outcome === 'answered' || outcome === 'reset') {
    const upPackets = upSegments + (tcp ? 3 + (downSegments >> 1) : 0);
    const downPackets = downSegments + (tcp ? 2 + (upSegments >> 1) : 0);
    stream(world, random, { ...spec, upPackets, downPackets });
  } else {
    const upPackets = tcp ? 1 : Math.max(1, upSegments);
    const downPackets = outcome === 'refused' ? 1 : 0;
    stream(world, random, { ...spec, seconds: 0, up: tcp ? 0 : up, down: 0, upPackets, downPackets });
  }
}

/** Opens a connection of so many packets each way; address family, NAT on the way, port and headers follow from the parties. */
export function stream(
  world: World,
  random: Random,
  spec: Call & { readonly upPackets: number; readonly downPackets: number },
): void {
  const { client, server, protocol = 6 } = spec;
  const dual = client.v6 !== undefined && server.v6 !== undefined;
  const ipv6 = dual && (spec.ipv6 ?? random.chance(world.ipv6Share));
  const headers = (protocol === 6 ? TCP_HEADERS : UDP_HEADERS) + (ipv6 ? V6_EXTRA : 0);
  const local = world.environment.holds(server);
  const leaves = client.v4.eni !== undefined && !local && !ipv6;
  const port = nextPort(client, random);
  world.traffic.open({
    client: ipv6 ? client.v6! : client.v4,
    server: ipv6 ? server.v6! : server.v4,
    nat: leaves && isPrivate(client) && !viaEndpoint(world, server) ? natFor(world, client) : undefined,
    natPort: 1024 + ((port * 7919 + (client.v4.address & 0xffff) * 31) % 64000),
    local,
    clientPort: protocol === 1 || protocol === 58 ? 0 : port,
    serverPort: spec.port,
    protocol,
    at: spec.at,
    seconds: spec.seconds,
    up: Math.round(spec.up + spec.upPackets * headers),
    down: Math.round(spec.down + spec.downPackets * headers),
    upPackets: Math.round(spec.upPackets),
    downPackets: Math.round(spec.downPackets),
    outcome: spec.outcome ?? 'answered',
    wobble: spec.wobble,
    truth: spec.truth,
  });
}

/** Ephemeral ports go up by small even steps, as Linux gives them. */
function nextPort(client: Party, random: Random): number {
  client.port = FIRST_EPHEMERAL + ((client.port - FIRST_EPHEMERAL + 2 + 2 * random.int(3)) % EPHEMERALS);
  return client.port;
}

function isPrivate(party: Party): boolean {
  return party.role !== 'alb' && party.role !== 'nat' && party.role !== 'bastion';
}

function viaEndpoint(world: World, server: Party): boolean {
  const service = world.addresses.service(server.v4.address);
  return service === 'S3' || service === 'DYNAMODB';
}

function natFor(world: World, client: Party) {
  const gateways = world.environment.of('nat');
  return gateways[((client.v4.address >>> 8) & 1) % gateways.length]!.v4.eni;
}
