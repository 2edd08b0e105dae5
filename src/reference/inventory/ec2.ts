import {
  EC2Client,
  type Filter,
  type NetworkInterface,
  paginateDescribeInstances,
  paginateDescribeNetworkInterfaces,
  type Tag,
} from '@aws-sdk/client-ec2';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { compareTexts } from '../../columns/text-order.ts';
import type { InventoryEntry } from '../../contracts.ts';
import { type AwsConnection, openAws } from '../../outbound/aws.ts';
import type { Ec2Options } from './options.ts';

/** Most that EC2 gives at once. */
const PAGE = 1000;
/** Of a page: a thousand interfaces with fifty tags each are less. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const SESSION = 'flowsentry-inventory';
/** Instances that were terminated have no interfaces, and are listed for an hour. */
const ALIVE: Filter[] = [
  { Name: 'instance-state-name', Values: ['pending', 'running', 'shutting-down', 'stopping', 'stopped'] },
];

/**
 * The network interfaces of an account in one region with what has them, as they are now: a finished look, or an error. `from` is when
 * an interface was attached, 0 where EC2 does not say. Throttling is waited for by the SDK; `signal` ends it with the attempt it is at.
 */
export async function describeInterfaces(
  options: Ec2Options,
  region: string,
  roleTags: readonly string[],
  signal: AbortSignal,
): Promise<InventoryEntry[]> {
  const { endpoint, tls } = options;
  const calls = { maxAnswerBytes: MAX_ANSWER_BYTES, signal };
  const aws = await openAws({ region, endpoint, tls }, calls);
  try {
    const client = new EC2Client({ ...aws.client, ...credentialsOf(options, aws) });
    const tagsOf = new Map<string, readonly Tag[]>();
    const instances = paginateDescribeInstances({ client, pageSize: PAGE }, { Filters: ALIVE });
    for await (const { Reservations = [] } of instances)
      for (const { InstanceId = '', Tags = [] } of Reservations.flatMap(({ Instances = [] }) => Instances))
        tagsOf.set(InstanceId, Tags);
    const entries: InventoryEntry[] = [];
    const interfaces = paginateDescribeNetworkInterfaces({ client, pageSize: PAGE }, {});
    for await (const { NetworkInterfaces = [] } of interfaces)
      for (const one of NetworkInterfaces) {
        const entry = entryOf(one, tagsOf.get(one.Attachment?.InstanceId ?? '') ?? [], region, roleTags);
        if (entry.addresses.length > 0) entries.push(entry);
      }
    return entries;
  } finally {
    aws.close();
  }
}

function credentialsOf({ assumeRole }: Ec2Options, { client }: AwsConnection) {
  if (assumeRole === undefined) return {};
  const { arn, externalId, endpoint } = assumeRole;
  const { endpoint: _, ...rest } = client;
  return {
    credentials: fromTemporaryCredentials({
      params: {
        RoleArn: arn,
        RoleSessionName: SESSION,
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
      },
      clientConfig: { ...rest, ...(endpoint === undefined ? {} : { endpoint }) },
    }),
  };
}

function entryOf(
  one: NetworkInterface,
  instanceTags: readonly Tag[],
  region: string,
  roleTags: readonly string[],
): InventoryEntry {
  const { NetworkInterfaceId: name = '', Attachment: attachment } = one;
  // The interface's own tags are the nearer ones.
  const tags = Object.fromEntries(
    [...instanceTags, ...(one.TagSet ?? [])]
      .map(({ Key = '', Value = '' }) => [Key, Value] as const)
      .sort(([a], [b]) => compareTexts(a, b)),
  );
  const managed = managedOf(one);
  const role = roleTags.map((key) => tags[key]).find(Boolean) ?? managed?.role;
  const shownName = tags.Name || managed?.name;
  const attachedAt = attachment?.Status === 'attached' ? attachment.AttachTime : undefined;
  const groups = (one.Groups ?? []).map(({ GroupId = '', GroupName }) =>
    GroupName === undefined ? GroupId : `${GroupId} (${GroupName})`,
  );
  return {
    id: attachment?.InstanceId ?? name,
    ...(shownName ? { name: shownName } : {}),
    ...(role ? { role } : {}),
    addresses: [...new Set(addressesOf(one))].sort(),
    interface: name,
    ...(one.OwnerId === undefined ? {} : { account: one.OwnerId }),
    region,
    ...(one.VpcId === undefined ? {} : { vpc: one.VpcId }),
    ...(one.SubnetId === undefined ? {} : { subnet: one.SubnetId }),
    ...(groups.length === 0 ? {} : { securityGroups: groups.sort() }),
    tags,
    from: attachedAt === undefined ? 0 : Math.floor(attachedAt.getTime() / 1000),
  };
}

/** All that a flow log may show of it: private, public, IPv6, and prefixes that are delegated to it. */
function addressesOf(one: NetworkInterface): string[] {
  const own = (one.PrivateIpAddresses ?? []).flatMap(({ PrivateIpAddress, Association }) => [
    PrivateIpAddress,
    Association?.PublicIp,
    Association?.CarrierIp,
  ]);
  return [
    ...own,
    one.PrivateIpAddress,
    one.Association?.PublicIp,
    ...(one.Ipv6Addresses ?? []).map(({ Ipv6Address }) => Ipv6Address),
    ...(one.Ipv4Prefixes ?? []).map(({ Ipv4Prefix }) => Ipv4Prefix),
    ...(one.Ipv6Prefixes ?? []).map(({ Ipv6Prefix }) => Ipv6Prefix),
  ].filter((address): address is string => address !== undefined && address !== '');
}

/** What AWS writes into the description of interfaces that a service of its own has. */
const MANAGED: readonly (readonly [description: RegExp, role: string])[] = [
  [/^ELB ((?:app|net|gwy)\/[^/]+)/, 'load balancer'],
  [/^ELB (.+)$/, 'load balancer'],
  [/^AWS Lambda VPC ENI-(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'lambda'],
  [/^Interface for NAT Gateway (nat-\w+)/, 'nat gateway'],
  [/^VPC Endpoint Interface (vpce-\w+)/, 'vpc endpoint'],
  [/^ElastiCache ([\w-]+)/, 'elasticache'],
  [/^EFS mount target for (fs-\w+)/, 'efs'],
  [/^RDSNetworkInterface()$/, 'rds'],
];

/** Name and role of an interface that a service of AWS has; each load balancer and function is a role of its own. */
function managedOf({ Description: text = '', InterfaceType: type }: NetworkInterface) {
  for (const [description, role] of MANAGED) {
    const name = description.exec(text)?.[1];
    if (name !== undefined) return name === '' ? { role } : { role: `${role} ${name}`, name };
  }
  return type === undefined || type === 'interface' || type === 'branch' || type === 'trunk'
    ? undefined
    : { role: type.replaceAll('_', ' ') };
}
