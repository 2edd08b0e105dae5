import { z } from 'zod';
import { AwsOptions } from '../../outbound/aws.ts';
import { SourceName } from '../source-name.ts';

/** Log groups of Amazon CloudWatch Logs that flow logs are published to. */
export const CloudWatchOptions = z.strictObject({
  type: z.literal('cloudwatch').describe('Log groups of Amazon CloudWatch Logs'),
  ...AwsOptions.shape,
  name: SourceName.describe('Name of the source in logs and positions; another name reads everything again'),
  logGroups: z.array(z.string().min(1)).min(1).describe('Names of log groups'),
  streamPrefix: z.string().min(1).optional().describe('Only streams whose names begin so, such as eni-'),
  format: z
    .string()
    .min(1)
    .optional()
    .describe(
      `The records' format: AWS's '\${version} …'; without it that of the flow log when ec2:DescribeFlowLogs is allowed, else the default`,
    ),
  interval: z.number().min(1).max(3600).default(10).describe('Seconds between two looks at a log group'),
  overlap: z
    .int()
    .min(60)
    .max(86_400)
    .default(3600)
    .describe('Seconds that each look goes back: events that come later than newer ones are found there'),
  lookback: z
    .int()
    .min(0)
    .default(3600)
    .describe('Seconds before now at which the first start begins to read'),
});
export type CloudWatchOptions = z.infer<typeof CloudWatchOptions>;
