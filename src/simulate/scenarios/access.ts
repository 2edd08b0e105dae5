import type { Party } from '../environment.ts';
import { act, cast, copy, repeat, type Scenario, type Stage, spread, victim } from './scenario.ts';

/** 20 runs of a list of 30 keys, as GuardDuty's tester does with crowbar; 256 passwords for each of three users. */
const SSH_ATTEMPTS = 600;
const RDP_ATTEMPTS = 768;
const SSH_BREAK_IN = 300;
const WINRM_ATTEMPTS = 300;

export const access: readonly Scenario[] = [
  {
    name: 'ssh-brute-force',
    summary: 'a host of ours tries 600 keys on the SSH server of another one in ten minutes',
    attack: ['T1110'],
    quiet: false,
    dual: true,
    play: (stage) => bruteForce(stage, 22, SSH_ATTEMPTS, 600, 1900, 2300),
  },
  {
    name: 'rdp-brute-force',
    summary: 'a host of ours tries 768 passwords on the remote desktop of another one in 15 minutes',
    attack: ['T1110.001'],
    quiet: false,
    dual: true,
    play: (stage) => bruteForce(stage, 3389, RDP_ATTEMPTS, 900, 1400, 1700),
  },
  {
    name: 'winrm-brute-force',
    summary:
      'a host of ours tries 300 passwords on the Windows remote management of another one in ten minutes',
    attack: ['T1110.001'],
    quiet: false,
    dual: true,
    play: (stage) => bruteForce(stage, 5985, WINRM_ATTEMPTS, 600, 1300, 900),
  },
  {
    name: 'ssh-break-in',
    summary:
      'an address outside tries 300 keys on the SSH server of the bastion, then works there for ten minutes',
    attack: ['T1110', 'T1021.004'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = cast(stage, 'intruder');
      const server = bastion(stage);
      const { random } = stage;
      return spread(stage, SSH_BREAK_IN + 1, 600, (index, at) => {
        const attempt = index < SSH_BREAK_IN;
        act(stage, {
          client,
          server,
          port: 22,
          at: at + random.unit(),
          seconds: attempt ? random.between(1.2, 3) : 600,
          up: attempt ? 1900 + random.int(200) : 180_000,
          down: attempt ? 2300 + random.int(300) : 900_000,
        });
      });
    },
  },
  {
    name: 'playbook',
    summary: 'every half hour the bastion runs a playbook: three SSH sessions with each of a dozen hosts',
    attack: [],
    quiet: true,
    dual: true,
    play(stage) {
      const { environment } = stage.world;
      const client = bastion(stage);
      const servers = [...environment.of('web'), ...environment.of('app')].slice(0, 12).map(copy);
      return repeat(stage, (at) => {
        for (const [index, server] of servers.entries())
          for (let step = 0; step < 3; step++)
            act(stage, {
              client,
              server,
              port: 22,
              at: at + index * 4 + step * 30,
              seconds: stage.random.between(4, 25),
              up: 6000 + stage.random.int(30_000),
              down: 9000 + stage.random.int(40_000),
            });
        return 1800;
      });
    },
  },
  {
    name: 'lateral-movement',
    summary:
      'a host of ours opens administration ports of a dozen others it never spoke to, some with success',
    attack: ['T1021.004', 'T1021.002', 'T1021.006'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const { environment } = stage.world;
      const servers = [...environment.of('app'), ...environment.of('web'), ...environment.of('database')]
        .filter((server) => server.v4.eni !== client.v4.eni)
        .slice(0, 12)
        .map(copy);
      return spread(stage, servers.length, 1500, (index, at) => {
        for (const [step, port] of [22, 445, 5985].entries()) {
          const open = port === 22 && index % 3 !== 2;
          act(stage, {
            client,
            server: servers[index]!,
            port,
            at: at + step * 4,
            seconds: open ? stage.random.between(20, 240) : 0,
            up: open ? 18_000 : 0,
            down: open ? 64_000 : 0,
            outcome: open ? 'answered' : 'rejected',
          });
        }
      });
    },
  },
  {
    name: 'segmentation-violation',
    summary: 'a web host reaches the database directly, past the app hosts, and is let in',
    attack: ['T1210', 'T1021'],
    quiet: false,
    dual: true,
    play(stage) {
      const { client, server } = webAndDatabase(stage);
      const { random } = stage;
      return spread(stage, 6, 1200, (_, at) =>
        act(stage, {
          client,
          server,
          port: 5432,
          at,
          seconds: random.between(10, 40),
          up: 6000 + random.int(3000),
          down: 240_000 + random.int(90_000),
        }),
      );
    },
  },
  {
    name: 'segmentation-attempt',
    summary: 'a web host tries the database directly, 40 times in 15 minutes, and is rejected',
    attack: ['T1046'],
    quiet: false,
    dual: true,
    play(stage) {
      const { client, server } = webAndDatabase(stage);
      return spread(stage, 40, 900, (_, at) =>
        act(stage, { client, server, port: 5432, at, seconds: 0, up: 0, down: 0, outcome: 'rejected' }),
      );
    },
  },
];

export function bruteForce(
  stage: Stage,
  port: number,
  count: number,
  seconds: number,
  up: number,
  down: number,
) {
  const client = victim(stage);
  const server = other(stage, client);
  const { random } = stage;
  return spread(stage, count, seconds, (_, at) =>
    act(stage, {
      client,
      server,
      port,
      at: at + random.unit(),
      seconds: random.between(1.2, 3),
      up: up + random.int(200),
      down: down + random.int(300),
    }),
  );
}

/** A host of its own: small environments have no bastion. */
function bastion(stage: Stage): Party {
  return stage.world.environment.guest('bastion', stage.at - 3600, 'jump-host');
}

function other(stage: Stage, client: Party): Party {
  const { environment } = stage.world;
  const hosts = [...environment.of('web'), ...environment.of('database')];
  return copy(hosts.find((host) => host.v4.eni !== client.v4.eni)!);
}

function webAndDatabase(stage: Stage): { client: Party; server: Party } {
  const { environment } = stage.world;
  return { client: copy(environment.of('web')[0]!), server: copy(environment.of('database')[0]!) };
}
