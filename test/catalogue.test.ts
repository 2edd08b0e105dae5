import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectors } from '../detectors/index.ts';
import { Dictionary } from '../src/columns/dictionary.ts';
import { createFlowBatch } from '../src/columns/flow-batch.ts';
import { loadConfig } from '../src/config.ts';
import { type Emit, type Finding, SEVERITIES, type Severity } from '../src/contracts.ts';
import { createJudges } from '../src/judges.ts';
import { decodeChunks } from '../src/parse/decode.ts';
import { createScopes } from '../src/reference/scopes.ts';
import { Rollup } from '../src/rollup/rollup.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';

const page = await readFile(new URL('../docs/detectors.md', import.meta.url), 'utf8');
/** Rows of the page's first table: finding type, detector, scenario, severity, seconds. */
const rows = [...page.matchAll(/^\| (\w+:EC2\/\S+) \| (\S+) \| (\S+) \| (\w+) \| (\d+) \|$/gm)].map(
  ([, type = '', detector = '', scenario = '', severity = '', within = '']) => ({
    type,
    detector,
    scenario,
    severity: severity as Severity,
    within: Number(within),
  }),
);
/** 2026-01-05 23:20 UTC: peaks are learnt by the day, so that an hour before the attack a day must end. */
const START = 1_767_655_200;
const BEGIN = START + 3600;
/** A capture window of a minute, and the step in which it is judged. */
const VISIBLE = 120;

/** What the owner of this network would say, and learning that is over when the attack begins. */
const CONFIG = `network: { internal: ["2600:1f18::/32"] }
feeds:
  - { name: listed, file: feed.txt, category: command-and-control }
  - { name: relays, file: relays.txt, category: tor }
  - { name: pools, file: pools.txt, category: crypto-mining }
roles: { batch: [10.0.40.0/23, "2600:1f18:a:28::/63"] }
detectors:
  unexpected-egress: { learnDays: 0.02 }
  volume-spike: { learnDays: 0.02 }
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-catalogue-'));
  await writeFile(join(folder, 'flowsentry.yaml'), CONFIG);
  await writeFile(join(folder, 'feed.txt'), '198.51.100.23\n2001:db8:23::17\n');
  await writeFile(
    join(folder, 'relays.txt'),
    '198.51.100.200/29\n198.51.100.208/29\n198.51.100.216\n2001:db8:c9::/64\n',
  );
  await writeFile(join(folder, 'pools.txt'), '198.51.100.240\n2001:db8:f0::1\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A finding, and the end of the step in which it was made. */
interface Sight {
  readonly detector: string;
  readonly finding: Finding;
  readonly at: number;
}

/** Plays a scenario in both address families at once: what is found, by whom and when, and each attack's two ends. */
async function play(scenario: string): Promise<{ sights: Sight[]; attacks: { src: string; dst: string }[] }> {
  const log = join(folder, `${scenario}.log.gz`);
  const truth = join(folder, `${scenario}.csv`);
  await simulateToFile({
    hours: 2,
    hosts: 16,
    rate: 0.1,
    seed: 11,
    start: new Date(START * 1000).toISOString(),
    scenarios: [`${scenario}@1h`, `${scenario}-ipv6@1h`],
    out: log,
    truth,
  });
  const names = new Dictionary();
  const config = await loadConfig(join(folder, 'flowsentry.yaml'));
  const judges = await createJudges(config, names, folder, () => {});
  const sights: Sight[] = [];
  const emitAt =
    (detector: string, at: number): Emit =>
    (finding) =>
      sights.push({ detector, finding, at });
  const rollup = new Rollup(
    {
      names,
      scopeOf: createScopes({ internal: config.network.internal }),
      lateness: config.ingest.lateness,
      maxFlows: config.ingest.maxFlows,
      holdFlows: 1 << 18,
      maxSessions: config.ingest.maxSessions,
      maxWindowKeys: config.ingest.maxWindowKeys,
      windows: judges.flatMap((judge) => judge.windows),
    },
    {
      step(step) {
        for (const { detector, instance } of judges) instance.step?.(step, emitAt(detector, step.end));
      },
      window(window) {
        const { start, size, key } = window;
        for (const { detector, instance, windows } of judges)
          if (windows.some((demand) => demand.size === size && demand.key === key))
            instance.window?.(window, emitAt(detector, start + size));
      },
      late() {},
    },
  );
  async function* text(): AsyncGenerator<Uint8Array> {
    yield gunzipSync(await readFile(log));
  }
  const options = { source: log, names, batchRows: 4096, newBatch: createFlowBatch, skip: 0, warn: () => {} };
  for await (const { batch } of decodeChunks(text(), options)) if (batch !== undefined) rollup.add(batch);
  rollup.finish();
  const attacks = (await readFile(truth, 'utf8')).trim().split('\n').slice(1);
  return {
    sights,
    attacks: attacks.map((row) => {
      const [, src = '', dst = ''] = row.split(',');
      return { src, dst };
    }),
  };
}

const isAtLeast = (severity: Severity, least: Severity): boolean =>
  SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least);

describe('the catalogue', () => {
  it('has every finding type of GuardDuty that comes from flow logs, once for each detector', () => {
    expect(new Set(rows.map(({ type }) => type)).size).toBe(25);
    expect(new Set(rows.map(({ type, detector }) => `${type} ${detector}`)).size).toBe(rows.length);
  });

  it('names only detectors that ship', () => {
    const named = new Set([...page.matchAll(/^\|[^|\n]*\| ([a-z]+(?:-[a-z]+)*) \|/gm)].map(([, id]) => id));
    named.delete('detector');
    for (const id of named) expect(detectors.map((detector) => detector.id)).toContain(id);
    for (const { detector } of rows) expect(named).toContain(detector);
  });

  const kinds = new Map(
    rows.map((row) => [`${row.detector} ${row.scenario} ${row.severity} ${row.within}`, row]),
  );
  it.each([...kinds.values()])(
    '$type: $detector finds $scenario in IPv4 and IPv6, in time',
    async ({ detector, scenario, severity, within }) => {
      const { sights, attacks } = await play(scenario);

      const ours = [...new Set(attacks.map(({ src }) => src)), ...new Set(attacks.map(({ dst }) => dst))];
      for (const family of [false, true]) {
        const ends = ours.filter((address) => address.includes(':') === family);
        expect(ends.length).toBeGreaterThan(1);
        const found = sights.filter(
          (sight) =>
            sight.detector === detector &&
            isAtLeast(sight.finding.severity, severity) &&
            ends.includes(sight.finding.subject),
        );
        const all = JSON.stringify(
          sights.map((sight) => [
            sight.detector,
            sight.finding.severity,
            sight.finding.title,
            sight.at - BEGIN,
          ]),
        );
        expect(found.length, all).toBeGreaterThan(0);
        expect(Math.min(...found.map(({ at }) => at)) - BEGIN, all).toBeLessThanOrEqual(within + VISIBLE);
      }
    },
  );
});
