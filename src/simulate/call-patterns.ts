import type { Party, Role } from './environment.ts';
import type { Internet } from './internet.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Calls that come as people and programs make them: at random, more by day. */
export interface CallPattern {
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

/** Calls of an ordinary web application and what it runs on. */
export function callPatterns(world: World, internet: Internet): CallPattern[] {
  const { environment } = world;
  const one =
    (role: Role) =>
    (random: Random): Party =>
      random.pick(environment.of(role));
  return [
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
      perMinute: 4,
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
      perMinute: 1.8,
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
}
