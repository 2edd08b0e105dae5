import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '../contracts.ts';
import type { Segment } from './messages.ts';
import { makeDurable } from './segment-file.ts';
import type { AlertRow, IdChange } from './state.ts';

/** All that a checkpoint's transaction writes: its files are durable, and nothing refers to them yet. */
export interface Prepared {
  readonly seq: number;
  /** Name of the file of saved states. */
  readonly file: string;
  readonly positions: readonly (readonly [partition: string, position: Position])[];
  readonly forget: readonly string[];
  readonly ids: readonly (readonly [partition: string, change: IdChange])[];
  readonly alerts: readonly AlertRow[];
  readonly added: readonly Segment[];
  readonly removed: readonly Segment[];
  /** What sources are asked to bind, for them alone to understand; any JSON. */
  readonly claim: unknown;
}

const PREPARED = 'prepared.json';

/** Makes it durable, in the place of an earlier one. */
export async function writePrepared(dataDir: string, prepared: Prepared): Promise<void> {
  const staged = join(dataDir, `${PREPARED}.new`);
  const file = await open(staged, 'w');
  try {
    await file.writeFile(JSON.stringify(prepared));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(staged, join(dataDir, PREPARED));
  await makeDurable(dataDir);
}

/** The last one; undefined when there was none. */
export async function readPrepared(dataDir: string): Promise<Prepared | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, PREPARED), 'utf8')) as Prepared;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function removePrepared(dataDir: string): Promise<void> {
  await rm(join(dataDir, PREPARED), { force: true });
}
