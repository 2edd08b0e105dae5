import { parentPort, workerData } from 'node:worker_threads';
import { type UpdateTask, updateFeeds } from './update.ts';

// The thread that asks feeds: it ends when it has answered.
const result = await updateFeeds(workerData as UpdateTask);
parentPort?.postMessage(result, buffersOf(result.update ?? {}));

/** Memory of all columns and facts: handed over, not copied. */
function buffersOf(columns: object): ArrayBuffer[] {
  return Object.values(columns).flatMap((value: unknown) => {
    if (ArrayBuffer.isView(value)) return [value.buffer as ArrayBuffer];
    return typeof value === 'object' && value !== null ? buffersOf(value) : [];
  });
}
