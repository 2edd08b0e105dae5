import { readdir, readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Alert, Coverage, Opened, Position } from '../contracts.ts';
import { UserError } from '../errors.ts';
import type { AlertRow } from './alert-row.ts';
import type { Segment } from './messages.ts';
import { replaceFile } from './replace-file.ts';
import { clearStaging, HISTORY_FOLDER } from './segment-file.ts';

/** What the history consists of at a checkpoint: published as a file so that readers need nothing of the process that writes. */
export interface Manifest {
  readonly segments: readonly Segment[];
  readonly alerts: readonly Alert[];
  /** What the records up to the checkpoint cover; absent in folders of before it was counted. */
  readonly coverage?: Coverage;
  /** Absent in folders of before there was one. */
  readonly witness?: Witness;
}

/** What else the last checkpoint had: with it the state's database can be told to have lost something, and be made anew. */
export interface Witness {
  /** The data folder's own name; absent in folders of before it was here. */
  readonly instance?: string;
  readonly seq: number;
  /** Name of the file of saved states. */
  readonly file: string;
  readonly positions: readonly (readonly [partition: string, position: Position])[];
  /** Of the alerts, by id: Unix seconds, and when they began to fire. */
  readonly resolvesAt: readonly (readonly [id: string, resolvesAt: number, opened?: readonly Opened[]])[];
  /** Alerts that nobody is told of. */
  readonly shadowed: readonly AlertRow[];
  /** What the delivery of alerts saved, by key; absent in folders of before it did. */
  readonly outbox?: readonly (readonly [key: string, value: string])[];
}

const MANIFEST = 'manifest.json';

/** Replaces the published manifest; readers see the old one or the new one, never a part. */
export async function publishManifest(dataDir: string, manifest: Manifest): Promise<void> {
  const body = JSON.stringify(manifest);
  await replaceFile(dataDir, MANIFEST, `{"crc32":${crc32(body)},${body.slice(1)}`);
}

/** Those of before there were checksums have none. */
const CHECKSUM = /^\{"crc32":(\d+),/;

/** The published manifest; undefined when nothing was ever published there. Throws a UserError when it is damaged. */
export async function readManifest(dataDir: string): Promise<Manifest | undefined> {
  try {
    const text = await readFile(join(dataDir, MANIFEST), 'utf8');
    const [head, sum] = CHECKSUM.exec(text) ?? [];
    if (
      head === undefined
        ? !text.startsWith('{"segments":')
        : crc32(`{${text.slice(head.length)}`) !== Number(sum)
    )
      throw new SyntaxError('its checksum is wrong');
    return JSON.parse(text) as Manifest;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new UserError(
        `cannot use ${join(dataDir, MANIFEST)}: it is damaged (${error.message}); the service writes it anew when it starts`,
      );
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
