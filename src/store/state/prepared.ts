import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutboxChange, Position } from '../../contracts.ts';
import type { Segment } from '../history/messages.ts';
import { replaceFile } from '../replace-file.ts';
import type { AlertRow } from './alert-row.ts';
import type { IdChange } from './state.ts';

/** All that a checkpoint's transaction writes: its files are durable, and nothing refers to them yet. */
export interface Prepared {
  readonly seq: number;
  /** Name of the file of saved states. */
  readonly file: string;
  /** Those that changed, or all of them when an earlier version wrote it. */
  readonly positions: readonly (readonly [partition: string, position: Position])[];
  readonly forget: readonly string[];
  readonly ids: readonly (readonly [partition: string, change: IdChange])[];
  readonly alerts: readonly AlertRow[];
  /** Ids of alerts that go. */
  readonly forgotten: readonly string[];
  readonly added: readonly Segment[];
  readonly removed: readonly Segment[];
  readonly outbox: readonly OutboxChange[];
  /** What sources are asked to bind, for them alone to understand; any JSON. */
  readonly claim: unknown;
}

const PREPARED = 'prepared.json';

/** Makes it durable, in the place of an earlier one. */
export async function writePrepared(dataDir: string, prepared: Prepared): Promise<void> {
  await replaceFile(dataDir, PREPARED, JSON.stringify(prepared));
}

/**
 * The last one; undefined when there was none, or a damaged one: then our own positions say less than the other side knows, and decide.
 */
export async function readPrepared(dataDir: string): Promise<Prepared | undefined> {
  try {
    // Those of before alerts were delivered, or forgotten, have none of it.
    return {
      outbox: [],
      forgotten: [],
      ...JSON.parse(await readFile(join(dataDir, PREPARED), 'utf8')),
    } as Prepared;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export async function removePrepared(dataDir: string): Promise<void> {
  await rm(join(dataDir, PREPARED), { force: true });
}
