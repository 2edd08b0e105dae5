import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { benchEndToEnd } from './end-to-end.ts';
import { benchGunzip } from './gunzip.ts';
import { benchJudging } from './judging.ts';
import { benchKeyTable } from './key-table.ts';
import type { Bench, Measure } from './measure.ts';
import { benchParse } from './parse.ts';
import { benchPrefixTrie } from './prefix-trie.ts';
import { benchSealing } from './sealing.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  parse: benchParse,
  gunzip: benchGunzip,
  judging: benchJudging,
  sealing: benchSealing,
  feeds: benchPrefixTrie,
  'key-table': benchKeyTable,
  'end-to-end': benchEndToEnd,
};

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '5000000' },
    json: { type: 'string', default: fileURLToPath(new URL('./results/latest.json', import.meta.url)) },
    only: { type: 'string' },
  },
});
const records = Number(values.records);
const wanted = values.only === undefined ? Object.keys(BENCHES) : values.only.split(',');
const unknown = wanted.filter((name) => BENCHES[name] === undefined);
if (unknown.length > 0 || !Number.isSafeInteger(records) || records < 1) {
  console.error(`usage: npm run bench -- [--records N] [--json FILE] [--only ${Object.keys(BENCHES)}]`);
  process.exit(2);
}

const cache = join(tmpdir(), 'flowsentry-bench');
await mkdir(cache, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), 'flowsentry-bench-run-'));
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
};
const measures: Measure[] = [];
try {
  for (const name of wanted) {
    console.error(`${name} …`);
    const progress = (message: string): void => console.error(`  ${message}`);
    measures.push(...(await BENCHES[name]!({ records, cache, scratch, progress })));
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

const table = new Table({
  head: ['bench', 'what', 'figure', 'unit', 'must be'],
  colAligns: ['left', 'left', 'right', 'left', 'left'],
  style: { head: [], border: [], compact: true },
});
for (const { bench, name, value, unit, target } of measures)
  table.push([bench, name, shown(value), unit, target ?? '']);
console.log(
  `${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${machine.node}, ${machine.platform}`,
);
console.log(table.toString());
await mkdir(dirname(values.json), { recursive: true });
await writeFile(
  values.json,
  `${JSON.stringify({ at: new Date().toISOString(), machine, records, measures }, undefined, 2)}\n`,
);

function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
}
