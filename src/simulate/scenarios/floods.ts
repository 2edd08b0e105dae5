import { act, actStream, cast, repeat, type Scenario, type Stage, spread, victim } from './scenario.ts';

/** Datagrams of GuardDuty's tester for its floods. */
const PACKETS = 400_000;
const SYNS = 90_000;

export const floods: readonly Scenario[] = [
  {
    name: 'udp-dos',
    summary: 'a host of ours floods an address with 400,000 datagrams of 256 bytes in five minutes',
    attack: ['T1498.001'],
    quiet: false,
    dual: true,
    play: (stage) => flood(stage, 17, 7777, 256),
  },
  {
    name: 'dns-dos',
    summary: 'a host of ours floods a name server with 400,000 datagrams of 64 bytes in five minutes',
    attack: ['T1498.002'],
    quiet: false,
    dual: true,
    play: (stage) => flood(stage, 17, 53, 64),
  },
  {
    name: 'udp-on-tcp-dos',
    summary: 'a host of ours floods port 22 of an address with 400,000 datagrams over UDP in five minutes',
    attack: ['T1498.001'],
    quiet: false,
    dual: true,
    play: (stage) => flood(stage, 17, 22, 256),
  },
  {
    name: 'icmp-dos',
    summary: 'a host of ours floods an address with 400,000 pings of 1,000 bytes in five minutes',
    attack: ['T1498.001'],
    quiet: false,
    dual: true,
    play: (stage) => flood(stage, stage.ipv6 ? 58 : 1, 0, 1000),
  },
  {
    name: 'unusual-protocol-dos',
    summary: 'a host of ours floods an address with 400,000 IGMP packets in five minutes',
    attack: ['T1498.001'],
    quiet: false,
    dual: true,
    play: (stage) => flood(stage, 2, 0, 64),
  },
  {
    name: 'syn-flood',
    summary: 'a host of ours sends 90,000 SYNs to a web server in four minutes, which answers none',
    attack: ['T1498.001'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'floodTarget');
      return spread(stage, SYNS, 240, (_, at) =>
        act(stage, { client, server, port: 80, at, seconds: 0, up: 0, down: 0, outcome: 'silent' }),
      );
    },
  },
  {
    name: 'quic-upload',
    summary:
      'a host of ours uploads 200 MB over QUIC every four hours, which acknowledges every tenth packet',
    attack: [],
    quiet: true,
    play(stage) {
      const client = victim(stage);
      const server = stage.internet.service('s3', stage.random);
      const packets = 150_000;
      return repeat(stage, (at) => {
        actStream(stage, {
          client,
          server,
          port: 443,
          protocol: 17,
          at,
          seconds: 600,
          up: packets * 1350,
          down: packets * 3,
          upPackets: packets,
          downPackets: packets / 10,
        });
        return 4 * 3600;
      });
    },
  },
];

function flood(stage: Stage, protocol: number, port: number, size: number) {
  const client = victim(stage);
  const server = cast(stage, 'floodTarget');
  const packets = PACKETS / 10;
  return spread(stage, 10, 300, (_, at) =>
    actStream(stage, {
      client,
      server,
      port,
      protocol,
      at,
      seconds: 29,
      up: packets * size,
      down: 0,
      upPackets: packets,
      downPackets: 0,
    }),
  );
}
