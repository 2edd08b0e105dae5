import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { defaultConfig } from '../src/config.ts';
import { type Engine, openEngine } from '../src/engine.ts';
import type { FeedsInUse } from '../src/feeds-in-use.ts';
import { emptyTotals } from '../src/pipeline.ts';
import type { HistoryLoss } from '../src/store/history/verify.ts';
import { readManifest } from '../src/store/manifest/manifest.ts';
import { createMaintenance } from '../src/upkeep.ts';
import { flowBatchOf, plainFlow, V2 } from './store/literals.ts';
import { rowsOf, temporaryFolder } from './store/support.ts';

const START = 1_767_225_600;
const PORTS = 'SELECT dstport FROM flows ORDER BY ALL';

async function open(
  data: string,
  losses: HistoryLoss[] = [],
  config = defaultConfig(),
  warnings: string[] = [],
): Promise<Engine> {
  const common = { data, config, holdFlows: 0, restart: false };
  const warn = (message: string) => warnings.push(message);
  return openEngine({ ...common, warn, lost: (loss) => losses.push(loss) });
}

/** A checkpoint with one record, to a port of its own. */
async function store(engine: Engine, port: number, end = START): Promise<void> {
  const row = { ...plainFlow('10.0.0.1', '10.0.0.2', end, 1), dport: port, extra: [] };
  await engine.stages.history.appendFlows(flowBatchOf([row], V2, engine.names));
  await engine.checkpoint(emptyTotals());
}

const flowsOf = async (data: string) =>
  ((await readManifest(data))?.segments ?? []).filter(({ table }) => table === 'flows');

const never = () => false;

const filesOf = (data: string): string[] =>
  readdirSync(join(data, 'history'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.parquet'),
  );

describe('maintenance of a history that grows', () => {
  it('merges what was there when it began, and keeps what comes meanwhile', async () => {
    const data = temporaryFolder();
    const engine = await open(data);
    for (const port of [1, 2, 3, 4, 5]) await store(engine, port);
    const prepared = engine.prepareMaintenance();
    for (const port of [6, 7]) await store(engine, port);
    const carryOut = await prepared;
    expect(await flowsOf(data)).toHaveLength(7);
    await carryOut();
    expect((await flowsOf(data)).map(({ rows }) => rows).sort()).toEqual([1, 1, 5]);
    await store(engine, 8);
    await engine[Symbol.asyncDispose]();
    const again = await open(data);
    await again[Symbol.asyncDispose]();
    expect(await rowsOf(data, PORTS)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((port) => [port]));
    expect(filesOf(data)).toHaveLength(4);
  });

  it('gives up when the service ends, and nothing of it stays', async () => {
    const data = temporaryFolder();
    const engine = await open(data);
    for (const port of [1, 2, 3, 4]) await store(engine, port);
    const prepared = engine.prepareMaintenance();
    const refused = expect(prepared).rejects.toThrow(/abort/);
    await engine[Symbol.asyncDispose]();
    await refused;
    const again = await open(data);
    await again[Symbol.asyncDispose]();
    expect(await rowsOf(data, PORTS)).toEqual([[1], [2], [3], [4]]);
    expect(filesOf(data)).toHaveLength(4);
  });

  it('puts a damaged file aside and merges the others', async () => {
    const data = temporaryFolder();
    const losses: HistoryLoss[] = [];
    const engine = await open(data, losses);
    for (const port of [1, 2, 3, 4, 5]) await store(engine, port);
    const file = join(data, (await flowsOf(data))[2]!.path);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    const carryOut = await engine.prepareMaintenance();
    expect(losses).toEqual([]);
    await carryOut();
    expect(losses).toMatchObject([{ files: 1, rows: { flows: 1 } }]);
    expect((await flowsOf(data)).map(({ rows }) => rows)).toEqual([4]);
    await engine[Symbol.asyncDispose]();
    expect(await rowsOf(data, PORTS)).toEqual([[1], [2], [4], [5]]);
  });

  it('drops what is older than the retention, and no more for records of the future or a clock that leaps', async () => {
    const day = 86_400;
    const now = START + 100 * day;
    vi.useFakeTimers({ toFake: ['Date'], now: now * 1000 });
    onTestFinished(() => void vi.useRealTimers());
    const data = temporaryFolder();
    const history = { ...defaultConfig().history, retention: 30 * day };
    const engine = await open(data, [], { ...defaultConfig(), history });
    for (const [port, age] of [60, 31, 29, 1].entries()) await store(engine, port, now - age * day);
    const read = (end: number): void => {
      const rows = Array.from({ length: 100 }, (_, i) => plainFlow('10.0.0.1', '10.0.0.2', end + i, 1));
      engine.stages.rollup.add(
        flowBatchOf(
          rows.map((row) => ({ ...row, extra: [] })),
          V2,
          engine.names,
        ),
        'a:',
      );
    };
    const kept = async () => {
      await (await engine.prepareMaintenance())();
      return (await rowsOf(data, PORTS)).flat();
    };
    expect(await kept()).toEqual([0, 1, 2, 3]);
    read(now - 10 * day);
    vi.setSystemTime(4_102_444_800_000);
    expect(await kept()).toEqual([1, 2, 3]);
    vi.setSystemTime(now * 1000);
    read(4_102_444_800);
    expect(await kept()).toEqual([2, 3]);
    await engine[Symbol.asyncDispose]();
  });

  it('drops what is older than the retention also when nothing can be merged, and says why', async () => {
    const data = temporaryFolder();
    const history = { ...defaultConfig().history, retention: 3600 };
    const warnings: string[] = [];
    const engine = await open(data, [], { ...defaultConfig(), history }, warnings);
    await store(engine, 0, START - 86_400);
    for (const port of [1, 2, 3, 4]) await store(engine, port);
    engine.stages.rollup.add(
      flowBatchOf(
        Array.from({ length: 100 }, () => ({ ...plainFlow('10.0.0.1', '10.0.0.2', START, 1), extra: [] })),
        V2,
        engine.names,
      ),
      'a:',
    );
    const staging = join(data, 'history/.staging');
    rmSync(staging, { recursive: true });
    writeFileSync(staging, '');
    await (await engine.prepareMaintenance())();
    const start = 'small files of the history are not merged yet: ';
    expect(warnings).toEqual([expect.stringContaining(`${start}4 files of history/flows`)]);
    expect(await rowsOf(data, PORTS)).toEqual([[1], [2], [3], [4]]);

    const { execPath } = process;
    process.execPath = '/nowhere';
    onTestFinished(() => {
      process.execPath = execPath;
    });
    await (await engine.prepareMaintenance())();
    expect(warnings.slice(1)).toEqual([expect.stringContaining(`${start}spawn /nowhere ENOENT`)]);
    expect(await flowsOf(data)).toHaveLength(4);
    await engine[Symbol.asyncDispose]();
  });

  it('merges all but sessions while a hunt in them is pending, and drops what is too old', async () => {
    const data = temporaryFolder();
    const history = { ...defaultConfig().history, retention: 86_400 };
    const engine = await open(data, [], { ...defaultConfig(), history });
    await store(engine, 0, START - 2 * 86_400);
    for (let minute = 0; minute < 40; minute += 5) {
      const rows = Array.from({ length: 100 }, (_, i) => ({
        ...plainFlow('10.0.0.1', '10.0.0.2', START + minute * 60, 1),
        ...{ sport: 1000 + minute * 100 + i, extra: [] },
      }));
      engine.stages.rollup.add(flowBatchOf(rows, V2, engine.names), 'a:');
      await store(engine, minute, START + minute);
    }
    const of = async (table: string) =>
      ((await readManifest(data))?.segments ?? []).filter((segment) => segment.table === table).length;
    const sessions = await of('sessions');
    expect([sessions > 3, await of('flows')]).toEqual([true, 9]);
    const feeds = engine.feeds as FeedsInUse;
    const hunt = { feed: 'a', version: '1', networks: 1, at: START, upTo: 1 };
    feeds.hunt(hunt);
    await (await engine.prepareMaintenance())();
    expect([await of('sessions'), await of('flows')]).toEqual([sessions, 1]);
    feeds.hunted(hunt);
    await (await engine.prepareMaintenance())();
    expect(await of('sessions')).toBe(1);
    await engine[Symbol.asyncDispose]();
  });
});

describe('maintenance of a service', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('begins after a while and is carried out after a later checkpoint, again and again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const done: string[] = [];
    const maintain = createMaintenance(async () => {
      done.push('prepared');
      return async () => {
        done.push('carried out');
      };
    }, never);
    await maintain();
    expect(done).toEqual([]);
    for (const turn of [1, 2]) {
      vi.advanceTimersByTime(600_000);
      await maintain();
      expect(done.at(-1)).toBe('prepared');
      await maintain();
      expect(done).toHaveLength(2 * turn);
    }
  });

  it('begins at once where room is short, and makes no second copy of anything then', async () => {
    const asked: (boolean | undefined)[] = [];
    const maintain = createMaintenance(
      async (merges) => {
        asked.push(merges);
        return async () => {};
      },
      () => asked.length < 2,
    );
    for (let checkpoint = 0; checkpoint < 4; checkpoint++) await maintain();
    expect(asked).toEqual([false, false]);
  });

  it('fails at the checkpoint after what failed', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const maintain = createMaintenance(() => Promise.reject(new Error('no space left')), never);
    vi.advanceTimersByTime(600_000);
    await maintain();
    await expect(maintain()).rejects.toThrow('no space left');
  });
});
