import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, UserError } from '../errors.ts';
import { readManifest } from './manifest/manifest.ts';
import { replaceFile } from './replace-file.ts';

/** Version of everything in the data folder; raised when an older program could not read it any more. */
const FOLDER_VERSION = 3;
/** File that makes a folder a data folder; who owns it is who runs the service. */
export const MARKER = 'flowsentry.json';
const LOCK = 'flowsentry.lock';
const SCRATCH = 'tmp';

/** A data folder that this process alone may write, until it is released. */
export interface DataFolder {
  readonly path: string;
  /** Made with the folder, and its own for ever. */
  readonly instance: string;
  /** Folder for files that need not outlive the process; made by who needs it. */
  readonly scratch: string;
  /** What was mended, for whoever runs this. */
  readonly problems: readonly string[];
  release(): Promise<void>;
}

/** What of it the sources are told. */
export type SourceFolder = Pick<DataFolder, 'instance' | 'scratch'>;

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
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new UserError(`cannot use data folder ${path}: ${(error as Error).message}`, { cause: error });
  }
  const known = await checkMarker(path);
  const instance = known.instance ?? randomUUID();
  const lock = join(path, LOCK);
  const me: Owner = { pid: process.pid, started: startTime(process.pid) ?? '' };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await createWhole(lock, JSON.stringify(me));
      if (known.text !== undefined) await refuseOtherUser(path, lock);
      const marker = `${JSON.stringify({ version: FOLDER_VERSION, instance })}\n`;
      if (marker !== known.text) await replaceFile(path, MARKER, marker);
      return {
        path,
        instance,
        scratch: join(path, SCRATCH),
        problems: known.problems,
        release: () => rm(lock, { force: true }),
      };
    } catch (error) {
      if (error instanceof UserError) throw error;
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new UserError(`cannot use data folder ${path}: ${(error as Error).message}`, { cause: error });
    }
    const text = await readFile(lock, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const owner = parseOwner(text);
    if (owner !== undefined && isAlive(owner))
      throw new UserError(
        `cannot use data folder ${path}: process ${owner.pid} holds it; stop that process or choose another folder with --data`,
        { exitCode: EXIT.error },
      );
    // Its owner is gone: what a crash left behind.
    await removeStale(lock, text);
  }
  throw new UserError(`cannot use data folder ${path}: another process claims it at this moment; try again`);
}

let names = 0;

/** A name beside the file that no other claim uses, in this process or another. */
function ownName(path: string): string {
  return `${path}.${process.pid}.${++names}`;
}

/** Makes the file with its text in it at once, so that no other process reads a half-written owner. Fails with EEXIST when it exists. */
async function createWhole(path: string, text: string): Promise<void> {
  const own = ownName(path);
  await writeFile(own, text);
  try {
    await link(own, path);
  } finally {
    await rm(own, { force: true });
  }
}

interface Marker {
  /** What the file says; undefined when there is none, or a damaged one. */
  readonly text?: string;
  readonly instance?: string;
  readonly problems: readonly string[];
}

/** What the folder says of itself; throws when it is not ours to write. */
async function checkMarker(path: string): Promise<Marker> {
  let text: string;
  try {
    text = await readFile(join(path, MARKER), 'utf8');
  } catch {
    await refuseForeign(path);
    return { problems: [] };
  }
  const { version, instance } = parseMarker(text);
  if (typeof version === 'number' && version > FOLDER_VERSION)
    throw new UserError(
      `cannot use data folder ${path}: a newer flowsentry (format ${String(version)}, this one knows ${FOLDER_VERSION}) wrote it; use that version or another folder`,
    );
  // Folders had no name at first.
  if (typeof version !== 'number' || !['string', 'undefined'].includes(typeof instance)) return remake(path);
  return { text, problems: [], ...(typeof instance === 'string' ? { instance } : {}) };
}

/** A good manifest says as well whose folder it is. */
async function remake(path: string): Promise<Marker> {
  const manifest = await readManifest(path).catch(() => undefined);
  if (manifest?.witness === undefined)
    throw new UserError(
      `cannot use data folder ${path}: its ${MARKER} is damaged; choose another folder with --data`,
    );
  const { instance } = manifest.witness;
  return {
    problems: [`${MARKER} is damaged; it is made anew from the manifest`],
    ...(instance === undefined ? {} : { instance }),
  };
}

function parseMarker(text: string): { readonly version?: unknown; readonly instance?: unknown } {
  try {
    return (JSON.parse(text) as object | null) ?? {};
  } catch {
    return {};
  }
}

/** A folder without our marker must be as good as empty: `--restart` erases what has our names. */
async function refuseForeign(path: string): Promise<void> {
  const foreign = (await readdir(path)).filter(
    (name) => !name.startsWith('flowsentry.') && !name.startsWith('.') && name !== 'lost+found',
  );
  if (foreign.length > 0)
    throw new UserError(
      `cannot use data folder ${path}: it holds other things (${foreign.slice(0, 3).join(', ')}); choose a new or empty folder with --data`,
    );
}

/**
 * What another user wrote, root above all, the user of the service could not open again. Files are asked, not the process: on a network's
 * file system root may be nobody.
 */
async function refuseOtherUser(path: string, lock: string): Promise<void> {
  const [marker, mine] = await Promise.all([stat(join(path, MARKER)), stat(lock)]);
  if (marker.uid === mine.uid) return;
  await rm(lock, { force: true });
  throw new UserError(
    `cannot use data folder ${path}: it is user ${marker.uid}'s, who could not use what user ${mine.uid} writes there; run this as that user (sudo -u '#${marker.uid}' …), or give the folder to another with chown -R`,
  );
}

/** Takes a dead owner's lock away, but not one that a third process has put in its place meanwhile. */
async function removeStale(lock: string, text: string): Promise<void> {
  const taken = ownName(lock);
  try {
    await rename(lock, taken);
    if ((await readFile(taken, 'utf8')) !== text) await link(taken, lock);
  } catch {
    // Somebody else was faster: the next attempt finds out who holds it.
  } finally {
    await rm(taken, { force: true });
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return Number.isInteger(owner?.pid) && typeof owner?.started === 'string' ? (owner as Owner) : undefined;
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
    'state',
    'manifest.json',
    'manifest',
    'prepared.json',
    'damaged',
    'outbox.json',
    'inventory.json',
    'commands',
    'feeds',
    SCRATCH,
  ])
    await rm(join(folder.path, entry), { recursive: true, force: true });
}
