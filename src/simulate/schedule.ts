import type { Party } from './environment.ts';
import type { Internet } from './internet.ts';
import { isWeekend, rhythm } from './rhythm.ts';
import { call, type Source, type World } from './world.ts';

const DAY = 86400;
/** Minutes of the day (UTC) at which new versions go out on weekdays, and at which backups begin. */
const DEPLOYMENTS = [10 * 60 + 20, 15 * 60 + 40] as const;
const BACKUP = 2 * 60;
/** A replacement every so many minutes: a rolling deployment. */
const STAGGER = 3;

/** What happens at set times: deployments, autoscaling by day, nightly backups. */
export function schedule(world: World, internet: Internet): Source[] {
  return [deployments(world, internet), autoscaling(world, internet), backups(world, internet)];
}

/** Rolling replacement of the app hosts, each new one with a new address. The first one stays: it holds what must not move. */
function deployments(world: World, internet: Internet): Source {
  return (from) => {
    if (isWeekend(from)) return;
    const minute = Math.floor((from % DAY) / 60);
    for (const begin of DEPLOYMENTS) {
      const step = minute - begin;
      if (step < 0 || step % STAGGER !== 0) continue;
      const index = 1 + step / STAGGER;
      if (index >= world.environment.of('app').length) continue;
      provision(world, internet, world.environment.replace('app', index, from + 60), from + 60);
    }
  };
}

/** A third more web hosts around noon. */
function autoscaling(world: World, internet: Internet): Source {
  const { environment } = world;
  const least = environment.of('web').length;
  const extra = Math.floor(least / 3);
  return (from) => {
    if (from % 600 !== 0 || extra === 0) return;
    const web = environment.of('web');
    const wanted = least + Math.round(extra * Math.max(0, (rhythm(from) - 0.7) / 0.3));
    if (web.length < wanted)
      provision(world, internet, environment.add('web', from + 60, `web/${from}`), from + 60);
    else if (web.length > wanted) environment.remove('web', from);
  };
}

/** What a new host does first: packages, its image, its files. */
export function provision(world: World, internet: Internet, host: Party, at: number): void {
  const random = world.environment.random(`provision/${host.name}/${at}`);
  const fetch = (name: string, port: number, times: number, down: number) => {
    for (let i = 0; i < times; i++)
      call(world, random, {
        client: host,
        server: internet.service(name, random),
        port,
        at: at + random.unit() * 45,
        seconds: random.around(4, 0.7),
        up: 900,
        down: Math.round(random.around(down, 1)),
      });
  };
  fetch('mirror', 80, 6, 900_000);
  fetch('registry', 443, 3, 40_000_000);
  fetch('s3', 443, 2, 8_000_000);
  fetch('ssm', 443, 3, 9000);
}

/** Databases send their night's copy to S3 in large parts, about the same size each night. */
function backups(world: World, internet: Internet): Source {
  const random = world.environment.random('backups');
  return (from) => {
    const step = Math.floor((from % DAY) / 60) - BACKUP;
    if (step < 0 || step >= 24) return;
    for (const database of world.environment.of('database')) {
      for (let part = 0; part < 4; part++) {
        call(world, random, {
          client: database,
          server: internet.service('s3', random),
          port: 443,
          at: from + part * 14 + random.unit(),
          seconds: random.between(9, 13),
          up: Math.round(random.around(64_000_000, 0.1)),
          down: 9000,
        });
      }
    }
  };
}
