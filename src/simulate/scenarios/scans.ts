import type { Party } from '../environment.ts';
import { outside, publicAddress } from '../internet.ts';
import type { Random } from '../random.ts';
import { act, cast, copy, type Scenario, type Stage, spread, victim } from './scenario.ts';

const NOTHING = { seconds: 0, up: 0, down: 0 } as const;

/** nmap's default: its 1,000 most common ports are the low ones and a scatter of high ones. */
const TOP_PORTS = 1000;
const LOW_PORTS = 600;
/** Remote access, Windows services, databases, container and cluster control. */
const PROBED = [
  21, 22, 23, 111, 135, 139, 389, 445, 1433, 1521, 2049, 2375, 2379, 3306, 3389, 5900, 5985, 6379, 6443, 8500,
  9200, 10250, 11211, 27017,
] as const;
const SWEEP_TARGETS = 500;
const STORM_PORTS = 1_000_000;
const STORM_HOSTS = 16;
const STORM_DESTINATIONS = 10_000_000;
const NOISE_SOURCES = 100_000;
const PROBERS = 12;

export const scans: readonly Scenario[] = [
  {
    name: 'port-scan',
    summary: 'a host of ours tries 1,000 ports of another one within a minute, as nmap -sT does',
    attack: ['T1046'],
    quiet: false,
    dual: true,
    play: (stage) => scanPorts(stage, victim(stage), target(stage)),
  },
  {
    name: 'port-probe',
    summary: 'a host of ours tries the 24 ports that intruders look for on another one within a minute',
    attack: ['T1046'],
    quiet: false,
    dual: true,
    play: (stage) => probe(stage, victim(stage)),
  },
  {
    name: 'port-scan-inbound',
    summary: 'an address outside tries 1,000 ports of a public host; all are rejected',
    attack: ['T1595.001'],
    quiet: false,
    dual: true,
    play: (stage) => scanPorts(stage, cast(stage, 'intruder'), copy(stage.world.environment.of('alb')[0]!)),
  },
  {
    name: 'port-sweep',
    summary: 'a host of ours tries port 22 of 500 public addresses in five minutes',
    attack: ['T1046', 'T1595.001'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const { random } = stage;
      return spread(stage, SWEEP_TARGETS, 300, (index, at) => {
        const luck = random.unit();
        const outcome = luck < 0.02 ? 'answered' : luck < 0.1 ? 'refused' : 'silent';
        const server = stranger(stage, index);
        act(stage, { client, server, port: 22, at, seconds: 2, up: 1200, down: 1900, outcome });
      });
    },
  },
  {
    name: 'internal-sweep',
    summary: 'a host of ours tries port 445 of 60 private addresses in three minutes, most of them unused',
    attack: ['T1046', 'T1018'],
    quiet: false,
    play(stage) {
      const client = victim(stage);
      const network = Math.floor(client.v4.address / 65536) * 65536;
      return spread(stage, 60, 180, (index, at) => {
        const server = unused(network + 20 * 256 + 10 + index * 3);
        act(stage, { client, server, port: 445, at, ...NOTHING, outcome: 'silent' });
      });
    },
  },
  probed('probed-cluster', 8088, 'YARN, the cluster manager of EMR,'),
  probed('probed-search', 9200, 'Elasticsearch'),
  {
    name: 'slow-scan',
    summary:
      'a host of ours tries port 22 of 60 private addresses, one every two minutes, most of them unused',
    attack: ['T1046', 'T1018'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const network = Math.floor(client.v4.address / 65536) * 65536;
      return spread(stage, 60, 7200, (index, at) => {
        const server = stage.ipv6
          ? neighbour(stage, client, index)
          : unused(network + 21 * 256 + 10 + index * 3);
        act(stage, { client, server, port: 22, at, ...NOTHING, outcome: 'silent' });
      });
    },
  },
  {
    name: 'scan-storm',
    summary: 'a host of ours tries a million ports on 16 hosts in ten minutes',
    attack: ['T1046'],
    quiet: false,
    play(stage) {
      const client = victim(stage);
      const network = Math.floor(client.v4.address / 65536) * 65536;
      return spread(stage, STORM_PORTS, 600, (index, at) => {
        const server = unused(network + 20 * 256 + 10 + (index % STORM_HOSTS));
        const port = 1 + (Math.floor(index / STORM_HOSTS) % 65535);
        act(stage, { client, server, port, at, ...NOTHING, outcome: 'silent', anyPort: true });
      });
    },
  },
  {
    name: 'scan-storm-destinations',
    summary: 'a host of ours tries port 445 of ten million public addresses in an hour',
    attack: ['T1046', 'T1595.001'],
    quiet: false,
    play(stage) {
      const client = stage.world.environment.guest('bastion', stage.at - 3600, 'storm');
      return spread(stage, STORM_DESTINATIONS, 3600, (index, at) => {
        // An odd multiplier visits each of the 2^24 addresses of 45.0.0.0/8 at most once.
        const server = unused(45 * 16777216 + (Math.imul(index, 0x9e3779b1) & 0xffffff));
        act(stage, { client, server, port: 445, at, ...NOTHING, outcome: 'silent', anyPeer: true });
      });
    },
  },
  {
    name: 'reject-noise',
    summary: '100,000 addresses outside knock on closed ports within an hour',
    attack: [],
    quiet: true,
    from: 0.5,
    play(stage) {
      const server = copy(stage.world.environment.of('alb')[0]!);
      const { random } = stage;
      return spread(stage, NOISE_SOURCES, 3600, (_, at) => {
        const client = unused(publicAddress(random));
        const port = random.pick([22, 23, 445, 3389, 5900, 6379, 8080, 2375]);
        act(stage, { client, server, port, at, ...NOTHING, outcome: 'rejected' });
      });
    },
  },
];

/** A service that everybody can reach: scanners look what it is. */
function probed(name: string, port: number, service: string): Scenario {
  return {
    name,
    summary: `a dozen addresses outside find ${service} on a public host in ten minutes, and it answers`,
    attack: ['T1595', 'T1133'],
    quiet: false,
    dual: true,
    play(stage) {
      const server = stage.world.environment.guest('bastion', stage.at - 3600, 'exposed');
      return spread(stage, PROBERS, 600, (index, at) =>
        act(stage, { client: prober(stage, index), server, port, at, seconds: 0.3, up: 120, down: 600 }),
      );
    },
  };
}

function prober({ world: { addresses } }: Stage, index: number): Party {
  const site = (0x2000 + index).toString(16);
  return outside('prober', addresses.of(`198.51.100.${120 + index}`), addresses.of(`2001:db8:${site}::50`));
}

function scanPorts(stage: Stage, client: Party, server: Party) {
  return tryPorts(stage, client, server, topPorts(stage.random));
}

/** Tries the ports that intruders look for on another host of ours. */
export function probe(stage: Stage, client: Party) {
  return tryPorts(stage, client, target(stage), PROBED);
}

function tryPorts(stage: Stage, client: Party, server: Party, ports: readonly number[]) {
  const { random } = stage;
  return spread(stage, ports.length, 45, (index, at) => {
    const inside = client.role !== undefined;
    const outcome = inside && random.chance(0.3) ? 'refused' : 'rejected';
    act(stage, { client, server, port: ports[index]!, at, ...NOTHING, outcome, anyPort: true });
  });
}

function topPorts(random: Random): number[] {
  const ports = new Set<number>();
  while (ports.size < LOW_PORTS) ports.add(1 + random.int(1024));
  while (ports.size < TOP_PORTS) ports.add(1025 + random.int(64_000));
  // The balancer's own ports answer, so they are no failed attempt.
  ports.delete(80);
  ports.delete(443);
  return [...ports];
}

/** A host of ours that the victim has no business with. */
function target(stage: Stage): Party {
  const { environment } = stage.world;
  return copy(environment.of('cache')[0] ?? environment.of('database')[0]!);
}

function unused(address: number): Party {
  return { name: 'unused', role: undefined, v4: { address, eni: undefined }, v6: undefined, port: 40000 };
}

/** An unused address in the /64 next to the client's own. */
function neighbour(stage: Stage, client: Party, index: number): Party {
  const own = stage.world.addresses.text(client.v6!.address).split(':').slice(0, 3).join(':');
  return outside('unused', 0, stage.world.addresses.of(`${own}:5:a:b:c:${(16 + index * 3).toString(16)}`));
}

function stranger(stage: Stage, index: number): Party {
  if (!stage.ipv6) return outside('stranger', publicAddress(stage.random));
  const site = (0x1000 + index * 7).toString(16);
  return outside(
    'stranger',
    0,
    stage.world.addresses.of(`2001:db8:${site}:${stage.random.int(65536).toString(16)}::22`),
  );
}
