import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, UserError } from '../errors.ts';

/** Version of everything in the data folder; raised when an older program could not read it any more. */
const FOLDER_VERSION = 1;
const MARKER = 'flowsentry.json';
const LOCK = 'flowsentry.lock';

/** A data folder that this process alone may write, until it is released. */
export interface DataFolder {
  readonly path: string;
  release(): Promise<void>;
}

interface Owner {
  readonly pid: number;
  /** Start time of the process in clock ticks since boot: tells a re-used process id apart. */
  readonly started: string;
}

/**
 * Claims the folder, which is made when it does not exist. Throws a UserError when another process holds it, when it was written by a newer
 * version (it is left untouched), and when it holds other things than ours.
 */
export async function claimDataFolder(path: string): Promise<DataFolder> {
  await mkdir(path, { recursive: true });
  await checkVersion(path);
  const lock = join(path, LOCK);
  const me: Owner = { pid: process.pid, started: startTime(process.pid) ?? '' };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(lock, 'wx');
      await file.writeFile(JSON.stringify(me));
      await file.close();
      await writeFile(join(path, MARKER), `${JSON.stringify({ version: FOLDER_VERSION })}\n`);
      return { path, release: () => rm(lock, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new UserError(`cannot use data folder ${path}: ${(error as Error).message}`, { cause: error });
    }
    const owner = await readOwner(lock);
    if (owner !== undefined && isAlive(owner))
      throw new UserError(
        `cannot use data folder ${path}: process ${owner.pid} holds it; stop that process or choose another folder with --data`,
        { exitCode: EXIT.error },
      );
    // Its owner is gone: what a crash left behind.
    await rm(lock, { force: true });
  }
  throw new UserError(`cannot use data folder ${path}: another process claims it at this moment; try again`);
}

async function checkVersion(path: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(join(path, MARKER), 'utf8');
  } catch {
    return;
  }
  const version: unknown = (JSON.parse(text) as { version?: unknown }).version;
  if (typeof version !== 'number' || version > FOLDER_VERSION)
    throw new UserError(
      `cannot use data folder ${path}: a newer flowsentry (format ${String(version)}, this one knows ${FOLDER_VERSION}) wrote it; use that version or another folder`,
    );
}

async function readOwner(lock: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(lock, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const started = startTime(owner.pid);
  return started === undefined || owner.started === '' || started === owner.started;
}

/** Field 22 of /proc/PID/stat, counted after the command's closing bracket; undefined where there is no /proc. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Removes everything an earlier run left in a folder of ours. Throws when the folder is not one. */
export async function eraseDataFolder(folder: DataFolder): Promise<void> {
  for (const entry of [
    'history',
    'state.duckdb',
    'state.duckdb.wal',
    'state.duckdb.new',
    'manifest.json',
    'feeds',
  ])
    await rm(join(folder.path, entry), { recursive: true, force: true });
}
