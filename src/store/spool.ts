import { randomUUID } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MARKER } from './data-folder.ts';
import { makeDurable } from './history/segment-file.ts';

/** Where commands for the process that holds a data folder wait, each a file. */
const FOLDER = 'commands';
/** Larger ones are none of ours. */
const MAX_BYTES = 65_536;
const NAME = /^\d{13}-[\da-f-]{36}\.json$/;
const DONE = '.done';
/** Milliseconds after which nobody asks any more what came of a command. */
const KEEP_MS = 60_000;

/** A command as it lies there. */
export interface Spooled {
  readonly name: string;
  readonly text: string;
}

/** What came of a command. */
export interface Result {
  readonly done: boolean;
  /** In words: how far, or why not. */
  readonly said: string;
}

/**
 * Leaves a command for whoever holds the data folder now or next, durably, whole or not at all; returns its name. What root leaves belongs to the
 * user of the service, who could not read it else. Throws when the folder is no data folder, which it does not become by this.
 */
export async function spoolCommand(dataDir: string, command: object): Promise<string> {
  const folder = join(dataDir, FOLDER);
  const owner = await stat(join(dataDir, MARKER)).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new Error('nothing was ever stored there; --data names the folder of the service');
  });
  const giveAway = async (path: string): Promise<void> => {
    if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
  };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await giveAway(folder);
  const name = `${Date.now()}-${randomUUID()}.json`;
  const staged = join(folder, `.${name}`);
  await writeFile(staged, JSON.stringify(command), { mode: 0o600, flush: true });
  await giveAway(staged);
  await rename(staged, join(folder, name));
  await makeDurable(folder);
  return name;
}

/** What came of a command; undefined while it waits. */
export async function resultOf(dataDir: string, name: string): Promise<Result | undefined> {
  const path = join(dataDir, FOLDER, `${name}${DONE}`);
  try {
    const result = JSON.parse(await readFile(path, 'utf8')) as Result;
    await rm(path, { force: true });
    return result;
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Commands that wait, in the order in which they were left. Throws when their folder cannot be read. */
export async function spooledCommands(dataDir: string): Promise<Spooled[]> {
  const folder = join(dataDir, FOLDER);
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const name of names.filter((one) => one.endsWith(DONE))) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    if (Date.now() - mtimeMs > KEEP_MS) await rm(path, { force: true });
  }
  const found: Spooled[] = [];
  for (const name of names.filter((one) => NAME.test(one)).sort()) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    found.push({ name, text: text.length > MAX_BYTES ? '' : text });
  }
  return found;
}

/** Takes a command away that was carried out, or never will be, and says so to who left it. */
export async function finishCommand(dataDir: string, name: string, result: Result): Promise<void> {
  const path = join(dataDir, FOLDER, name);
  await writeFile(`${path}.new`, JSON.stringify(result), { mode: 0o600 });
  await rename(`${path}.new`, `${path}${DONE}`);
  await rm(path, { force: true });
}
