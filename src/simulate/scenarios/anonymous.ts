import type { Party } from '../environment.ts';
import { outside } from '../internet.ts';
import { actStream, copy, type Scenario, type Stage, spread, victim } from './scenario.ts';

/** Relays of the cast: 198.51.100.201 to .216, 2001:db8:c9::1 to ::10; the ports that relays listen on. */
const RELAYS = 16;
const RELAY_PORTS = [9001, 443, 9001, 9030] as const;
const POOL = ['198.51.100.240', '2001:db8:f0::1'] as const;
const UNLISTED_POOL = ['203.0.113.33', '2001:db8:33::21'] as const;
const HOUR = 3600;

export const anonymous: readonly Scenario[] = [
  {
    name: 'tor-client',
    summary: 'a host of ours keeps connections to four Tor relays (198.51.100.201 to .204) for an hour',
    attack: ['T1090.003'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const servers = relays(stage);
      return spread(stage, 4, 600, (index, at) => circuit(stage, client, servers[index]!, index, at));
    },
  },
  {
    name: 'tor-relay',
    summary: 'a host of ours works as a Tor relay: 16 relays talk to it, and it to them',
    attack: ['T1090.003'],
    quiet: false,
    dual: true,
    play(stage) {
      const host = copy(stage.world.environment.of('alb')[0]!);
      const others = relays(stage);
      return spread(stage, 2 * RELAYS, 900, (index, at) => {
        const other = others[index >> 1]!;
        if (index % 2 === 0) circuit(stage, other, host, 0, at);
        else circuit(stage, host, other, index >> 1, at);
      });
    },
  },
  {
    name: 'mining-pool',
    summary: 'a host of ours mines at 198.51.100.240 (or 2001:db8:f0::1), a pool that a feed lists',
    attack: ['T1496.001'],
    quiet: false,
    dual: true,
    play: (stage) => mine(stage, pool(stage, POOL), 443),
  },
  {
    name: 'mining',
    summary: 'a host of ours mines at a pool that no feed lists, on port 3333',
    attack: ['T1496.001'],
    quiet: false,
    dual: true,
    from: 0.25,
    play: (stage) => mine(stage, pool(stage, UNLISTED_POOL), 3333),
  },
  {
    name: 'not-mining',
    summary: 'hosts keep sessions on ports of mining pools: a busy one outside, a quiet one inside',
    attack: [],
    quiet: true,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const { environment } = stage.world;
      const servers = [pool(stage, UNLISTED_POOL), copy(environment.of('app')[0]!)];
      return spread(stage, servers.length, 60, (index, at) =>
        actStream(stage, {
          client,
          server: servers[index]!,
          port: 4444,
          at,
          seconds: 6 * HOUR,
          up: index === 0 ? 60_000_000 : 200_000,
          down: index === 0 ? 60_000_000 : 200_000,
          upPackets: index === 0 ? 60_000 : 1000,
          downPackets: index === 0 ? 60_000 : 1000,
        }),
      );
    },
  },
];

/** The relays of the cast. */
export function relays(stage: Stage): Party[] {
  return Array.from({ length: RELAYS }, (_, i) =>
    pool(stage, [`198.51.100.${201 + i}`, `2001:db8:c9::${(i + 1).toString(16)}`]),
  );
}

function pool(stage: Stage, [v4, v6]: readonly [string, string]): Party {
  return outside('pool', stage.world.addresses.of(v4), stage.world.addresses.of(v6));
}

function circuit(stage: Stage, client: Party, server: Party, index: number, at: number): void {
  actStream(stage, {
    client,
    server,
    port: RELAY_PORTS[index % RELAY_PORTS.length]!,
    at,
    seconds: HOUR,
    up: 1_400_000,
    down: 9_000_000,
    upPackets: 9000,
    downPackets: 11_000,
  });
}

function mine(stage: Stage, server: Party, port: number) {
  const client = victim(stage);
  const minutes = Math.ceil(stage.world.length / 60) + 60;
  return spread(stage, 1, 1, (_, at) =>
    actStream(stage, {
      client,
      server,
      port,
      at,
      seconds: minutes * 60,
      up: 300 * minutes,
      down: 900 * minutes,
      upPackets: 6 * minutes,
      downPackets: 6 * minutes,
    }),
  );
}
