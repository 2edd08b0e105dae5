import { outside } from '../internet.ts';
import { act, actStream, cast, repeat, type Scenario, spread, victim } from './scenario.ts';

/** Datagrams of GuardDuty's tester for both floods. */
const FLOOD = 400_000;

export const egress: readonly Scenario[] = [
  {
    name: 'unexpected-egress',
    summary: 'a host of ours sends 240 MB to an address and port it never used',
    attack: ['T1041', 'T1571'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'dropSite');
      return spread(stage, 4, 600, (_, at) =>
        act(stage, { client, server, port: 8443, at, seconds: 45, up: 60_000_000, down: 90_000 }),
      );
    },
  },
  {
    name: 'volume-spike',
    summary: 'a host of ours sends 8 GB to S3 within ten minutes',
    attack: ['T1048', 'T1537'],
    quiet: false,
    play(stage) {
      const client = victim(stage);
      const server = stage.internet.service('s3', stage.random);
      return spread(stage, 20, 600, (_, at) =>
        act(stage, { client, server, port: 443, at, seconds: 28, up: 400_000_000, down: 50_000 }),
      );
    },
  },
  {
    name: 'slow-exfil',
    summary:
      'a host of ours sends some 15 MB to the same new address every 20 minutes, to the end of the run',
    attack: ['T1029', 'T1030', 'T1020'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'slowDropSite');
      return repeat(stage, (at) => {
        act(stage, {
          client,
          server,
          port: 443,
          at,
          seconds: stage.random.between(15, 35),
          up: Math.round(stage.random.between(12, 18) * 1e6),
          down: 60_000,
        });
        return stage.random.between(1080, 1320);
      });
    },
  },
  {
    name: 'upload-asymmetry',
    summary: 'a host of ours uploads 300 MB an hour for two hours and gets next to nothing back',
    attack: ['T1048.003'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'dropSite');
      return spread(stage, 24, 7200, (_, at) =>
        act(stage, { client, server, port: 443, at, seconds: 120, up: 25_000_000, down: 4000 }),
      );
    },
  },
  {
    name: 'dns-tunnel',
    summary: 'a host of ours asks an outside name server 20 long questions a second for half an hour',
    attack: ['T1071.004', 'T1572'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'tunnelServer');
      return spread(stage, 360, 1800, (_, at) =>
        actStream(stage, {
          client,
          server,
          port: 53,
          protocol: 17,
          at,
          seconds: 4.9,
          up: 18_000,
          down: 26_000,
          upPackets: 100,
          downPackets: 100,
        }),
      );
    },
  },
  {
    name: 'udp-dos',
    summary: 'a host of ours floods an address with 400,000 datagrams of 256 bytes in five minutes',
    attack: ['T1498.001'],
    quiet: false,
    dual: true,
    play: (stage) => {
      const client = victim(stage);
      const server = cast(stage, 'floodTarget');
      return spread(stage, 10, 300, (_, at) => flood(stage, client, server, 7777, 256, at));
    },
  },
  {
    name: 'dns-dos',
    summary: 'a host of ours floods a name server with 400,000 datagrams of 64 bytes in five minutes',
    attack: ['T1498.002'],
    quiet: false,
    dual: true,
    play: (stage) => {
      const client = victim(stage);
      const server = cast(stage, 'floodTarget');
      return spread(stage, 10, 300, (_, at) => flood(stage, client, server, 53, 64, at));
    },
  },
  {
    name: 'first-smtp',
    summary: 'a host of ours that never sent mail speaks to port 25 of 40 mail servers in ten minutes',
    attack: ['T1496.002'],
    quiet: false,
    play(stage) {
      const client = victim(stage);
      return spread(stage, 40, 600, (index, at) => {
        const server = outside('mail', stage.world.addresses.of(`192.0.2.${10 + index * 5}`));
        act(stage, { client, server, port: 25, at, seconds: 3, up: 14_000, down: 2600 });
      });
    },
  },
];

type FloodStage = Parameters<typeof actStream>[0];
type FloodParty = ReturnType<typeof cast>;

function flood(
  stage: FloodStage,
  client: FloodParty,
  server: FloodParty,
  port: number,
  size: number,
  at: number,
): void {
  const packets = FLOOD / 10;
  actStream(stage, {
    client,
    server,
    port,
    protocol: 17,
    at,
    seconds: 29,
    up: packets * size,
    down: 0,
    upPackets: packets,
    downPackets: 0,
  });
}
