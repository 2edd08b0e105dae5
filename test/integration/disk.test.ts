import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { temporaryFolder } from '../cli/run.ts';
import { lists, startRun } from '../cli/service.ts';
import { type Outcome, outcomeOf, simulated } from './kills.ts';
import { canMount, type FileSystem, mountAt } from './rigs/filesystem.ts';

/** Both can be raised for a release. */
const CYCLES = Number(process.env.FLOWSENTRY_DISK_CYCLES ?? 2);
const RECORDS = Number(process.env.FLOWSENTRY_DISK_RECORDS ?? 12_000);
const MEGABYTES = 64;
const FAILURE = 'a failure: what came since the last checkpoint is read again';
const PAUSE = 'the disk is nearly full: reading pauses until there is room';
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
/** Less than the disk is large, and too little to pause for. */
const RESERVE = 'history: {reserve: 1KB}\n';
const root = temporaryFolder();
let lines: string[];
let whole: Outcome;

/** A service whose data folder is what its folder has under `data`, and that is given records share by share. */
function createFed(name: string, more = '') {
  const place = join(root, name);
  mkdirSync(join(place, 'logs'), { recursive: true });
  let given = 0;
  return {
    place,
    data: join(place, 'data'),
    start: (prefix: readonly string[] = []) => startRun(place, SOURCE, more, {}, '0.1s', prefix),
    /** Up to this share of all records. */
    give(share: number): number {
      const to = Math.floor(lines.length * share);
      if (to > given)
        appendFileSync(join(place, 'logs', 'now.log'), `${lines.slice(given, to).join('\n')}\n`);
      given = to;
      return given;
    },
  };
}

type Service = ReturnType<typeof startRun>;
const stopsOf = (service: Service): number =>
  service.logged().filter(({ message }) => message === FAILURE || message === PAUSE).length;

async function ending(service: Service, rows: number): Promise<Outcome> {
  await service.saying('running');
  await lists(service.data, rows);
  expect(await service.stop()).toBe(0);
  return outcomeOf(service.data);
}

beforeAll(async () => {
  lines = await simulated(root, RECORDS, 41);
  const fed = createFed('whole');
  const service = fed.start();
  whole = await ending(service, fed.give(1));
});

describe.skipIf(!canMount())('a service on a disk that fails', () => {
  const mounted: FileSystem[] = [];
  afterAll(() => {
    for (const each of mounted) each.unmount();
  });

  it('pauses or fails while the disk is full, goes on by itself when it is not, and has everything once', async () => {
    const fed = createFed('full', RESERVE);
    mounted.push(mountAt(fed.data, MEGABYTES));
    const service = fed.start();
    await service.saying('running');
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const [before, during] = [fed.give((cycle + 0.3) / CYCLES), stopsOf(service)];
      await lists(fed.data, before);
      const ballast = join(fed.data, 'ballast');
      fill(ballast);
      fed.give((cycle + 1) / CYCLES);
      while (stopsOf(service) === during) {
        expect(service.child.exitCode).toBeNull();
        await sleep(20);
      }
      rmSync(ballast);
      await lists(fed.data, fed.give((cycle + 1) / CYCLES));
    }
    expect(await ending(service, lines.length)).toEqual(whole);
  });

  it('has everything once after the disk became read-only and lost what was not durable, again and again', async () => {
    const fed = createFed('aborted', RESERVE);
    const disk = mountAt(fed.data, MEGABYTES);
    mounted.push(disk);
    const random = new Random(5, 'aborts');
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const service = fed.start();
      await service.saying('running');
      fed.give((cycle + 1) / CYCLES);
      await sleep(random.int(1500));
      disk.abort();
      // Half of the time it has a chance to notice: then it tries again, or ends when it had written nothing yet.
      if (cycle % 2 === 0) await Promise.race([service.ended, sleep(1500)]);
      service.child.kill('SIGKILL');
      await service.ended;
      disk.again();
    }
    expect(await ending(fed.start(), fed.give(1))).toEqual(whole);
  });
});

describe('a service that the system gives little', () => {
  it.each([100, 400])('has everything once after files could not grow beyond %d KiB', async (limit) => {
    const fed = createFed(`short-${limit}`);
    const service = fed.start(['bash', '-c', `ulimit -f ${limit}; exec "$@"`, '-']);
    fed.give(1);
    await Promise.race([service.ended, sleep(4000)]);
    service.child.kill('SIGTERM');
    // It is never ended by a signal that it did not ask for.
    expect([0, 1]).toContain(await service.ended);
    expect(await ending(fed.start(), lines.length)).toEqual(whole);
  });

  it.each([24, 33, 40])('has everything once after it could have only %d files open', async (limit) => {
    const fed = createFed(`few-${limit}`);
    const service = fed.start(['bash', '-c', `ulimit -n ${limit}; exec "$@"`, '-']);
    fed.give(1);
    await Promise.race([service.ended, sleep(4000)]);
    service.child.kill('SIGTERM');
    await service.ended;
    expect(await ending(fed.start(), lines.length)).toEqual(whole);
  });
});

/** Takes all the room there is. */
function fill(file: string): void {
  const block = Buffer.alloc(1 << 20);
  for (let size = block.length; size >= 4096; size >>= 1)
    try {
      for (;;) appendFileSync(file, block.subarray(0, size));
    } catch {
      // No room for one of this size.
    }
}
