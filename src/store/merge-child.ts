import { constants, setPriority } from 'node:os';
import { mergeSegments } from './maintenance.ts';
import type { MergeTask } from './merge-apart.ts';

// Merges small segments and ends. Whoever asked needs the cores more; when they are gone, what was merged is an orphan.
try {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
} catch {
  // A sandbox may forbid it.
}
process.on('disconnect', () => process.exit(1));
process.once('message', async ({ dataDir, segments }: MergeTask) => {
  try {
    process.send?.(await mergeSegments(dataDir, segments), () => process.exit(0));
  } catch (error) {
    process.stderr.write((error as Error).message, () => process.exit(1));
  }
});
