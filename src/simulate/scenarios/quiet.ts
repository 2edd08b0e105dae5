import { provision } from '../schedule.ts';
import { act, actStream, cast, copy, type Scenario, spread, victim } from './scenario.ts';

const DAY = 86400;
const NEW_NODES = 50;

/** What looks like an attack to a naive detector and is none. */
export const quiet: readonly Scenario[] = [
  {
    name: 'keep-alive',
    summary: 'one connection to an address outside for the whole run, with a packet every 15 seconds',
    attack: [],
    quiet: true,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'commandServer');
      const seconds = Math.ceil(stage.world.length) + DAY;
      const packets = Math.floor(seconds / 15);
      return spread(stage, 1, 1, (_, at) =>
        actStream(stage, {
          client,
          server,
          port: 443,
          at,
          seconds,
          up: packets * 30,
          down: packets * 30,
          upPackets: packets,
          downPackets: packets,
        }),
      );
    },
  },
  {
    name: 'busy-database',
    summary: 'four connections to the database for the whole run, always busy',
    attack: [],
    quiet: true,
    dual: true,
    play(stage) {
      const { environment } = stage.world;
      const client = copy(environment.of('app')[0]!);
      const server = copy(environment.of('database')[0]!);
      const seconds = Math.ceil(stage.world.length) + DAY;
      return spread(stage, 4, 4, (_, at) =>
        actStream(stage, {
          client,
          server,
          port: 5432,
          at,
          seconds,
          up: 4000 * seconds,
          down: 30_000 * seconds,
          upPackets: 40 * seconds,
          downPackets: 45 * seconds,
          wobble: stage.random.u32(),
        }),
      );
    },
  },
  {
    name: 'autoscale',
    summary: '50 new app hosts start within ten minutes and do what app hosts do',
    attack: [],
    quiet: true,
    from: 0.5,
    play(stage) {
      const { environment } = stage.world;
      return spread(stage, NEW_NODES, 600, (index, at) => {
        const born = Math.floor(at);
        const host = environment.guest('app', born - 3600, `autoscale-${index}`, index);
        provision(stage.world, stage.internet, host, born);
        for (const server of environment.of('database').map(copy))
          actStream(stage, {
            client: host,
            server,
            port: 5432,
            at: born + 40,
            seconds: 3600,
            up: 1_500_000,
            down: 10_000_000,
            upPackets: 18_000,
            downPackets: 16_000,
          });
        for (let call = 0; call < 20; call++)
          act(stage, {
            client: host,
            server: stage.internet.service('payments', stage.random),
            port: 443,
            at: born + 60 + call * 120,
            seconds: 1.5,
            up: 2600,
            down: 5200,
          });
      });
    },
  },
  {
    name: 'nightly-backup',
    summary: 'a host sends 20 GB to S3 every night at three, about as much each time',
    attack: [],
    quiet: true,
    play(stage) {
      const client = victim(stage);
      const { random } = stage;
      return (from) => {
        const minute = Math.floor((from % DAY) / 60) - 180;
        if (minute < 0 || minute >= 20) return;
        for (let part = 0; part < 4; part++)
          act(stage, {
            client,
            server: stage.internet.service('s3', random),
            port: 443,
            at: from + part * 14,
            seconds: 13,
            up: Math.round(random.around(250_000_000, 0.08)),
            down: 12_000,
          });
      };
    },
  },
];
