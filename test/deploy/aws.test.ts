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
  ['HeadObject', 's3:GetObject'],
  ['ListObjectsV2', 's3:ListBucket'],
  ['GetQueueAttributes', 'sqs:GetQueueAttributes'],
  ['ReceiveMessage', 'sqs:ReceiveMessage'],
  ['DeleteMessage', 'sqs:DeleteMessage'],
  ['DeleteMessageBatch', 'sqs:DeleteMessage'],
  ['ChangeMessageVisibility', 'sqs:ChangeMessageVisibility'],
  ['ChangeMessageVisibilityBatch', 'sqs:ChangeMessageVisibility'],
]);

const policy: Any[] = readOne('deploy/aws/iam-policy.json').Statement;
const allowed = policy.flatMap(({ Action }) => Action as string | string[]).sort();
const commands = new Set(
  globSync('src/ingest/*.ts', { cwd: ROOT }).flatMap((file) =>
    [...readText(file).matchAll(/new ([A-Z]\w+)Command\(/g)].map(([, name = '']) => name),
  ),
);

describe('IAM policy', () => {
  it('allows the actions that the sources need, and no other', () => {
    const needed = [...commands].map((command) => ACTIONS.get(command) ?? `unknown: ${command}`);
    expect([...new Set(needed)].sort()).toEqual(allowed);
  });

  it('allows reading only, and nothing everywhere but what AWS cannot narrow', () => {
    expect(allowed.filter((action) => /\*|Put|Create|Update|Delete(?!Message)/.test(action))).toEqual([]);
    for (const { Effect, Action, Resource } of policy) {
      expect(Effect).toBe('Allow');
      if (Resource === '*') expect(Action).toBe('ec2:DescribeFlowLogs');
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
    const actions = reader.match(/\b(?:s3|sqs|logs|ec2):[A-Z]\w+/g) ?? [];
    expect([...new Set(actions)].sort()).toEqual(allowed);
  });
});
