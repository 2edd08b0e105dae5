import { readdir, readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { crc32 } from 'node:zlib';
import { compareTexts } from '../../columns/text-order.ts';
import type { Alert, Coverage, Opened, Position } from '../../contracts.ts';
import { UserError } from '../../errors.ts';
import type { Segment } from '../history/messages.ts';
import { clearStaging, HISTORY_FOLDER } from '../history/segment-file.ts';
import type { AlertRow } from '../state/alert-row.ts';
import { apply, type Changes, emptyContents } from '../state/contents.ts';
import { type ManifestPart, readPart } from './parts.ts';

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
  readonly resolvesAt: readonly (readonly [
    id: string,
    resolvesAt: number,
    opened?: readonly Opened[] | undefined,
  ])[];
  /** Alerts that nobody is told of. */
  readonly shadowed: readonly AlertRow[];
  /** What the delivery of alerts saved, by key; absent in folders of before it did. */
  readonly outbox?: readonly (readonly [key: string, value: string])[];
}

/** What a witness is published with; the rest of it are changes and parts. */
export type Witnessed = Pick<Witness, 'instance' | 'seq' | 'file'>;

/** The manifest as it is written. Folders of format 1 and 2 have a {@link Manifest} in its place. */
export interface PublishedManifest {
  /** In the order in which they count. */
  readonly parts: readonly ManifestPart[];
  /** Since the last of them. */
  readonly changes: Changes;
  readonly coverage?: Coverage;
  readonly witness?: Witnessed;
}

export const MANIFEST = 'manifest.json';
/** Times that a manifest is read anew because the process that holds the folder has put a part away meanwhile: it does so minutes apart. */
const ATTEMPTS = 5;

/** Those of before there were checksums have none. */
const CHECKSUM = /^\{"crc32":(\d+),/;

/** The published manifest; undefined when nothing was ever published there. Throws a UserError when it is damaged. */
export async function readManifest(dataDir: string): Promise<Manifest | undefined> {
  try {
    for (let attempt = 1; ; attempt++) {
      const published = await readPublished(dataDir);
      if (published === undefined || !('changes' in published)) return published;
      try {
        return await put(dataDir, published);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        if (attempt === ATTEMPTS) throw new SyntaxError((error as Error).message);
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new UserError(
        `cannot use ${join(dataDir, MANIFEST)}: it is damaged (${error.message}); the service writes it anew when it starts`,
      );
    throw error;
  }
}

async function readPublished(dataDir: string): Promise<Manifest | PublishedManifest | undefined> {
  let text: string;
  try {
    text = await readFile(join(dataDir, MANIFEST), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [head, sum] = CHECKSUM.exec(text) ?? [];
  if (
    head === undefined
      ? !text.startsWith('{"segments":')
      : crc32(`{${text.slice(head.length)}`) !== Number(sum)
  )
    throw new SyntaxError('its checksum is wrong');
  return JSON.parse(text) as Manifest | PublishedManifest;
}

/** Parts and changes put together. */
async function put(dataDir: string, published: PublishedManifest): Promise<Manifest> {
  const { parts, changes, coverage, witness } = published;
  const contents = emptyContents();
  for (const part of parts) await readPart(dataDir, part, contents);
  apply(contents, changes);
  const rows = [...contents.alerts.values()].sort(
    ({ alert: a }, { alert: b }) => compareTexts(a.firstSeen, b.firstSeen) || compareTexts(a.id, b.id),
  );
  return {
    // As the database gives them, so that a restart changes nothing.
    segments: [...contents.segments.values()].sort((a, b) => compareTexts(a.path, b.path)),
    alerts: rows.flatMap(({ alert, shadow }) => (shadow ? [] : [alert])),
    ...(coverage && { coverage }),
    ...(witness && {
      witness: {
        ...witness,
        positions: [...contents.positions.entries()],
        resolvesAt: rows.map(({ alert, resolvesAt, opened }) => [alert.id, resolvesAt, opened] as const),
        shadowed: rows.filter(({ shadow }) => shadow),
        outbox: [...contents.outbox.entries()],
      },
    }),
  };
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
