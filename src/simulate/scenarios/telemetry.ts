import { act, actStream, copy, type Scenario, victim } from './scenario.ts';

/** What is logged and what is not any more. */
export const telemetry: readonly Scenario[] = [
  {
    name: 'flow-log-stopped',
    summary: 'a host that was broken into has the flow log of the private subnets deleted; traffic goes on',
    attack: ['T1685.002'],
    quiet: false,
    play(stage) {
      const client = victim(stage);
      const { world, internet, random } = stage;
      const stops = stage.at + 2 * world.interval;
      let isDone = false;
      return (from) => {
        if (!isDone && from >= stage.at) {
          isDone = true;
          // The call of the API that does it is still logged. What is attacked is the account's log.
          const call = { client, server: internet.service('ssm', random), port: 443, anyPeer: true };
          const victim = client.v4.eni?.account;
          act(stage, { ...call, ...(victim && { victim }), at: from, seconds: 2, up: 3100, down: 5400 });
        }
        if (from < stops) return;
        for (const role of ['web', 'app', 'database', 'cache', 'batch'] as const)
          for (const host of world.environment.of(role))
            if (host.v4.eni !== undefined) host.v4.eni.unlogged = stops;
      };
    },
  },
  {
    name: 'scale-in',
    summary: 'an app host that the database and the internet know is taken away',
    attack: [],
    quiet: true,
    from: 0.5,
    play(stage) {
      const { world, internet, random } = stage;
      const host = world.environment.guest('app', world.start - 3600, 'scale-in');
      const seconds = stage.at - world.start;
      let next = world.start;
      return (from) => {
        if (from === world.start)
          for (const server of world.environment.of('database').map(copy))
            actStream(stage, {
              client: host,
              server,
              port: 5432,
              at: from,
              seconds,
              up: 400 * seconds,
              down: 3000 * seconds,
              upPackets: 5 * seconds,
              downPackets: 4 * seconds,
            });
        // As the other app hosts call: when a customer pays and for what, which no clock says.
        for (; next < Math.min(from + 60, stage.at); next += Math.ceil(random.exponential(240))) {
          const server = internet.service('payments', random);
          const up = Math.round(random.around(2600, 0.5));
          const down = Math.round(random.around(5200, 0.5));
          act(stage, { client: host, server, port: 443, at: next, seconds: 1.5, up, down });
        }
        if (from >= stage.at && host.v4.eni !== undefined) host.v4.eni.gone = stage.at;
      };
    },
  },
];
