import { Worker } from 'node:worker_threads';
import type { UpdateTask, updateFeeds } from './update.ts';

const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';

/**
 * As {@link updateFeeds}, on a thread of its own: a list of a million networks takes seconds to read. Rejects when the thread fails, or
 * `signal` aborts; the thread is gone then.
 */
export async function updateFeedsApart(
  task: UpdateTask,
  signal: AbortSignal,
): ReturnType<typeof updateFeeds> {
  signal.throwIfAborted();
  const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: task });
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(signal.reason ?? new Error('the thread that asks feeds ended early')));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
