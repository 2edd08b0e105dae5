import { bruteForce } from './access.ts';
import { probe } from './scans.ts';
import { act, cast, type Scenario, spread, victim } from './scenario.ts';

/** Attacks of several stages. */
export const chains: readonly Scenario[] = [
  {
    name: 'intrusion',
    summary:
      'a host of ours tries the ports of another one, five minutes later 200 keys on an SSH server, and then sends 240 MB out',
    attack: ['T1046', 'T1110', 'T1041'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const after = (minutes: number) => ({ ...stage, at: stage.at + minutes * 60 });
      const stages = [
        probe(stage, client),
        bruteForce(after(5), 22, 200, 300, 1900, 2300),
        spread(after(12), 4, 600, (_, at) =>
          act(stage, {
            client,
            server: cast(stage, 'dropSite'),
            port: 443,
            at,
            seconds: 45,
            up: 60_000_000,
            down: 90_000,
          }),
        ),
      ];
      return (from) => {
        for (const source of stages) source(from);
      };
    },
  },
];
