import { type CallPattern, callPatterns } from './call-patterns.ts';
import type { Party } from './environment.ts';
import type { Internet } from './internet.ts';
import { type PoolPattern, poolPatterns } from './pool-patterns.ts';
import { rhythm } from './rhythm.ts';
import { call, type Source, stream, type World } from './world.ts';

/** The traffic that a VPC with these roles has every minute. */
export function workload(world: World, internet: Internet): Source[] {
  return [
    ...callPatterns(world, internet).map((pattern) => callSource(world, pattern)),
    ...poolPatterns(world).map((pattern) => poolSource(world, pattern)),
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
  const perMinute = 170;
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
