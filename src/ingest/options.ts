import { z } from 'zod';
import { FollowOptions } from './follow-options.ts';

/** Options of a live source, by its `type`. */
export const SourceOptions = z.discriminatedUnion('type', [FollowOptions]);
export type SourceOptions = z.infer<typeof SourceOptions>;
