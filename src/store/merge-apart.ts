import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { mergeable } from './maintenance.ts';
import type { Segment } from './messages.ts';
import type { SegmentChange } from './state.ts';

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
): Promise<SegmentChange> {
  if (mergeable(segments).length === 0) return { added: [], removed: [] };
  signal.throwIfAborted();
  const child = fork(childFile, {
    execArgv: [],
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '4' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const stop = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', stop, { once: true });
  let merged: SegmentChange | undefined;
  let said = '';
  child.on('message', (message) => {
    merged = message as SegmentChange;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  child.send({ dataDir, segments } satisfies MergeTask, (error) => {
    if (error !== null) said ||= error.message;
  });
  const [code, end] = await once(child, 'close');
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (merged !== undefined) return merged;
  throw new Error(said.trim().split('\n')[0] || `merging segments ended with ${code ?? end}`);
}
