import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type SimulateOptions, type SimulateResult, simulateToFile } from '../../src/simulate/simulate.ts';

export interface Simulated extends SimulateResult {
  readonly text: string;
  readonly truth: string;
}

/** Runs a simulation into a temporary file and reads it back. */
export async function simulated(options: Partial<SimulateOptions>, file = 'out.log'): Promise<Simulated> {
  const folder = mkdtempSync(join(tmpdir(), 'flowsentry-simulate-'));
  try {
    const out = join(folder, file);
    const truth = join(folder, 'truth.csv');
    const result = await simulateToFile({ seed: 1, hosts: 12, ...options, out, truth });
    const bytes = readFileSync(out);
    const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
    return { ...result, text, truth: readFileSync(truth, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Records of a run as objects by field name; its first line must be the header. */
export function recordsOf(text: string): Record<string, string>[] {
  const [header, ...lines] = text.trim().split('\n');
  const names = header!.split(' ');
  return lines.map((line) => {
    const values = line.split(' ');
    return Object.fromEntries(names.map((name, index) => [name, values[index]!]));
  });
}

/** Rows of a truth file. */
export function truthOf(text: string): Record<string, string>[] {
  return recordsOf(text.replaceAll(',', ' ').replace(/ (?= )/g, ' -'));
}
