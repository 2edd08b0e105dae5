import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replay } from '../../src/app.ts';
import type { Config } from '../../src/config.ts';
import type { Alert } from '../../src/contracts.ts';
import type { LabelledSet } from './labelled-set.ts';
import { type Score, score } from './score.ts';

export interface Judged {
  readonly score: Score;
  readonly alerts: readonly Alert[];
}

/** Runs a set through the replay that people use, and scores what it says. `scratch` is for the data folder, which does not stay. */
export async function judge(set: LabelledSet, config: Config, scratch: string): Promise<Judged> {
  const data = join(scratch, 'data');
  const { book, received, stored, duplicate, failures, overflow } = await replay({
    paths: [set.log],
    data,
    config,
    format: undefined,
    restart: true,
    onProgress: () => {},
    warn: (message) => console.error(`  ${set.name}: ${message}`),
  });
  await rm(data, { recursive: true });
  if (received !== stored + duplicate)
    throw new Error(`the replay of ${set.name} lost records: ${received} received, ${stored} stored`);
  for (const [detector, message] of Object.entries(failures))
    throw new Error(`${detector} failed on ${set.name}: ${message}`);
  for (const [name, count] of Object.entries(overflow))
    if (count > 0) console.error(`  ${set.name}: ${count} times no place in ${name}`);
  return { score: score(book, set), alerts: book };
}
