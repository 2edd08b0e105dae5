import { z } from 'zod';
import { AwsOptions } from '../../outbound/aws.ts';
import { SourceName } from '../source-name.ts';

/** A bucket that flow logs are published to. */
export const S3Options = z.strictObject({
  type: z.literal('s3').describe('A bucket of Amazon S3'),
  ...AwsOptions.shape,
  name: SourceName.describe('Name of the source in logs and positions; another name reads everything again'),
  bucket: z.string().min(3).describe('Name of the bucket'),
  prefix: z
    .string()
    .default('AWSLogs/')
    .describe(
      'Begin of the keys of flow logs; everything below it is read as such. When it is changed, nothing outside of it is asked for any more, also when it was read in part or refused before',
    ),
  queue: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'URL of an SQS queue that gets a message for each object, from S3 itself, through SNS or EventBridge; without it the bucket is listed alone',
    ),
  format: z
    .string()
    .min(1)
    .optional()
    .describe(`The records' format, when objects have no header line: AWS's '\${version} …'`),
  reconcile: z
    .number()
    .min(1)
    .max(86_400)
    .default(300)
    .describe('Seconds between two listings of the bucket, which find what no message told of'),
  lookback: z
    .int()
    .min(60)
    .default(86_400)
    .describe(
      'Seconds that a listing looks back: at the first start from now, then from the listing before, or after a restart from the newest object that was read',
    ),
  visibility: z
    .int()
    .min(10)
    .max(43_200)
    .default(300)
    .describe('Seconds for which a message is ours at a time; extended as long as it is worked on'),
  maxObjectBytes: z
    .int()
    .min(1)
    .default(4 * 1024 ** 3)
    .describe('Larger objects are not read, and said to be lost; flow logs have at most 75 MB'),
  owner: z
    .string()
    .regex(/^\d{12}$/, 'not an account id of 12 digits')
    .optional()
    .describe('Account that must own the bucket'),
  requesterPays: z.boolean().default(false).describe('Whether we pay for reading'),
});
export type S3Options = z.infer<typeof S3Options>;
