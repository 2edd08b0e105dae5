import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { readManifest } from '../../src/store/manifest.ts';
import { findDamaged } from '../../src/store/verify.ts';
import { flowsentry } from '../cli/run.ts';
import { holds, startRun } from '../cli/service.ts';
import { rowsOf } from '../store/support.ts';

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
  /** Milliseconds after which a service that reads is killed, at most. */
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
 * Feeds the same records to a service that is left alone and to one that is killed at random moments, each time somewhere else in what it does.
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
  const killedFeed = await feed('killed', join(place, 'logs'));
  const start = () => startRun(place, killedFeed.source, killedFeed.more);
  const random = new Random(seed, 'kills');
  const recoveries: number[] = [];
  const ends: number[] = [];
  const codes = new Set<number | null>();
  let checkpoints = 0;
  let repeated = 0;
  let service = start();
  for (let i = 0; i < kills; i++) {
    const from = Math.floor((i * lines.length) / kills);
    const to = Math.floor(((i + 1) * lines.length) / kills);
    await killedFeed.put(lines.slice(from, to));
    // From before it is up to after a few checkpoints.
    if (signal === 'SIGTERM' || random.unit() < 0.9) await service.saying('running');
    await sleep(random.int(within));
    const asked = performance.now();
    service.child.kill(signal);
    codes.add(await service.ended);
    ends.push(Math.round(performance.now() - asked));
    const written = service.logged().filter(({ message }) => message === 'checkpoint written');
    checkpoints += written.length;
    repeated += Number(written.at(-1)?.duplicate ?? 0);
    recoveries.push(...service.recovery());
    service = start();
  }
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
