import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Device, inode and birth of a file; undefined when there is none. Rejects when that cannot be told: a volume that fails is not an empty one. */
export async function identify(path: string): Promise<string | undefined> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  return found.isFile() ? `${found.dev}-${found.ino}-${Math.trunc(found.birthtimeMs)}` : undefined;
}

/** Whether the error says that nothing has this name. */
export function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** When a file was made, milliseconds: the third part of its identity. */
export function birthOf(identity: string): number {
  return Number(identity.split('-')[2]);
}

/** A file under one name for what it held between two truncations. */
export function partitionOf({ identity, generation }: { identity: string; generation: number }): string {
  return `${identity}/${generation}`;
}
