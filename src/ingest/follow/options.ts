import { z } from 'zod';
import { SourceName } from '../source-name.ts';

/** Files and folders that grow while they are read. */
export const FollowOptions = z.strictObject({
  type: z.literal('file').describe('Files that others write'),
  name: SourceName.describe('Name of the source in logs and positions; another name reads everything again'),
  paths: z
    .array(z.string().min(1))
    .min(1)
    .describe(
      'Files, and folders whose files are all followed, also ones that were compressed after they were read; relative to this configuration',
    ),
  format: z
    .string()
    .min(1)
    .optional()
    .describe(`The records' format, when they don't say: AWS's '\${version} …' or a header line`),
  interval: z.number().min(0.05).max(60).default(1).describe('Seconds between two looks at the files'),
});
export type FollowOptions = z.infer<typeof FollowOptions>;
