import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from './dockerfile.ts';

/** Plain data from a file of ours. */
// biome-ignore lint/suspicious/noExplicitAny: what others' formats hold is looked at, not modelled.
export type Any = any;

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Every document of a YAML or JSON file. CloudFormation's own tags become what they stand at. Throws on what is not well-formed. */
export function readDocuments(path: string): Any[] {
  return parseAllDocuments(readText(path), { merge: true, logLevel: 'silent', uniqueKeys: true }).map(
    (document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJS();
    },
  );
}

export function readOne(path: string): Any {
  return readDocuments(path)[0];
}

/** Everything that is shipped to deploy with, sorted. */
export async function deployFiles(): Promise<string[]> {
  const found = ['docker-compose.yml', 'Dockerfile'];
  for await (const file of glob('deploy/**/*.*', { cwd: ROOT })) found.push(file);
  return found.sort();
}
