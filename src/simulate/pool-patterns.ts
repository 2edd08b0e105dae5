import type { Party } from './environment.ts';
import type { World } from './world.ts';

/** Connections that are kept open and used again: `size` for each pair of client and server. */
export interface PoolPattern {
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

/** Its pools of connections. */
export function poolPatterns(world: World): PoolPattern[] {
  const { environment } = world;
  return [
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
}
