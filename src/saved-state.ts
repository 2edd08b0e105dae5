import type { Dictionary } from './columns/dictionary.ts';
import { packSnapshot, unpackSnapshot } from './columns/snapshot.ts';

/** Names of saved states beside the detectors', which no detector can have: ids have no colon. */
export const SAVED = {
  names: ':names',
  rollup: ':rollup',
  coverage: ':coverage',
  inventory: ':inventory',
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
