import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Dictionary } from '../src/columns/dictionary.ts';
import { createFlowBatch, type FlowBatch } from '../src/columns/flow-batch.ts';
import { decodeChunks } from '../src/parse/decode.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';
import type { Setting } from './measure.ts';

const SEED = 1;
/** Records of the hot loops: beyond the caches, and a pass is done in a second. */
const LOOP_RECORDS = 1_000_000;
const CHUNK_BYTES = 1 << 20;
const BATCH_ROWS = 16_384;

/** A generated gz file of exactly `records` records; made once for a seed and format. */
export async function generated(
  { cache, progress }: Setting,
  records: number,
  format?: string,
): Promise<string> {
  const kind = format === undefined ? '' : '-custom';
  const path = join(cache, `records-${records}-seed-${SEED}${kind}.log.gz`);
  if (existsSync(path)) return path;
  progress(`generating ${records} records`);
  const partial = join(cache, `partial-${process.pid}.log.gz`);
  await simulateToFile({ records, seed: SEED, out: partial, format });
  await rename(partial, path);
  return path;
}

export function loopRecords({ records }: Setting): number {
  return Math.min(records, LOOP_RECORDS);
}

/** The uncompressed text for a hot loop, in chunks as the reader gets them. */
export async function textChunks(setting: Setting, format?: string): Promise<Uint8Array[]> {
  const text = gunzipSync(await readFile(await generated(setting, loopRecords(setting), format)));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += CHUNK_BYTES) chunks.push(text.subarray(at, at + CHUNK_BYTES));
  return chunks;
}

/** Parses chunks into batches, which `take` gets. */
export async function parse(
  chunks: readonly Uint8Array[],
  names: Dictionary,
  take: (batch: FlowBatch) => void,
  newBatch = createFlowBatch,
): Promise<void> {
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const options = { source: 'bench', names, batchRows: BATCH_ROWS, newBatch, skip: 0, warn: () => {} };
  for await (const { batch } of decodeChunks(all(), options)) if (batch !== undefined) take(batch);
}

/** The records of a hot loop as batches. */
export async function batches(setting: Setting): Promise<{ names: Dictionary; batches: FlowBatch[] }> {
  const names = new Dictionary();
  const all: FlowBatch[] = [];
  await parse(await textChunks(setting), names, (batch) => all.push(batch));
  return { names, batches: all };
}
