import type { Dictionary } from './columns/dictionary.ts';
import { packSnapshot, unpackSnapshot } from './columns/snapshot.ts';
import { HistoryMoved } from './store/flows/history-moved.ts';
import type { Manifest } from './store/manifest/manifest.ts';
import { readStateFile } from './store/state/file.ts';

/** Names of saved states beside the detectors', which no detector can have: ids have no colon. */
export const SAVED = {
  names: ':names',
  rollup: ':rollup',
  coverage: ':coverage',
  inventory: ':inventory',
  addresses: ':addresses',
  feeds: ':feeds',
  promotions: ':promotions',
  asked: ':asked',
} as const;

/** Texts in the order of their codes: saved states hold codes. */
export function packNames(names: Dictionary): Uint8Array {
  return packSnapshot({}, names.since(1));
}

/** Gives texts the codes they had. */
export function restoreNames(names: Dictionary, saved: Uint8Array | undefined): void {
  if (saved === undefined) return;
  for (const name of unpackSnapshot(saved).meta as string[]) names.code(name);
}

/** The states of the last checkpoint, read beside a service; none where nothing was saved. Throws {@link HistoryMoved} when there is a newer one. */
export async function savedStates(
  dataDir: string,
  { witness }: Pick<Manifest, 'witness'>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (witness === undefined) return new Map();
  return readStateFile(dataDir, witness.file).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new HistoryMoved() : error;
  });
}
