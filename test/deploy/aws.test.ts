import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { detectors } from '../../detectors/index.ts';
import { ROOT } from './dockerfile.ts';
import { type Any, readOne, readText } from './files.ts';

/** The permission that each command of the AWS SDK needs, from AWS's service authorization reference. */
const ACTIONS = new Map([
  ['FilterLogEvents', 'logs:FilterLogEvents'],
  ['DescribeLogGroups', 'logs:DescribeLogGroups'],
  ['DescribeLogStreams', 'logs:DescribeLogStreams'],
  ['DescribeFlowLogs', 'ec2:DescribeFlowLogs'],
  ['GetObject', 's3:GetObject'],
  ['ListObjectsV2', 's3:ListBucket'],
  ['GetQueueAttributes', 'sqs:GetQueueAttributes'],
  ['ReceiveMessage', 'sqs:ReceiveMessage'],
  ['DeleteMessage', 'sqs:DeleteMessage'],
  ['DeleteMessageBatch', 'sqs:DeleteMessage'],
  ['ChangeMessageVisibility', 'sqs:ChangeMessageVisibility'],
  ['ChangeMessageVisibilityBatch', 'sqs:ChangeMessageVisibility'],
  ['PublishBatch', 'sns:Publish'],
  ['SendMessageBatch', 'sqs:SendMessage'],
  ['PutEvents', 'events:PutEvents'],
  ['BatchImportFindings', 'securityhub:BatchImportFindings'],
]);

/** What a policy allows, and the actions that the commands in some files need. */
function permissions(file: string, sources: string) {
  const policy: Any[] = readOne(file).Statement;
  const allowed = policy.flatMap(({ Action }) => Action as string | string[]).sort();
  const commands = globSync(sources, { cwd: ROOT }).flatMap((path) =>
    [...readText(path).matchAll(/new ([A-Z]\w+)Command\(/g)].map(([, name = '']) => name),
  );
  const needed = new Set(commands.map((command) => ACTIONS.get(command) ?? `unknown: ${command}`));
  return { policy, allowed, needed: [...needed].sort() };
}
describe('IAM policy of the sources', () => {
  const { policy, allowed, needed } = permissions('deploy/aws/iam-policy.json', 'src/ingest/**/*.ts');

  it('allows the actions that they need, and no other', () => {
    expect(needed).toEqual(allowed);
  });

  it('allows reading only, and nothing everywhere but what AWS cannot narrow', () => {
    expect(allowed.filter((action) => /\*|Put|Create|Update|Delete(?!Message)/.test(action))).toEqual([]);
    for (const { Effect, Action, Resource } of policy) {
      expect(Effect).toBe('Allow');
      if (Resource === '*') expect(Action).toBe('ec2:DescribeFlowLogs');
    }
  });
});

describe('IAM policy of the inventory', () => {
  const { policy, allowed } = permissions('deploy/aws/iam-policy-inventory.json', 'src/reference/**/*.ts');

  it('allows the actions that it needs, and no other', () => {
    const paginated = [...readText('src/reference/inventory/ec2.ts').matchAll(/paginate([A-Z]\w+)\(/g)];
    const needed = new Set(paginated.map(([, command]) => `ec2:${command}`));
    expect([...needed].sort()).toEqual(allowed);
  });

  it('allows reading only, which AWS cannot narrow', () => {
    for (const { Effect, Action, Resource } of policy) {
      expect(Effect).toBe('Allow');
      expect([Action].flat().every((action: string) => action.startsWith('ec2:Describe'))).toBe(true);
      expect(Resource).toBe('*');
    }
  });
});

describe('IAM policy of the sinks', () => {
  const { policy, allowed, needed } = permissions('deploy/aws/iam-policy-sinks.json', 'src/send/sinks/*.ts');

  it('allows the actions that they need, and no other, on one resource each', () => {
    expect(needed).toEqual(allowed);
    for (const { Effect, Resource } of policy) {
      expect(Effect).toBe('Allow');
      expect(Resource).toMatch(/^arn:aws:[a-z]+:REGION:ACCOUNT:[^*]+$/);
    }
  });
});

describe('CloudFormation template', () => {
  const { Resources } = readOne('deploy/aws/flow-logs.cloudformation.yaml');
  const { LogFormat, MaxAggregationInterval, TrafficType } = Resources.FlowLog.Properties;
  const fields: string[] = LogFormat.match(/(?<=\$\{)[^}]+/g);

  it('logs each field that a detector needs or is better with, and lost records', () => {
    const wanted = detectors.flatMap(({ fields: { required, helpful } }) => [
      ...required,
      ...helpful.map(({ field }) => field),
    ]);
    expect(wanted.filter((field) => !fields.includes(field))).toEqual([]);
    expect(fields).toContain('log-status');
    expect(new Set(fields).size).toBe(fields.length);
  });

  it('logs accepted and refused traffic, by the minute', () => {
    expect({ TrafficType, MaxAggregationInterval }).toEqual({
      TrafficType: 'ALL',
      MaxAggregationInterval: 60,
    });
  });

  it('lets the reader do what the policy allows, in sum', () => {
    const text = readText('deploy/aws/flow-logs.cloudformation.yaml');
    const reader = text.slice(text.indexOf('ReaderRole:'), text.indexOf('\nOutputs:'));
    const { allowed } = permissions('deploy/aws/iam-policy.json', 'src/ingest/**/*.ts');
    const actions = reader.match(/\b(?:s3|sqs|logs|ec2):[A-Z]\w+/g) ?? [];
    expect([...new Set(actions)].sort()).toEqual(allowed);
  });
});
