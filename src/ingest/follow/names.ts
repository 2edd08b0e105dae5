import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NOT_LOGS } from '../paths.ts';
import { identify, isAbsence } from './identity.ts';

/** What the paths name at this moment. */
export interface Named {
  /** Files by path, in order. What is missing may come. */
  readonly files: ReadonlyMap<string, string>;
  /** Paths of files and folders of which could not be told what they name, and why. */
  readonly unknown: ReadonlyMap<string, Error>;
}

/** Files that the paths name now, with their identities. */
export async function findNamed(paths: readonly string[]): Promise<Named> {
  const files = new Map<string, string>();
  const unknown = new Map<string, Error>();
  for (const path of paths) {
    const names = await namesOf(path).catch((error: Error) => {
      unknown.set(path, error);
      return [];
    });
    for (const name of names) {
      const identity = await identify(name).catch((error: Error) => {
        unknown.set(name, error);
        return undefined;
      });
      if (identity !== undefined) files.set(name, identity);
    }
  }
  return { files, unknown };
}

/** The files of a folder, in order, or the file itself. */
async function namesOf(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path);
    return entries
      .sort()
      .filter((entry) => !NOT_LOGS.test(entry))
      .map((entry) => join(path, entry));
  } catch (error) {
    if (isAbsence(error)) return [path];
    throw error;
  }
}
