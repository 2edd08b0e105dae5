import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tableText } from '../src/cli/table.ts';
import { defaultConfig } from '../src/config.ts';
import { barsOf, type Measured } from './detection/bars.ts';
import { judge } from './detection/judge.ts';
import { readSet, setNames } from './detection/labelled-set.ts';
import { LOW, scenarioConfig, scenarios, simulateSet } from './detection/scenarios.ts';
import type { Score } from './detection/score.ts';

const USAGE = `usage: npm run bench:detection -- [--only NAME,…] [--sets FOLDER] [--json FILE] [--alerts FOLDER]
  --only     names of labelled sets and scenarios, or labelled, or scenarios; all without it
  --sets     where the labelled sets are (../shared/data/labelled)
  --json     what is measured, for machines (bench/results/detection.json)
  --alerts   keep the alerts of each set there, as <set>.jsonl`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    sets: { type: 'string', default: fileURLToPath(new URL('../../shared/data/labelled', import.meta.url)) },
    json: { type: 'string', default: fileURLToPath(new URL('./results/detection.json', import.meta.url)) },
    alerts: { type: 'string' },
  },
});
const names = await setNames(values.sets).catch((error: Error) => {
  console.error(`cannot read the labelled sets: ${error.message}\n${USAGE}`);
  process.exit(2);
});
const kinds = { labelled: names, scenarios: scenarios.map(({ name }) => name) };
const wanted = new Set(
  (values.only ?? 'labelled,scenarios')
    .split(',')
    .flatMap((name) => kinds[name as keyof typeof kinds] ?? [name]),
);
const unknown = [...wanted].filter((name) => !names.includes(name) && !kinds.scenarios.includes(name));
if (unknown.length > 0) {
  console.error(`no such set or scenario: ${unknown.join(', ')}\n${USAGE}`);
  process.exit(2);
}

/** Where the alerts of a set go, if somebody wants them. */
async function keep(set: string, alerts: readonly unknown[]): Promise<void> {
  if (values.alerts === undefined) return;
  await mkdir(values.alerts, { recursive: true });
  await writeFile(
    join(values.alerts, `${set}.jsonl`),
    alerts.map((alert) => `${JSON.stringify(alert)}\n`).join(''),
  );
}

const scratch = await mkdtemp(join(tmpdir(), 'flowsentry-detection-'));
const labelled: Measured[] = [];
const simulated: { readonly score: Score; readonly quiet: boolean }[] = [];
try {
  for (const name of names.filter((name) => wanted.has(name))) {
    console.error(`${name} …`);
    const set = await readSet(values.sets, name);
    const judged = await judge(set, defaultConfig(), scratch);
    await keep(name, judged.alerts);
    labelled.push({ ...judged, pairs: set.regularPairs, days: set.days });
  }
  const config = await scenarioConfig(scratch);
  for (const { name, quiet } of scenarios.filter(({ name }) => wanted.has(name))) {
    console.error(`${name} …`);
    const set = await simulateSet(name, quiet, scratch);
    const judged = await judge(set, config, scratch);
    await keep(name, judged.alerts);
    await rm(set.log);
    simulated.push({ score: judged.score, quiet });
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

const bars = barsOf(labelled);
const scores = [...labelled, ...simulated].map(({ score }) => score);
console.log(
  tableText(
    [
      'set',
      'host-days',
      'alerts',
      'paging',
      'true',
      'false',
      'unlabelled',
      'false/host-day',
      'found by paging',
      'true by',
      'false by',
    ],
    scores.map((score) => [
      score.set,
      score.hostDays.toFixed(1),
      ...[score.alerts, score.paging, score.true, score.false, score.unlabelled].map(String),
      score.falsePerHostDay.toFixed(3),
      Object.entries(score.found)
        .map(([type, { found, of }]) => `${type} ${found}/${of}`)
        .join(', '),
      counted(score.trueBy),
      counted(score.falseBy),
    ]),
    [1, 2, 3, 4, 5, 6, 7],
  ),
);
if (bars.length > 0)
  console.log(
    `\n${tableText(
      ['', 'what', 'figure', 'must be', 'others'],
      bars.map((bar) => [bar.reached ? 'yes' : 'no', bar.what, bar.figure, bar.mustBe, bar.others]),
    )}`,
  );
const attacks = simulated.filter(({ quiet }) => !quiet);
const told = attacks.filter(({ score }) => LOW.has(score.set) && score.true === 0 && score.seen > 0);
const missed = attacks.filter((attack) => attack.score.true === 0 && !told.includes(attack));
const loud = simulated.filter(({ quiet, score }) => quiet && score.paging > 0);
if (simulated.length > 0) {
  const paged = attacks.length - told.length - missed.length;
  console.log(`\nscenarios found: ${paged} of ${attacks.length} by a page, ${told.length} that page nobody`);
  if (missed.length > 0) console.log(`not found: ${namesOf(missed)}`);
  console.log(loud.length > 0 ? `should be quiet: ${namesOf(loud)}` : 'quiet ones are quiet');
}
await mkdir(dirname(values.json), { recursive: true });
const summary = { bars, scores, missed: missed.map(nameOf), loud: loud.map(nameOf) };
await writeFile(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);

function nameOf({ score }: { readonly score: Score }): string {
  return score.set;
}

function namesOf(judged: readonly { readonly score: Score }[]): string {
  return judged.map(nameOf).join(', ');
}

/** `port-scan 3, beacon 1`. */
function counted(by: Readonly<Record<string, number>>): string {
  return Object.entries(by)
    .map(([detector, count]) => `${detector} ${count}`)
    .join(', ');
}
