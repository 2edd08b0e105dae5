import type { Party } from './environment.ts';
import type { Internet } from './internet.ts';
import type { Random } from './random.ts';
import { rhythm } from './rhythm.ts';
import { call, type Source, stream, type World } from './world.ts';

/** Calls that come as people and programs make them: at random, more by day. */
interface CallPattern {
  readonly name: string;
  readonly clients: (world: World) => readonly Party[];
  readonly server: (random: Random, client: Party) => Party;
  readonly port: number;
  readonly protocol?: number;
  /** A minute and client, at the busiest time of day. */
  readonly perMinute: number;
  /** Whether nights and weekends are quieter. */
  readonly daily: boolean;
  /** Median content bytes each way, and how far they spread (sigma of the logarithm). */
  readonly up: number;
  readonly down: number;
  readonly spread: number;
  readonly seconds: number;
}

/** Connections that are kept open and used again: `size` for each pair of client and server. */
interface PoolPattern {
  readonly name: string;
  readonly clients: (world: World) => readonly Party[];
  readonly servers: (world: World) => readonly Party[];
  readonly port: number;
  readonly size: number;
  /** Mean life of a connection in seconds. */
  readonly life: number;
  /** Content bytes and packets a second when busiest. */
  readonly up: number;
  readonly down: number;
  readonly packets: number;
}

/** The traffic that a VPC with these roles has every minute. */
export function workload(world: World, internet: Internet): Source[] {
  const { environment } = world;
  const one = (role: Parameters<typeof environment.of>[0]) => (random: Random) =>
    random.pick(environment.of(role));
  const calls: CallPattern[] = [
    {
      name: 'health',
      clients: () => environment.of('alb'),
      server: one('web'),
      port: 8080,
      perMinute: 12,
      daily: false,
      up: 130,
      down: 240,
      spread: 0,
      seconds: 0.01,
    },
    {
      name: 'payments',
      clients: () => environment.of('app'),
      server: (random) => internet.service('payments', random),
      port: 443,
      perMinute: 1.6,
      daily: true,
      up: 2600,
      down: 5200,
      spread: 0.5,
      seconds: 1.5,
    },
    {
      name: 'mail',
      clients: () => environment.of('app'),
      server: (random) => internet.service('mail-api', random),
      port: 443,
      perMinute: 0.4,
      daily: true,
      up: 9000,
      down: 3800,
      spread: 0.8,
      seconds: 1,
    },
    {
      name: 'maps',
      clients: () => environment.of('app'),
      server: (random) => internet.service('maps', random),
      port: 443,
      perMinute: 0.7,
      daily: true,
      up: 1500,
      down: 14000,
      spread: 0.7,
      seconds: 8,
    },
    {
      name: 'login',
      clients: () => environment.of('web'),
      server: (random) => internet.service('login', random),
      port: 443,
      perMinute: 0.5,
      daily: true,
      up: 2400,
      down: 6100,
      spread: 0.4,
      seconds: 2,
    },
    {
      name: 'errors',
      clients: () => [...environment.of('web'), ...environment.of('app')],
      server: (random) => internet.service('errors', random),
      port: 443,
      perMinute: 0.1,
      daily: true,
      up: 7000,
      down: 3500,
      spread: 0.9,
      seconds: 1,
    },
    {
      name: 'pod-dns',
      clients: () => environment.pods,
      server: (random) => environment.pods[random.int(Math.min(2, environment.pods.length))]!,
      port: 53,
      protocol: 17,
      perMinute: 2,
      daily: true,
      up: 48,
      down: 160,
      spread: 0.2,
      seconds: 0.002,
    },
    {
      name: 'pod-calls',
      clients: () => environment.pods,
      server: (random) => random.pick(environment.pods),
      port: 8080,
      perMinute: 2.5,
      daily: true,
      up: 900,
      down: 4200,
      spread: 1,
      seconds: 0.4,
    },
    {
      name: 'pod-out',
      clients: () => environment.pods,
      server: (random) => internet.service('login', random),
      port: 443,
      perMinute: 0.3,
      daily: true,
      up: 3000,
      down: 8000,
      spread: 1,
      seconds: 3,
    },
    {
      name: 'objects',
      clients: () => [...environment.of('app'), ...environment.of('batch')],
      server: (random) => internet.service('s3', random),
      port: 443,
      perMinute: 1,
      daily: true,
      up: 5000,
      down: 90_000,
      spread: 1.6,
      seconds: 0.8,
    },
    {
      name: 'reports',
      clients: () => environment.of('batch'),
      server: one('database'),
      port: 5432,
      perMinute: 0.6,
      daily: false,
      up: 4000,
      down: 1_800_000,
      spread: 1,
      seconds: 12,
    },
    {
      name: 'time',
      clients: () => [
        ...environment.of('web'),
        ...environment.of('app'),
        ...environment.of('database'),
        ...environment.of('batch'),
      ],
      server: (random) => internet.service('ntp', random),
      port: 123,
      protocol: 17,
      perMinute: 0.06,
      daily: false,
      up: 48,
      down: 48,
      spread: 0,
      seconds: 0.03,
    },
    {
      name: 'outside-dns',
      clients: () => environment.of('app').slice(0, 1),
      server: (random) => internet.service('resolver', random),
      port: 53,
      protocol: 17,
      perMinute: 0.15,
      daily: false,
      up: 42,
      down: 120,
      spread: 0.3,
      seconds: 0.02,
    },
    {
      name: 'updates',
      clients: () => [...environment.of('web'), ...environment.of('app'), ...environment.of('batch')],
      server: (random) => internet.service('mirror', random),
      port: 80,
      perMinute: 0.02,
      daily: false,
      up: 1200,
      down: 260_000,
      spread: 1.2,
      seconds: 2,
    },
  ];
  const pools: PoolPattern[] = [
    {
      name: 'web',
      clients: () => environment.of('alb'),
      servers: () => environment.of('web'),
      port: 8080,
      size: 3,
      life: 420,
      up: 900,
      down: 6500,
      packets: 6,
    },
    {
      name: 'app',
      clients: () => environment.of('web'),
      servers: () => environment.of('app'),
      port: 9000,
      size: 1,
      life: 1500,
      up: 700,
      down: 2600,
      packets: 4,
    },
    {
      name: 'sql',
      clients: () => environment.of('app'),
      servers: () => environment.of('database'),
      port: 5432,
      size: 3,
      life: 7200,
      up: 420,
      down: 2900,
      packets: 5,
    },
    {
      name: 'cache',
      clients: () => environment.of('app'),
      servers: () => environment.of('cache'),
      port: 6379,
      size: 1,
      life: 86400,
      up: 300,
      down: 900,
      packets: 8,
    },
    {
      name: 'scrape',
      clients: () => environment.of('monitor'),
      servers: () => [
        ...environment.of('web'),
        ...environment.of('app'),
        ...environment.of('database'),
        ...environment.of('batch'),
        ...environment.of('node'),
      ],
      port: 9100,
      size: 1,
      life: 43200,
      up: 9,
      down: 900,
      packets: 0.8,
    },
    {
      name: 'logs',
      clients: () => [
        ...environment.of('web'),
        ...environment.of('app'),
        ...environment.of('batch'),
        ...environment.of('node'),
      ],
      servers: () => environment.of('endpoint').slice(0, 1),
      port: 443,
      size: 1,
      life: 1800,
      up: 1600,
      down: 60,
      packets: 2,
    },
    {
      name: 'kubelet',
      clients: () => environment.of('node'),
      servers: () => environment.of('endpoint').slice(1),
      port: 443,
      size: 2,
      life: 3600,
      up: 240,
      down: 380,
      packets: 1.5,
    },
  ];
  return [
    ...calls.map((pattern) => callSource(world, pattern)),
    ...pools.map((pattern) => poolSource(world, pattern)),
    visitSource(world, internet),
    agentSource(world, internet),
    adminSource(world, internet),
  ];
}

function callSource(world: World, pattern: CallPattern): Source {
  const random = world.environment.random(`calls/${pattern.name}`);
  return (from) => {
    const clients = pattern.clients(world);
    if (clients.length === 0) return;
    const mean = clients.length * pattern.perMinute * world.rate * (pattern.daily ? rhythm(from) : 1);
    for (let left = random.poisson(mean); left > 0; left--) {
      const client = random.pick(clients);
      const server = pattern.server(random, client);
      if (server === client) continue;
      call(world, random, {
        client,
        server,
        port: pattern.port,
        protocol: pattern.protocol ?? 6,
        at: from + random.unit() * 60,
        seconds: random.around(pattern.seconds, 0.6),
        up: Math.round(random.around(pattern.up, pattern.spread / 2)),
        down: Math.round(random.around(pattern.down, pattern.spread)),
        outcome: pattern.protocol === undefined && random.chance(0.01) ? 'reset' : 'answered',
      });
    }
  };
}

function poolSource(world: World, pattern: PoolPattern): Source {
  const random = world.environment.random(`pool/${pattern.name}`);
  const ends: number[] = [];
  return (from) => {
    const clients = pattern.clients(world);
    const servers = pattern.servers(world);
    if (clients.length === 0 || servers.length === 0) return;
    const wanted = Math.max(1, Math.round(clients.length * servers.length * pattern.size * world.rate));
    for (let slot = 0; slot < wanted; slot++) {
      if ((ends[slot] ?? 0) >= from + 60) continue;
      const starting = ends[slot] === undefined;
      const at = starting ? from + random.unit() * 60 : Math.max(from, ends[slot]!);
      // Pools are in use when the run begins: their first connections have lived for a while.
      const seconds = Math.max(5, random.exponential(pattern.life) * (starting ? random.unit() : 1));
      ends[slot] = at + seconds + 0.2 + random.exponential(2);
      stream(world, random, {
        client: clients[slot % clients.length]!,
        server: servers[Math.floor(slot / clients.length) % servers.length]!,
        port: pattern.port,
        at,
        seconds,
        up: pattern.up * seconds,
        down: pattern.down * seconds,
        upPackets: pattern.packets * seconds,
        downPackets: pattern.packets * seconds * 0.9,
        wobble: random.u32(),
      });
    }
    ends.length = Math.min(ends.length, wanted);
  };
}

/** Visitors of the web site. */
function visitSource(world: World, internet: Internet): Source {
  const random = world.environment.random('visits');
  const perMinute = 110;
  return (from) => {
    const balancers = world.environment.of('alb');
    for (
      let left = random.poisson(balancers.length * perMinute * world.rate * rhythm(from));
      left > 0;
      left--
    ) {
      const ipv6 = random.chance(world.ipv6Share);
      call(world, random, {
        client: internet.visitor(random, ipv6),
        server: random.pick(balancers),
        port: random.chance(0.05) ? 80 : 443,
        at: from + random.unit() * 60,
        seconds: Math.min(900, random.around(9, 1.3)),
        up: Math.round(random.around(2200, 0.8)),
        down: Math.round(random.pareto(4000, 1.2, 80_000_000)),
        outcome: random.chance(0.04) ? 'reset' : 'answered',
        ipv6,
      });
    }
  };
}

/** The management agent of each host keeps a connection to its service outside and says something every few seconds. */
function agentSource(world: World, internet: Internet): Source {
  const random = world.environment.random('agents');
  const until = new Map<Party, number>();
  const { environment } = world;
  return (from) => {
    const hosts = [...environment.of('web'), ...environment.of('app'), ...environment.of('batch')];
    for (const host of hosts.slice(0, Math.ceil(hosts.length * world.rate))) {
      if ((until.get(host) ?? 0) >= from + 60) continue;
      const seconds = random.around(2400, 0.3);
      const at = Math.max(from, until.get(host) ?? from + random.unit() * 60);
      until.set(host, at + seconds + random.between(1, 20));
      stream(world, random, {
        client: host,
        server: internet.service('ssm', random),
        port: 443,
        at,
        seconds,
        up: 5 * seconds,
        down: 4 * seconds,
        upPackets: seconds / 5,
        downPackets: seconds / 5,
      });
    }
    for (const host of until.keys()) if (!hosts.includes(host)) until.delete(host);
  };
}

/** Administrators on weekdays: to the bastion, and on from there. */
function adminSource(world: World, internet: Internet): Source {
  const random = world.environment.random('admins');
  const { environment } = world;
  return (from) => {
    const bastion = environment.of('bastion')[0];
    if (bastion === undefined || !random.chance(0.05 * world.rate * rhythm(from) ** 2)) return;
    const at = from + random.unit() * 60;
    const seconds = random.around(900, 0.8);
    call(world, random, {
      client: random.pick(internet.admins),
      server: bastion,
      port: 22,
      at,
      seconds,
      up: Math.round(seconds * 40),
      down: Math.round(seconds * 160),
    });
    const inside = [...environment.of('web'), ...environment.of('app'), ...environment.of('batch')];
    call(world, random, {
      client: bastion,
      server: random.pick(inside),
      port: 22,
      at: at + 20,
      seconds: seconds * 0.8,
      up: Math.round(seconds * 35),
      down: Math.round(seconds * 150),
    });
  };
}
