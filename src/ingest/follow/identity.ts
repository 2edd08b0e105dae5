import { stat } from 'node:fs/promises';

/** Device, inode and birth of a file; undefined when there is none. */
export async function identify(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeMs, isFile } = await stat(path).then((found) => ({
      dev: found.dev,
      ino: found.ino,
      birthtimeMs: found.birthtimeMs,
      isFile: found.isFile(),
    }));
    return isFile ? `${dev}-${ino}-${Math.trunc(birthtimeMs)}` : undefined;
  } catch {
    return undefined;
  }
}

/** When a file was made, milliseconds: the third part of its identity. */
export function birthOf(identity: string): number {
  return Number(identity.split('-')[2]);
}

/** A file under one name for what it held between two truncations. */
export function partitionOf({ identity, generation }: { identity: string; generation: number }): string {
  return `${identity}/${generation}`;
}
