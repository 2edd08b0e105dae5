import { unpackSnapshot } from '../columns/snapshot.ts';
import type { SavedRollup } from './saved-rollup.ts';

/** Up to which event time, Unix seconds, a saved rollup has closed its steps; 0 when none. */
export function closedUntil(saved: Uint8Array): number {
  return (unpackSnapshot(saved).meta as SavedRollup).next;
}
