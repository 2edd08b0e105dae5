import { outside } from '../internet.ts';
import { act, actStream, cast, copy, repeat, type Scenario, type Stage, spread, victim } from './scenario.ts';

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
    name: 'bulk-upload',
    summary: 'a host of ours sends 8 GB to an address it never used within ten minutes',
    attack: ['T1048', 'T1041'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'dropSite');
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
    name: 'plaintext',
    summary: 'a host of ours works on a server outside by telnet and fetches a file from it by FTP',
    attack: ['T1040'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = cast(stage, 'dropSite');
      return spread(stage, 2, 300, (index, at) =>
        act(stage, {
          client,
          server,
          port: index === 0 ? 23 : 21,
          at,
          seconds: 120,
          up: 3200,
          down: index === 0 ? 41_000 : 2600,
        }),
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
    name: 'icmp-tunnel',
    summary: 'a host of ours moves 30 MB each way over ICMP within half an hour',
    attack: ['T1095', 'T1572'],
    quiet: false,
    dual: true,
    play: (stage) => pings(stage, 1000, 1000),
  },
  {
    name: 'monitoring-pings',
    summary: 'a host of ours pings an address outside every second',
    attack: [],
    quiet: true,
    dual: true,
    play: (stage) => pings(stage, 64, 60),
  },
  {
    name: 'dns-bypass',
    summary:
      'a host of ours asks an outside name server a question every ten seconds, and two resolvers over TLS and HTTPS',
    attack: ['T1071.004'],
    quiet: false,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const doh = outside(
        'doh',
        stage.world.addresses.of('9.9.9.9'),
        stage.world.addresses.of('2620:fe::fe'),
      );
      return spread(stage, 180, 1800, (index, at) => {
        const server = cast(stage, 'tunnelServer');
        act(stage, { client, server, port: 53, protocol: 17, at, seconds: 0.1, up: 44, down: 120 });
        if (index % 30 !== 0) return;
        act(stage, { client, server, port: 853, at, seconds: 2, up: 900, down: 4000 });
        act(stage, { client, server: doh, port: 443, at, seconds: 2, up: 900, down: 4000 });
      });
    },
  },
  {
    name: 'vpc-dns',
    summary: 'hosts of ours ask a name server inside',
    attack: [],
    quiet: true,
    dual: true,
    play(stage) {
      const client = victim(stage);
      const server = copy(stage.world.environment.of('app')[0]!);
      return repeat(stage, (at) => {
        act(stage, { client, server, port: 53, protocol: 17, at, seconds: 0.1, up: 44, down: 120 });
        return 20;
      });
    },
  },
  {
    name: 'first-smtp',
    summary: 'a host of ours that never sent mail speaks to port 25 of 40 mail servers in ten minutes',
    attack: ['T1496.002'],
    quiet: false,
    dual: true,
    play: (stage) => mail(stage, 25, 40),
  },
  {
    name: 'submission',
    summary: 'a host of ours hands 40 mails to one provider in ten minutes, on port 587',
    attack: [],
    quiet: true,
    dual: true,
    play: (stage) => mail(stage, 587, 1),
  },
];

/** Forty mails to so many servers. */
function mail(stage: Stage, port: number, servers: number) {
  const client = victim(stage);
  const { addresses } = stage.world;
  return spread(stage, 40, 600, (index, at) => {
    const host = 10 + (index % servers) * 5;
    const server = outside('mail', addresses.of(`192.0.2.${host}`), addresses.of(`2001:db8:25::${host}`));
    act(stage, { client, server, port, at, seconds: 3, up: 14_000, down: 2600 });
  });
}

/** Half an hour of answered pings of so many bytes, so many in each minute. */
function pings(stage: Stage, size: number, perMinute: number) {
  const client = victim(stage);
  const server = cast(stage, 'commandServer');
  return spread(stage, 30, 1800, (_, at) =>
    actStream(stage, {
      client,
      server,
      port: 0,
      protocol: stage.ipv6 ? 58 : 1,
      at,
      seconds: 50,
      up: size * perMinute,
      down: size * perMinute,
      upPackets: perMinute,
      downPackets: perMinute,
    }),
  );
}
