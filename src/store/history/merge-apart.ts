import { fileURLToPath } from 'node:url';
import { askChild } from '../child.ts';
import { type Merged, mergeable } from './maintenance.ts';
import type { Segment } from './messages.ts';

/** What the process that merges is asked. */
export interface MergeTask {
  readonly dataDir: string;
  readonly segments: readonly Segment[];
}

const childFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './merge-child.ts' : './merge-child.js', import.meta.url),
);

/**
 * Merges small segments as {@link mergeSegments} does, in a process of its own: an hour of a busy source takes a minute of CPU, and what the
 * engine takes of memory for it would stay with a service for good. Rejects when that fails, or `signal` aborts; the process is gone then.
 */
export async function mergeApart(
  dataDir: string,
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<Merged> {
  if (mergeable(segments).length === 0) return { added: [], removed: [], failed: [] };
  const task: MergeTask = { dataDir, segments };
  return askChild(childFile, task, 'merging segments', signal);
}
