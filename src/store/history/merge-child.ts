import { answerParent } from '../child.ts';
import { mergeSegments } from './maintenance.ts';
import type { MergeTask } from './merge-apart.ts';

// Merges small segments and ends. When nobody waits any more, what was merged is an orphan.
answerParent(({ dataDir, segments }: MergeTask) => mergeSegments(dataDir, segments));
