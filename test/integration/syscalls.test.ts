import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { scanLog, temporaryFolder } from '../cli/run.ts';
import { shortRun } from './calls.ts';
import { type Outcome, simulated } from './kills.ts';
import { hasStrace, injecting, noting, type Point, pointsOf } from './rigs/strace.ts';

/** Points that are tried; can be raised for a release, to 100000 for all of them. */
const POINTS = Number(process.env.FLOWSENTRY_POINTS ?? 8);
const RECORDS = Number(process.env.FLOWSENTRY_POINT_RECORDS ?? 2400);

const root = temporaryFolder();
let lines: string[];
let whole: Outcome;
let points: Point[];

const ERRORS = ['EIO', 'ENOSPC', 'EROFS', 'EFBIG'] as const;
/** How they are called by Node, and by the engine. */
const SAID = {
  EIO: /EIO|input\/output error|fsync failed/i,
  ENOSPC: /ENOSPC|no space left/i,
  EROFS: /EROFS|read-only file system/i,
  EFBIG: /EFBIG|file too large/i,
} as const;

/** Files of one kind are counted together. */
const groupOf = (path: string): string =>
  path.startsWith('history/') || path.startsWith('state/') ? path.slice(0, path.indexOf('/')) : path;

/** Some of all points, spread by chance over calls and files. */
function sample(all: readonly Point[], count: number, seed: number): Point[] {
  const random = new Random(seed, 'points');
  const order = all.map((point) => ({ point, key: random.u32() }));
  return order
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ point }) => point);
}

const placeOf = ({ call, at, isMainThread, paths }: Point): string =>
  `${call} ${at} of ${paths
    .map((path) => path.slice(root.length))
    .join(', ')
    .slice(0, 80)}${isMainThread ? ', main thread' : ''}`;

describe.skipIf(!hasStrace())('a service that something happens to at a single system call', () => {
  const place = (): string => {
    const folder = join(root, 'turn');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    return folder;
  };

  beforeAll(async () => {
    const traffic = await simulated(root, RECORDS, 31, ['--hosts', '12', '--noise', '0.1']);
    lines = [...scanLog().trimEnd().split('\n'), ...traffic];
    const alone = await shortRun(join(root, 'whole'), lines);
    expect(alone.code).toBe(0);
    whole = await alone.finish();
    expect(whole.alerts).not.toEqual([]);
    expect(whole.windows).not.toEqual([[0, null]]);
    const file = join(root, 'calls.txt');
    const noted = await shortRun(place(), lines, noting(file));
    expect(noted.code).toBe(0);
    points = pointsOf(file, noted.pid, noted.data, groupOf);
    process.stderr.write(`${points.length} system calls that write\n`);
  });

  it('writes by calls of every kind, so that there is something to happen to', () => {
    const calls = new Set(points.map(({ call }) => call));
    for (const call of ['write', 'pwrite64', 'fsync', 'rename', 'unlink', 'mkdir'])
      expect(calls).toContain(call);
  });

  it('has everything exactly once when it was killed there', async () => {
    let fired = 0;
    for (const point of sample(points, POINTS, 1)) {
      const run = await shortRun(place(), lines, injecting(point, 'signal=SIGKILL'));
      if (run.signal === 'SIGKILL') fired++;
      else expect(run.code, placeOf(point)).toBe(0);
      expect(await run.finish().catch(String), placeOf(point)).toEqual(whole);
    }
    process.stderr.write(`killed at ${fired} of ${Math.min(POINTS, points.length)} calls\n`);
    expect(fired).toBeGreaterThan(Math.min(POINTS, points.length) * 0.7);
  });

  it('has everything exactly once when a call failed there, and goes on by itself or says what failed', async () => {
    let went = 0;
    const some = sample(points, POINTS, 2);
    for (const [i, point] of some.entries()) {
      const error = ERRORS[i % ERRORS.length]!;
      const run = await shortRun(place(), lines, injecting(point, `error=${error}`));
      expect([0, 1], placeOf(point)).toContain(run.code);
      if (run.code === 0) went++;
      // Node's recursive mkdir tells whatever went wrong in the middle as a folder that is missing.
      else if (point.call !== 'mkdir') expect(run.stderr, placeOf(point)).toMatch(SAID[error]);
      expect(await run.finish().catch(String), `${error} at ${placeOf(point)}`).toEqual(whole);
    }
    process.stderr.write(`went on by itself after ${went} of ${some.length} failures\n`);
  });

  it('has everything exactly once after calls of one kind failed for ever', async () => {
    for (const point of sample(points, Math.ceil(POINTS / 4), 3)) {
      const run = await shortRun(place(), lines, injecting(point, 'error=EIO', `${point.at}+`));
      expect([0, 1], placeOf(point)).toContain(run.code);
      expect(await run.finish().catch(String), `EIO from ${placeOf(point)} on`).toEqual(whole);
    }
  });
});
