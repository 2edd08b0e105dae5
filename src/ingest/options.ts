import { z } from 'zod';
import { FirehoseOptions } from './firehose-options.ts';
import { FollowOptions } from './follow-options.ts';

/** Options of a live source, by its `type`. */
export const SourceOptions = z.discriminatedUnion('type', [FollowOptions, FirehoseOptions]);
export type SourceOptions = z.infer<typeof SourceOptions>;
