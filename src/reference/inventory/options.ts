import { z } from 'zod';
import { duration } from '../../../detectors/duration.ts';
import { AwsOptions } from '../../outbound/aws.ts';

const { region, endpoint, tls } = AwsOptions.shape;

/** Network interfaces of an account in EC2. */
const Ec2Options = z.strictObject({
  regions: z.array(region).min(1).describe('Regions to ask'),
  assumeRole: z
    .strictObject({
      arn: z
        .string()
        .regex(/^arn:[\w-]+:iam::\d{12}:role\/.+$/, 'not the ARN of a role')
        .describe('Role of another account, which trusts the one we have'),
      externalId: z.string().min(2).optional().describe('What its trust policy asks for'),
      endpoint: endpoint.describe("Of STS, instead of AWS's own"),
    })
    .optional()
    .describe('Role to take on before asking, for another account'),
  endpoint,
  tls,
});
export type Ec2Options = z.infer<typeof Ec2Options>;

/** The section `inventory` of the configuration. */
export const InventoryOptions = z
  .strictObject({
    file: z
      .string()
      .min(1)
      .optional()
      .describe(
        'List of what has which addresses (YAML, JSON, .jsonl or .csv), relative to this configuration',
      ),
    ec2: z.array(Ec2Options).default([]).describe('Accounts whose network interfaces are asked for'),
    roleTags: z
      .array(z.string().min(1))
      .default([
        'role',
        'Role',
        'aws:ecs:serviceName',
        'eks:nodegroup-name',
        'elasticbeanstalk:environment-name',
        'aws:autoscaling:groupName',
      ])
      .describe('Tags in EC2 that say what something is for, best first'),
    refresh: duration.prefault('5m').describe('Time between two looks at it by `flowsentry run`'),
  })
  .refine(({ file, ec2 }) => file !== undefined || ec2.length > 0, 'needs a file or ec2');
export type InventoryOptions = z.infer<typeof InventoryOptions>;
