import type { Part } from '../contracts.ts';
import type { DiskGuard } from './disk-guard.ts';

/**
 * The parts, as long as the disk has room. What has begun comes to its end: there is no checkpoint within it. `held` hears for how many
 * seconds nothing was taken.
 */
export async function* paused(
  parts: AsyncGenerator<Part | undefined>,
  disk: DiskGuard,
  held: (seconds: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Part | undefined> {
  let isWhole = true;
  for (;;) {
    const next = await parts.next();
    if (next.done === true) return;
    let heldFrom = performance.now();
    while (isWhole && disk.isShort) {
      // What is not taken is read again when there is room.
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
      const at = performance.now();
      held((at - heldFrom) / 1000);
      heldFrom = at;
      yield undefined;
    }
    if (next.value !== undefined) isWhole = next.value.position !== undefined;
    yield next.value;
  }
}
