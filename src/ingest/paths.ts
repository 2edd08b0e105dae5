import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';

/** A file to read and who it is: the same content under another name is the same file. */
export interface InputFile {
  readonly path: string;
  readonly bytes: number;
  readonly identity: string;
}

/** So much of a file tells who it is. A log file's beginning never changes, its end grows. */
const IDENTITY_BYTES = 4096;

/** What stands beside logs in a folder and is none. */
export const NOT_LOGS =
  /(?:^\.|\.(?:md|yaml|yml|ts|js|csv|txt|labels\.gz|alerts\.jsonl)$|^flowsentry\.json$)/;

/**
 * The files that `paths` name: files themselves, and every file in folders below them that can be a log, in order of name. A file that is
 * named is always read. Throws a UserError for a path that can't be read and when there is nothing to read.
 */
export async function listFiles(paths: readonly string[]): Promise<InputFile[]> {
  const files = new Map<string, InputFile>();
  for (const path of paths) {
    for (const file of await walk(path, true)) {
      const { size } = await stat(file);
      files.set(file, { path: file, bytes: size, identity: await identify(file) });
    }
  }
  if (files.size === 0) throw new UserError(`cannot read ${paths.join(', ')}: no files there`);
  return [...files.values()];
}

async function walk(path: string, named: boolean): Promise<string[]> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw new UserError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (!isFolder) return named || !NOT_LOGS.test(path.slice(path.lastIndexOf('/') + 1)) ? [path] : [];
  const found: string[] = [];
  const entries = (await readdir(path)).sort();
  for (const entry of entries) {
    if (NOT_LOGS.test(entry)) continue;
    found.push(...(await walk(join(path, entry), false)));
  }
  return found;
}

async function identify(path: string): Promise<string> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(IDENTITY_BYTES);
    const { bytesRead } = await file.read(head, 0, IDENTITY_BYTES, 0);
    return createHash('sha256').update(head.subarray(0, bytesRead)).digest('hex').slice(0, 32);
  } finally {
    await file.close();
  }
}
