import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Alert } from '../contracts.ts';
import type { Segment } from './messages.ts';
import { clearStaging, HISTORY_FOLDER, makeDurable } from './segment-file.ts';

/** What the history consists of at a checkpoint: published as a file so that readers need nothing of the process that writes. */
export interface Manifest {
  readonly segments: readonly Segment[];
  readonly alerts: readonly Alert[];
}

const MANIFEST = 'manifest.json';

/** Replaces the published manifest; readers see the old one or the new one, never a part. */
export async function publishManifest(dataDir: string, manifest: Manifest): Promise<void> {
  const staged = join(dataDir, `${MANIFEST}.new`);
  const file = await open(staged, 'w');
  try {
    await file.writeFile(JSON.stringify(manifest));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(staged, join(dataDir, MANIFEST));
  await makeDurable(dataDir);
}

/** The published manifest; undefined when nothing was ever published there. */
export async function readManifest(dataDir: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, MANIFEST), 'utf8')) as Manifest;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Deletes files that no checkpoint lists: segments that were sealed after the last one before a crash. Returns their number. */
export async function removeOrphans(dataDir: string, segments: readonly Segment[]): Promise<number> {
  await clearStaging(dataDir);
  const listed = new Set(segments.map((segment) => segment.path));
  let removed = 0;
  for (const path of await filesBelow(join(dataDir, HISTORY_FOLDER))) {
    if (listed.has(relative(dataDir, path).split(sep).join('/'))) continue;
    await rm(path);
    removed++;
  }
  return removed;
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
