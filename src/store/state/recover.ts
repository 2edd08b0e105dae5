import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../errors.ts';
import { DAMAGED_FOLDER } from '../history/verify.ts';
import { type Manifest, readManifest, type Witness } from '../manifest/manifest.ts';
import type { AlertRow } from './alert-row.ts';
import { removeOtherStateFiles } from './file.ts';
import type { LoadedState } from './load.ts';
import { STATE_DATABASE, State, type WasClaimed } from './state.ts';

/**
 * What the machine, not the database, has to be mended for: it is tried again as it is. That something cannot be written says nothing of what
 * is there; that it cannot be read is as good as damage.
 */
const NOT_DAMAGE =
  /could not set lock|no space left|quota exceeded|file too large|permission denied|too many open|read-only file system|cannot allocate memory|out of memory|(?:write|sync|truncate|flush|create)[^:]*:.*input\/output error|fsync failed/i;

const probeFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './probe-child.ts' : './probe-child.js', import.meta.url),
);

/**
 * Opens the state of a data folder. A database that cannot be opened, or that lost checkpoints which the manifest has witnessed, is put aside
 * and made anew from the manifest; what is told of it stands in `problems`. Throws when there is nothing to make it from, and what `wasClaimed`
 * throws.
 */
export async function openState(
  dataDir: string,
  wasClaimed?: WasClaimed,
): Promise<{ state: State; loaded: LoadedState; problems: string[] }> {
  const problems: string[] = [];
  const manifest = await readManifest(dataDir).catch((error: Error) => {
    problems.push(error.message);
    return undefined;
  });
  const witness = manifest?.witness;
  const unanswered = new Set<unknown>();
  const ask: WasClaimed = async (seq, claim) => {
    try {
      return (await wasClaimed?.(seq, claim)) ?? false;
    } catch (error) {
      unanswered.add(error);
      throw error;
    }
  };
  let opened: Awaited<ReturnType<typeof State.open>> | undefined;
  try {
    await probe(join(dataDir, STATE_DATABASE), witness !== undefined);
    opened = await State.open(dataDir, ask, witness?.seq);
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException;
    // That the other side gives no answer says nothing of the database: it is asked again by the next start.
    if (error instanceof UserError || unanswered.has(error)) throw error;
    // System calls of our own are about files beside the database.
    if (syscall !== undefined || NOT_DAMAGE.test(message))
      throw new UserError(`cannot open the state in ${dataDir}: ${message}`, { cause: error });
    if (manifest === undefined || witness === undefined)
      throw new UserError(
        `cannot open the state in ${dataDir}, and there is no good manifest to make it from: ${message}; start with an empty folder, and keep this one for queries`,
        { cause: error },
      );
    const aside = await putAside(dataDir, witness.seq);
    problems.push(
      `the database of the state is damaged (${message}); it is made anew from the manifest, without the ids by which sources know repeats; the old one is ${aside}`,
    );
    opened = await rebuild(dataDir, manifest, witness, ask);
  }
  const { state, loaded } = opened;
  problems.push(...loaded.problems);
  await removeOtherStateFiles(dataDir, state.file);
  return { state, loaded, problems };
}

/**
 * Tries to open a database that was not closed, in a process of its own: replaying a damaged log can end the process that does. Throws when that
 * fails.
 */
async function probe(path: string, wasUsed: boolean): Promise<void> {
  const exists = (file: string) =>
    access(file).then(
      () => true,
      () => false,
    );
  if (wasUsed && !(await exists(path))) throw new Error('it is not there');
  if (!(await exists(`${path}.wal`))) return;
  const child = spawn(process.execPath, [probeFile, path], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(said.trim().split('\n')[0] || `opening it ends with ${code ?? signal}`);
}

async function putAside(dataDir: string, seq: number): Promise<string> {
  const name = join(DAMAGED_FOLDER, `checkpoint-${seq}.${STATE_DATABASE}`);
  await mkdir(join(dataDir, DAMAGED_FOLDER), { recursive: true });
  for (const end of ['', '.wal'])
    await rename(join(dataDir, `${STATE_DATABASE}${end}`), join(dataDir, `${name}${end}`)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      },
    );
  return name;
}

async function rebuild(
  dataDir: string,
  { segments, alerts }: Manifest,
  witness: Witness,
  wasClaimed: WasClaimed,
) {
  const { seq, file, positions, resolvesAt, shadowed, outbox = [] } = witness;
  const { state } = await State.open(dataDir);
  const times = new Map(resolvesAt.map(([id, ...rest]) => [id, rest]));
  const visible = alerts.map((alert): AlertRow => {
    const [resolvesAt = 0, opened] = times.get(alert.id) ?? [];
    return { alert, resolvesAt, shadow: false, ...(opened && { opened }) };
  });
  await state.commit({
    ...{ seq, file, positions, forget: [], ids: [], claim: undefined },
    alerts: [...visible, ...shadowed],
    forgotten: [],
    added: segments,
    removed: [],
    outbox: outbox.map(([key, value]) => ({ key, value })),
  });
  await state[Symbol.asyncDispose]();
  return State.open(dataDir, wasClaimed);
}
