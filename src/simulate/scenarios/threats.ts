import type { Party } from '../environment.ts';
import { relays } from './anonymous.ts';
import { act, actStream, cast, copy, repeat, type Scenario, type Stage, spread, victim } from './scenario.ts';

const BEACON_PERIODS = [60, 300, 3600] as const;
const BEACON_JITTERS = [0, 20, 50] as const;

export const threats: readonly Scenario[] = [
  {
    name: 'threat-ip',
    summary: 'a host of ours calls 198.51.100.23 (or 2001:db8:23::17), which a feed lists',
    attack: ['T1071'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'listed');
      return spread(stage, 3, 600, (_, at) =>
        act(stage, { client, server, port: 443, at, seconds: 2, up: 2400, down: 9000 }),
      );
    },
  },
  {
    name: 'listed-visitor',
    summary: '198.51.100.23 (or 2001:db8:23::17), which a feed lists, opens SSH sessions with a host of ours',
    attack: ['T1133', 'T1190'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = cast(stage, 'listed');
      const server = stage.world.environment.guest('bastion', stage.at - 3600, 'visited');
      return spread(stage, 5, 600, (_, at) =>
        act(stage, { client, server, port: 22, at, seconds: 2, up: 2400, down: 3000 }),
      );
    },
  },
  {
    name: 'long-connection',
    summary:
      'a host of ours opens a connection to an address it never used and keeps it to the end of the run',
    attack: ['T1572', 'T1219'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'tunnelEnd');
      const seconds = Math.ceil(stage.world.length) + 86_400;
      const packets = Math.floor(seconds / 20);
      return spread(stage, 1, 1, (_, at) =>
        actStream(stage, {
          client,
          server,
          port: 443,
          at,
          seconds,
          up: packets * 70,
          down: packets * 90,
          upPackets: packets,
          downPackets: packets,
        }),
      );
    },
  },
  {
    name: 'irc-bot',
    summary: 'a host of ours sits in a channel of an IRC server for an hour',
    attack: ['T1071'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'commandServer');
      return spread(stage, 1, 1, (_, at) =>
        actStream(stage, {
          client,
          server,
          port: 6667,
          at,
          seconds: 3600,
          up: 9000,
          down: 60_000,
          upPackets: 120,
          downPackets: 240,
        }),
      );
    },
  },
  ...BEACON_PERIODS.flatMap((period) =>
    BEACON_JITTERS.map(
      (jitter): Scenario => ({
        name: `beacon-${period}-${jitter}`,
        summary: `a host of ours calls the same new address every ${period} seconds, give or take ${jitter} %`,
        attack: ['T1071', 'T1573'],
        quiet: false,
        dual: true,
        from: 0.1,
        play: (stage) => beacon(stage, period, jitter / 100),
      }),
    ),
  ),
  knock('listed-knock', '198.51.100.23, which a feed lists,', (stage) => cast(stage, 'listed')),
  knock('relay-knock', '198.51.100.201, which a feed lists as a Tor relay,', (stage) => relays(stage)[0]!),
];

function beacon(stage: Stage, period: number, jitter: number) {
  const client = victim(stage);
  const server = cast(stage, 'commandServer');
  const { random } = stage;
  return repeat(stage, (at) => {
    act(stage, { client, server, port: 443, at, seconds: 0.4, up: 380 + random.int(40), down: 1200 });
    return period * (1 + jitter * (2 * random.unit() - 1));
  });
}

/** Someone who is listed tries closed ports. */
function knock(name: string, who: string, clientOf: (stage: Stage) => Party): Scenario {
  return {
    name,
    summary: `${who} knocks on closed ports of ours and is rejected`,
    attack: [],
    quiet: true,
    from: 0.5,
    play(stage) {
      const client = clientOf(stage);
      const server = copy(stage.world.environment.of('alb')[0]!);
      return spread(stage, 8, 900, (index, at) =>
        act(stage, {
          client,
          server,
          port: [22, 23, 3389, 8080][index % 4]!,
          at,
          seconds: 0,
          up: 0,
          down: 0,
          outcome: 'rejected',
        }),
      );
    },
  };
}
