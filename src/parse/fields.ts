/** Where a field's value goes: a core column of the batch, `version` (checked, not kept), or `extra` (a dictionary code). */
export type FieldKind =
  | 'version'
  | 'accountId'
  | 'interfaceId'
  | 'srcAddr'
  | 'dstAddr'
  | 'srcPort'
  | 'dstPort'
  | 'protocol'
  | 'packets'
  | 'bytes'
  | 'start'
  | 'end'
  | 'action'
  | 'logStatus'
  | 'tcpFlags'
  | 'pktSrcAddr'
  | 'pktDstAddr'
  | 'extra'
  | 'tag';

export interface Field {
  /** AWS's name, with hyphens. Parquet and JSON use underscores. */
  readonly name: string;
  /** Flow log version that introduced the field; 6 is Transit Gateway only. */
  readonly version: number;
  /** `tag` is an extra whose text is percent-encoded UTF-8. */
  readonly kind: FieldKind;
  /** How history stores it. An extra whose text is not a number although this says so is stored as null. */
  readonly type: 'text' | 'int' | 'bigint';
}

const field = (name: string, version: number, kind: FieldKind, type: Field['type'] = 'text'): Field => ({
  name,
  version,
  kind,
  type,
});
const text = (version: number, names: string): Field[] =>
  names.split(' ').map((name) => field(name, version, 'extra'));

/** Fields of VPC flow logs, versions 2 to 11, in the order of AWS's table. */
export const VPC_FIELDS: readonly Field[] = [
  field('version', 2, 'version', 'int'),
  field('account-id', 2, 'accountId'),
  field('interface-id', 2, 'interfaceId'),
  field('srcaddr', 2, 'srcAddr'),
  field('dstaddr', 2, 'dstAddr'),
  field('srcport', 2, 'srcPort', 'int'),
  field('dstport', 2, 'dstPort', 'int'),
  field('protocol', 2, 'protocol', 'int'),
  field('packets', 2, 'packets', 'bigint'),
  field('bytes', 2, 'bytes', 'bigint'),
  field('start', 2, 'start', 'bigint'),
  field('end', 2, 'end', 'bigint'),
  field('action', 2, 'action'),
  field('log-status', 2, 'logStatus'),
  ...text(3, 'vpc-id subnet-id instance-id'),
  field('tcp-flags', 3, 'tcpFlags', 'int'),
  field('type', 3, 'extra'),
  field('pkt-srcaddr', 3, 'pktSrcAddr'),
  field('pkt-dstaddr', 3, 'pktDstAddr'),
  ...text(4, 'region az-id sublocation-type sublocation-id'),
  ...text(5, 'pkt-src-aws-service pkt-dst-aws-service flow-direction'),
  field('traffic-path', 5, 'extra', 'int'),
  ...text(7, 'ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id'),
  ...text(7, 'ecs-container-id ecs-second-container-id ecs-service-name ecs-task-definition-arn'),
  ...text(7, 'ecs-task-arn ecs-task-id'),
  ...text(8, 'reject-reason'),
  ...text(9, 'resource-id'),
  field('encryption-status', 10, 'extra', 'int'),
  field('instance-tag', 11, 'tag'),
  field('instance-tag-2', 11, 'tag'),
  field('interface-tag', 11, 'tag'),
  field('interface-tag-2', 11, 'tag'),
  field('asg-tag', 11, 'tag'),
  field('asg-tag-2', 11, 'tag'),
  ...text(11, 'interface-type next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id'),
  ...text(11, 'next-hop-interface-type'),
];

const TRANSIT_ONLY: readonly Field[] = [
  ...text(6, 'resource-type tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id'),
  ...text(6, 'tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni'),
  ...text(6, 'tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id'),
  field('packets-lost-no-route', 6, 'extra', 'bigint'),
  field('packets-lost-blackhole', 6, 'extra', 'bigint'),
  field('packets-lost-mtu-exceeded', 6, 'extra', 'bigint'),
  field('packets-lost-ttl-expired', 6, 'extra', 'bigint'),
];

/** Every field flowsentry knows. Fields that both kinds of log have are listed once. */
export const FIELDS: readonly Field[] = [...VPC_FIELDS, ...TRANSIT_ONLY];

/** By AWS's name. */
export const FIELD_BY_NAME: ReadonlyMap<string, Field> = new Map(FIELDS.map((each) => [each.name, each]));

/** The default format of VPC flow logs (version 2). */
export const DEFAULT_FIELDS: readonly string[] = VPC_FIELDS.slice(0, 14).map((each) => each.name);

/** The default, and only documented, format of Transit Gateway flow logs (version 6): 36 fields. */
export const TRANSIT_FIELDS: readonly string[] = (
  'version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id ' +
  'tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id ' +
  'tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end ' +
  'log-status type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded ' +
  'packets-lost-ttl-expired tcp-flags region flow-direction pkt-src-aws-service pkt-dst-aws-service'
).split(' ');
