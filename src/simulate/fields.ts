import { EXIT, UserError } from '../errors.ts';

/** Field names of the default format, in order. */
export const DEFAULT_FIELDS = [
  'version',
  'account-id',
  'interface-id',
  'srcaddr',
  'dstaddr',
  'srcport',
  'dstport',
  'protocol',
  'packets',
  'bytes',
  'start',
  'end',
  'action',
  'log-status',
] as const;

/** Every field that can be asked for, with the version that brought it (AWS VPC user guide, "Flow log records"). */
export const FIELD_VERSIONS: ReadonlyMap<string, number> = new Map([
  ...DEFAULT_FIELDS.map((name) => [name, 2] as const),
  ...['vpc-id', 'subnet-id', 'instance-id', 'tcp-flags', 'type', 'pkt-srcaddr', 'pkt-dstaddr'].map(
    (name) => [name, 3] as const,
  ),
  ...['region', 'az-id', 'sublocation-type', 'sublocation-id'].map((name) => [name, 4] as const),
  ...['pkt-src-aws-service', 'pkt-dst-aws-service', 'flow-direction', 'traffic-path'].map(
    (name) => [name, 5] as const,
  ),
  ...[
    'ecs-cluster-arn',
    'ecs-cluster-name',
    'ecs-container-instance-arn',
    'ecs-container-instance-id',
    'ecs-container-id',
    'ecs-second-container-id',
    'ecs-service-name',
    'ecs-task-definition-arn',
    'ecs-task-arn',
    'ecs-task-id',
  ].map((name) => [name, 7] as const),
  ['reject-reason', 8],
  ['resource-id', 9],
  ['encryption-status', 10],
  ...[
    'instance-tag',
    'instance-tag-2',
    'interface-tag',
    'interface-tag-2',
    'asg-tag',
    'asg-tag-2',
    'interface-type',
    'next-hop-interface-id',
    'next-hop-subnet-id',
    'next-hop-az-id',
    'next-hop-vpc-id',
    'next-hop-interface-type',
  ].map((name) => [name, 11] as const),
]);

/** The field names of a LogFormat text. Throws a UserError that names what is wrong. */
export function readLogFormat(text: string): string[] {
  const names: string[] = [];
  for (const part of text.trim().split(/\s+/)) {
    const name = /^\$\{([a-z0-9-]+)\}$/.exec(part)?.[1];
    if (name === undefined || !FIELD_VERSIONS.has(name))
      throw new UserError(
        `cannot use the format: ${JSON.stringify(part)} is not a field, write fields as \${srcaddr}, separated by spaces`,
        { exitCode: EXIT.usage },
      );
    names.push(name);
  }
  return names;
}
