import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadIndicators } from '../src/reference/feeds/indicators.ts';
import { type Bench, medianOf, nsPerRecord } from './measure.ts';

const PREFIXES = 1_000_000;
const PROBES = 1_000_000;

/** A feed of a million networks: read, then asked. Every other address that is asked for is listed. */
export const benchPrefixTrie: Bench = async ({ scratch }) => {
  const file = join(scratch, 'million.txt');
  const lines: string[] = [];
  const addresses = new Uint32Array(PROBES * 4);
  for (let i = 0; i < PREFIXES; i++) {
    // Odd constant: distinct for all i; /25 to /32 in 100 to 107.x, where nothing is reserved but 100.64.0.0/10.
    const word = (0x65000000 + ((Math.imul(i, 0x9e3779b1) >>> 0) % 0x07000000)) >>> 0;
    const length = 25 + (i % 8);
    lines.push(`${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}/${length}`);
    addresses[i * 4 + 2] = 0xffff;
    addresses[i * 4 + 3] = (i & 1) === 0 ? word : (word ^ 0x80000000) >>> 0;
  }
  const spread = addresses.slice();
  for (let i = 0; i < PROBES; i++)
    spread[i * 4 + 3] = addresses[((Math.imul(i, 0x85ebca6b) >>> 0) % PROBES) * 4 + 3]!;
  await writeFile(file, `${lines.join('\n')}\n`);
  const began = performance.now();
  const feeds = [{ name: 'million', file }];
  const { indicators, problems } = await loadIndicators({ feeds, allow: [], internal: [] });
  const seconds = (performance.now() - began) / 1000;
  if (problems.length > 0) throw new Error(problems.join('; '));
  let listed = 0;
  const value = await medianOf(5, () =>
    nsPerRecord(PROBES, () => {
      listed = 0;
      for (let i = 0; i < PROBES; i++) if (indicators.match(spread, i * 4) !== undefined) listed++;
    }),
  );
  if (listed === 0) throw new Error('no address matched');
  return [
    { bench: 'feeds', name: `load ${indicators.size} networks`, value: seconds, unit: 's', target: '≤ 5' },
    { bench: 'feeds', name: 'match', value, unit: 'ns/record', target: '≤ 500' },
  ];
};
