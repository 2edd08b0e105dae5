import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReplayOptions, type ReplaySummary, replay } from '../src/app.ts';
import { type BaselineOptions, buildBaseline, readBaselines } from '../src/baseline.ts';
import { type Config, parseConfig } from '../src/config.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';
import { claimDataFolder } from '../src/store/data-folder.ts';
import { readManifest } from '../src/store/manifest/manifest.ts';

const EGRESS = 'unexpected-egress';
const config = (options: string): Config => parseConfig(`detectors: {${EGRESS}: ${options}}\n`, 'x.yaml');
const off = config('{mode: off}');
/** Needs two hours of what came before. */
const on = config('{learnDays: 0.085}');

let folder: string;
/** Two and a half hours, and the half hour after them. */
let before: string;
let after: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-baseline-'));
  const log = join(folder, 'traffic.log');
  await simulateToFile({
    ...{ hours: 3, hosts: 10, seed: 3, out: log },
    scenarios: ['unexpected-egress@165m'],
  });
  const [header = '', ...lines] = (await readFile(log, 'utf8')).trimEnd().split('\n');
  const end = header.split(' ').indexOf('end');
  const timeOf = (line: string): number => Number(line.split(' ')[end]);
  const cut = lines.reduce((least, line) => Math.min(least, timeOf(line)), Number.POSITIVE_INFINITY) + 9000;
  const part = async (name: string, mine: (time: number) => boolean): Promise<string> => {
    const path = join(folder, name);
    const kept = lines.filter((line) => mine(timeOf(line)));
    await writeFile(path, `${[header, ...kept].join('\n')}\n`);
    return path;
  };
  before = await part('before.log', (time) => time < cut);
  after = await part('after.log', (time) => time >= cut + 120);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
const fresh = (): string => join(folder, `data-${count++}`);
const run = (data: string, path: string, settings: Config, more: Partial<ReplayOptions> = {}) =>
  replay({
    ...{ paths: [path], data, config: settings, format: undefined, restart: false },
    ...{ onProgress() {}, warn() {} },
    ...more,
  });
const build = (data: string, more: Partial<BaselineOptions> = {}) =>
  buildBaseline({
    ...{ data, config: on, detectors: [EGRESS], from: undefined },
    ...{ warn() {}, onProgress() {} },
    ...more,
  });
const told = ({ book }: ReplaySummary) =>
  book.filter(({ detector }) => detector === EGRESS).map(({ explanation: _, ...alert }) => alert);

describe('a baseline from the history', () => {
  it('makes a detector that was off find what it finds when it was on all the time', async () => {
    const always = fresh();
    await run(always, before, on);
    const expected = told(await run(always, after, on));
    expect(expected.length).toBeGreaterThan(0);

    const never = fresh();
    await run(never, before, off);
    expect(told(await run(never, after, on))).toEqual([]);

    const built = fresh();
    await run(built, before, off);
    const result = await build(built);
    expect(result.records).toBeGreaterThan(10_000);
    expect(result.to - result.from).toBeGreaterThan(8900);
    expect(told(await run(built, after, on))).toEqual(expected);
  });

  it('changes nothing else of the state', async () => {
    const data = fresh();
    await run(data, before, on);
    const first = await readManifest(data);
    await build(data);
    const second = await readManifest(data);
    expect(second?.witness?.seq).toBe((first?.witness?.seq ?? 0) + 1);
    expect({ ...second, witness: undefined }).toEqual({ ...first, witness: undefined });
    expect(second?.witness?.positions).toEqual(first?.witness?.positions);
    // The same file is read on from its end: nothing of it is new.
    expect(await run(data, before, on)).toMatchObject({ stored: 0, rejected: 0 });
  });

  it('is shown by role', async () => {
    const data = fresh();
    await run(data, before, off);
    await build(data);
    const [egress] = (await readBaselines(on, data, () => {})).filter(({ detector }) => detector === EGRESS);
    expect(egress?.bytes).toBeGreaterThan(0);
    expect(egress?.learnt.length).toBeGreaterThan(2);
    for (const { about, since, counts } of egress?.learnt ?? []) {
      expect(about).toMatch(/^role 10\.|^role [\da-f:]+\/64$/);
      expect(since).toBeGreaterThan(0);
      expect(counts.subjects).toBeGreaterThan(0);
    }
  });

  it('waits for whoever holds the folder to let it go, and needs a history', async () => {
    const data = fresh();
    await expect(build(data)).rejects.toThrow(/no closed minute/);
    const held = await claimDataFolder(data);
    await expect(build(data)).rejects.toThrow(/in use|another|lock/i);
    await held.release();
  });
});
