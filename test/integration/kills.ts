import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { findDamaged } from '../../src/store/history/verify.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { flowsentry } from '../cli/run.ts';
import { holds, lists, startRun } from '../cli/service.ts';
import { rowsOf } from '../store/support.ts';

/**
 * Every so many services are left to store all there is: else what one that was killed had taken from a queue could wait for its listing
 * through so many short lives that it is late, and event time here goes a hundred times as fast as a clock.
 */
const CATCH_UP = 5;

/** How records get to a source, other than by us. */
export interface Feed {
  /** The source as a line of YAML, and settings beside `sources:`. */
  readonly source: string;
  readonly more?: string;
  put(lines: readonly string[]): Promise<void>;
}

export interface KillOptions {
  /** Folder of the test. */
  readonly root: string;
  readonly records: number;
  readonly kills: number;
  readonly seed: number;
  /** A service is killed after up to three checkpoints; when there is nothing for so many, after these milliseconds. */
  readonly within: number;
  /** Default: SIGKILL. With SIGTERM it has to end by itself, with 0. */
  readonly signal?: 'SIGKILL' | 'SIGTERM';
  /** A feed of its own for each service; `name` tells them apart. */
  feed(name: string, logs: string): Promise<Feed>;
}

export interface Killed {
  /** What the service has that was killed, and what one has that was left alone. */
  readonly killed: Outcome;
  readonly whole: Outcome;
  /** Checkpoints that were written before a kill. */
  readonly checkpoints: number;
  /** Milliseconds from a start to the first checkpoint, each time there was one, sorted. */
  readonly recoveries: readonly number[];
  /** Exit codes after the signal, and the milliseconds until then, sorted. */
  readonly codes: ReadonlySet<number | null>;
  readonly ends: readonly number[];
  /** Records that services counted as read before. */
  readonly repeated: number;
}

/** All that records become. */
export interface Outcome {
  readonly flows: unknown;
  readonly sessions: unknown;
  readonly windows: unknown;
  readonly alerts: unknown;
}

/** Records of a simulated day with attacks in it, in order of time; `more` options of `simulate`. */
export async function simulated(
  root: string,
  records: number,
  seed: number,
  more: readonly string[] = [],
): Promise<string[]> {
  const file = join(root, 'all.log');
  const { code, stderr } = await flowsentry([
    ...['simulate', '--records', String(records), '--seed', String(seed), '--no-header', '--out', file],
    ...['--scenario', 'port-scan@3m', ...more],
  ]);
  if (code !== 0) throw new Error(stderr);
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}

/**
 * Feeds the same records to a service that is left alone and to one that is killed at random points of its progress, each time somewhere else in what it does.
 */
export async function killed({
  signal = 'SIGKILL',
  root,
  records,
  kills,
  seed,
  within,
  feed,
}: KillOptions): Promise<Killed> {
  const lines = await simulated(root, records, seed);
  const alone = join(root, 'whole');
  const wholeFeed = await feed('whole', join(alone, 'logs'));
  const whole = startRun(alone, wholeFeed.source, wholeFeed.more);
  await wholeFeed.put(lines);
  await holds(whole.data, lines.length);
  if ((await whole.stop()) !== 0) throw new Error('the service that was left alone failed');

  const place = join(root, 'killed');
  mkdirSync(join(place, 'logs'), { recursive: true });
  const killedFeed = await feed('killed', join(place, 'logs'));
  const start = () => startRun(place, killedFeed.source, killedFeed.more);
  const random = new Random(seed, 'kills');
  const recoveries: number[] = [];
  const ends: number[] = [];
  const codes = new Set<number | null>();
  let checkpoints = 0;
  let repeated = 0;
  const at = (share: number): number => Math.floor((share * lines.length) / kills);
  for (let i = 0; i < kills; i++) {
    // It finds something to read at its start: else the time to its first checkpoint would be that of the next record.
    await killedFeed.put(lines.slice(at(i), at(i + 0.5)));
    const service = start();
    const isReading = signal === 'SIGTERM' || random.unit() < 0.9;
    if (isReading) await service.saying('running');
    const putting = killedFeed.put(lines.slice(at(i + 0.5), at(i + 1)));
    if (isReading) await checkpointed(service, random.int(4), within);
    if (isReading && i % CATCH_UP === CATCH_UP - 1) {
      await putting;
      await lists(service.data, at(i + 1));
    }
    await sleep(random.int(isReading ? 200 : 1000));
    const asked = performance.now();
    service.child.kill(signal);
    codes.add(await service.ended);
    ends.push(Math.round(performance.now() - asked));
    const written = service.logged().filter(isCheckpoint);
    checkpoints += written.length;
    repeated += Number(written.at(-1)?.duplicate ?? 0);
    recoveries.push(...service.recovery());
    await putting;
  }
  const service = start();
  await holds(service.data, lines.length);
  if ((await service.stop()) !== 0) throw new Error('the service that was killed failed in the end');
  return {
    killed: await outcomeOf(service.data),
    whole: await outcomeOf(whole.data),
    checkpoints,
    recoveries: recoveries.sort((a, b) => a - b),
    codes,
    ends: ends.sort((a, b) => a - b),
    repeated,
  };
}

/** Waits until the service has written so many checkpoints, or for some milliseconds: it writes none when it has all there is. */
async function checkpointed(
  { logged, child }: ReturnType<typeof startRun>,
  count: number,
  within: number,
): Promise<void> {
  const until = performance.now() + within;
  while (logged().filter(isCheckpoint).length < count && performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`ended by itself with ${child.exitCode}`);
    await sleep(10);
  }
}

const isCheckpoint = ({ message }: Record<string, unknown>): boolean => message === 'checkpoint written';

/** Tells what was measured to whoever runs the test: a figure on a shared machine decides nothing. */
export function report({ checkpoints, recoveries, ends }: Killed): void {
  const figures = (all: readonly number[]) =>
    `median ${all[all.length >> 1] ?? 0}, p99 ${all[Math.ceil(all.length * 0.99) - 1] ?? 0}`;
  process.stderr.write(
    `${checkpoints} checkpoints before kills; start to first checkpoint, ms: ${figures(recoveries)}; signal to end, ms: ${figures(ends)}\n`,
  );
}

/** What the history of a folder has; its files are as they were written. */
export async function outcomeOf(data: string): Promise<Outcome> {
  const manifest = await readManifest(data);
  expect(await findDamaged(data, manifest?.segments ?? [])).toEqual([]);
  const sum = (table: string) =>
    rowsOf(data, `SELECT count(*)::INT AS n, sum(hash(${table}))::VARCHAR AS rows FROM ${table}`);
  const [flows, sessions, windows] = [await sum('flows'), await sum('sessions'), await sum('windows')];
  return { flows, sessions, windows, alerts: manifest?.alerts };
}
