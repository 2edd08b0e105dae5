import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectors } from '../detectors/index.ts';
import { replay } from '../src/app.ts';
import { backtest } from '../src/backtest.ts';
import { type Config, loadConfig } from '../src/config.ts';
import { choiceOf } from '../src/interest.ts';
import { createScopes } from '../src/reference/scopes.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';
import { plainContext } from './rows.ts';

const samples = join(import.meta.dirname, '../sample-logs');
const choosy = detectors.filter(({ interest }) => interest !== undefined).map(({ id }) => id);
let folder: string;
let config: Config;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-interest-'));
  config = await loadConfig(join(samples, 'flowsentry.yaml'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function stored(name: string, paths: readonly string[]): Promise<string> {
  const data = join(folder, name);
  await replay({
    ...{ paths, data, config, format: undefined, restart: false },
    onProgress: () => {},
    warn: () => {},
  });
  return data;
}

async function both(data: string, ids: readonly string[], more: object = {}) {
  const test = (whole: boolean) =>
    backtest({
      ...{ data, config, changed: undefined, detectors: ids, from: undefined, to: undefined },
      ...{ warmUp: undefined, whole, warn: () => {}, onProgress: () => {}, ...more },
    });
  const [chosen, whole] = [await test(false), await test(true)];
  // What they take is not what they find.
  return [chosen, whole].map((result) => ({ ...result, seconds: 0 }));
}

describe('a backtest of what a detector looks at', () => {
  it.each(choosy)('finds for %s what it finds in everything, in its samples', async (id) => {
    const own = (await readdir(samples)).filter((name) => name.startsWith(`${id}-`) && name.endsWith('.log'));
    let alerts = 0;
    for (const name of own) {
      const [chosen, whole] = await both(await stored(name, [join(samples, name)]), [id]);
      expect(chosen).toEqual(whole);
      alerts += chosen!.tried.alerts.length;
    }
    expect(alerts).toBeGreaterThan(0);
  });

  it('finds the same for all of them together, and with other parameters, in hours of traffic', async () => {
    const log = join(folder, 'traffic.log.gz');
    const scenarios = ['ssh-brute-force', 'dns-bypass', 'first-smtp', 'internal-sweep', 'port-scan'];
    await simulateToFile({ hours: 6, hosts: 12, seed: 11, out: log, scenarios });
    const data = await stored('traffic', [log]);

    const [chosen, whole] = await both(data, choosy);
    expect(chosen).toEqual(whole);
    expect(whole!.tried.alerts.length).toBeGreaterThan(0);
    expect(whole!.tried.openings.length).toBeGreaterThan(0);

    const path = ['detectors', 'brute-force', 'ports', 'ssh'];
    const changed = await loadConfig(join(samples, 'flowsentry.yaml'), [{ path, value: [2222] }]);
    const from = whole!.from + 3600;
    const [less, all] = await both(data, ['brute-force'], { changed, from, warmUp: 1800 });
    expect(less).toEqual(all);
    expect(all!.tried.alerts).not.toEqual(all!.running!.alerts);
  });

  it('shows everything as soon as one detector has to see it', () => {
    const scopeOf = createScopes({ internal: [] });
    const context = { scopeOf, indicators: plainContext().indicators };
    expect(choiceOf([{ ports: [22] }, undefined], context)).toBeUndefined();
    expect(choiceOf([{ ports: [22] }, { ports: [22, 23], protocols: [47] }], context)).toEqual({
      ...{ ports: [22, 23], protocols: [47], has: undefined },
    });
    const own = new Uint32Array([0, 0, 0xffff, 0x0a000001]);
    const other = new Uint32Array([0, 0, 0xffff, 0x08080808]);
    const { has } = choiceOf([{ networks: ['10.0.0.0/8'] }, { listed: true }], context)!;
    expect([has!(own, 0), has!(other, 0)]).toEqual([true, false]);
    const { has: isOutside } = choiceOf([{ outside: true }], context)!;
    expect([isOutside!(own, 0), isOutside!(other, 0)]).toEqual([false, true]);
  });
});
