import type { Environment, Party } from './environment.ts';
import type { Internet } from './internet.ts';
import type { Random } from './random.ts';
import { call, type Source, type World } from './world.ts';

/** What the internet knocks on, most wanted first (the order of SANS ISC's and GreyNoise's top ports). */
const KNOCKED = [
  23, 22, 445, 3389, 80, 8080, 5900, 6379, 1433, 8443, 5060, 81, 2375, 3306, 9200, 5555, 8088, 27017, 5432,
  21, 25, 2222, 37215, 52869, 7547, 8545, 11211, 502, 1883, 389,
] as const;
const UDP_KNOCKED = [5060, 123, 1900, 53, 161, 389, 11211] as const;
const PER_MINUTE = 16;

/** Scanners of the internet: turned away on closed ports, let in where the web site listens. */
export function noiseSource(world: World, internet: Internet): Source {
  const random = world.environment.random('noise');
  return (from) => {
    const targets = exposed(world.environment);
    const mean = targets.length * PER_MINUTE * world.noise;
    for (let left = random.poisson(mean); left > 0; left--)
      knock(world, random, internet.scanner(random), random.pick(targets), from + random.unit() * 60);
  };
}

/** The hosts with public addresses. */
function exposed(environment: Environment): Party[] {
  return [...environment.of('alb'), ...environment.of('nat'), ...environment.of('bastion')];
}

function knock(world: World, random: Random, client: Party, server: Party, at: number): void {
  if (server.role === 'alb' && random.chance(0.12)) {
    call(world, random, { client, server, port: 443, at, seconds: 0.4, up: 310, down: 1900, ipv6: false });
  } else if (random.chance(0.1)) {
    const port = random.pick(UDP_KNOCKED);
    call(world, random, {
      client,
      server,
      port,
      protocol: 17,
      at,
      seconds: 0,
      up: 20 + random.int(400),
      down: 0,
      outcome: 'rejected',
      ipv6: false,
    });
  } else {
    const port = random.chance(0.2)
      ? 1 + random.int(65535)
      : KNOCKED[Math.floor(random.unit() ** 2 * KNOCKED.length)]!;
    if (server.role === 'alb' && (port === 80 || port === 443)) return;
    call(world, random, {
      client,
      server,
      port,
      at,
      seconds: 0,
      up: 0,
      down: 0,
      outcome: 'rejected',
      ipv6: false,
    });
  }
}
