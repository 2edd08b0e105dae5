import type { AwsSecurityFinding } from '@aws-sdk/client-securityhub';
import { isIpv4, parseAddress } from '../../columns/address.ts';
import type { Alert, Severity } from '../../contracts.ts';
import type { Message } from '../message.ts';
import { linkTo, networkText, plain, trim } from '../words/text.ts';
import { type Tactic, techniqueOf } from './attack.ts';

/** Where findings belong. */
export interface Hub {
  readonly region: string;
  /** The account that Security Hub is turned on in. */
  readonly account: string;
  readonly partition: string;
  readonly console?: string | undefined;
}

const LABEL = {
  info: 'INFORMATIONAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  critical: 'CRITICAL',
} as const satisfies Readonly<Record<Severity, string>>;
/** What a finding may have: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-syntax.html */
const MOST = { title: 256, description: 1024, text: 512, fields: 50, name: 128, value: 2048, types: 50 };
/** Tactics that ASFF has no namespace of TTPs for. */
const OTHER_TYPES: Readonly<Partial<Record<Tactic, string>>> = {
  Reconnaissance: 'Unusual Behaviors/Network Flow',
  'Defense Impairment': 'TTPs/Defense Evasion',
  Exfiltration: 'Effects/Data Exfiltration',
  Impact: 'Effects/Resource Consumption',
};

const FLOODS = 'T1498';

/** An alert as a finding of AWS's own format (ASFF). Its id is the alert's, so that what is told later of it updates it. */
export function toAsff(
  alert: Alert,
  { at, key, test }: Pick<Message, 'at' | 'key' | 'test'>,
  { region, account, partition, console }: Hub,
): AwsSecurityFinding {
  const { id, detector, severity, state, title, explanation } = alert;
  const product = `arn:${partition}:securityhub:${region}:${account}:product/${account}/default`;
  const label = { Label: LABEL[severity], Original: severity };
  const types = typesOf(alert);
  const link = linkTo(console, alert);
  const description = `Observed ${explanation.observed}, usual ${explanation.baseline}, threshold ${explanation.threshold}: ${explanation.formula}`;
  return {
    SchemaVersion: '2018-10-08',
    Id: id,
    ProductArn: product,
    ProductName: 'flowsentry',
    CompanyName: 'flowsentry',
    Region: region,
    GeneratorId: trim(`flowsentry/${detector}`, MOST.text),
    AwsAccountId: account,
    Types: types,
    FirstObservedAt: alert.firstSeen,
    LastObservedAt: alert.lastSeen,
    CreatedAt: alert.firstSeen,
    // By the clock: what is older than what is there changes nothing.
    UpdatedAt: at,
    Severity: label,
    FindingProviderFields: { Severity: label, Types: types },
    Title: trim(plain(title), MOST.title),
    Description: trim(plain(description), MOST.description),
    ...(link === undefined ? {} : { SourceUrl: link }),
    ProductFields: fieldsOf(alert, key),
    Resources: resourcesOf(alert, region, account, partition),
    ...networkOf(alert),
    Workflow: { Status: state === 'resolved' ? 'RESOLVED' : 'NEW' },
    RecordState: state === 'resolved' ? 'ARCHIVED' : 'ACTIVE',
    ...(test === true ? { Sample: true } : {}),
  };
}

/** `TTPs/Discovery/T1046-Network Service Discovery` and the like: namespace, category, classifier. */
function typesOf({ attack }: Alert): string[] {
  const types = attack.map((id) => {
    const known = techniqueOf(id);
    if (known === undefined) return 'Unusual Behaviors/Network Flow';
    const namespace = id.startsWith(FLOODS)
      ? 'Effects/Denial of Service'
      : (OTHER_TYPES[known.tactic] ?? `TTPs/${known.tactic}`);
    return `${namespace}/${id}-${known.name.replaceAll('/', ' ')}`;
  });
  return types.length === 0 ? ['Unusual Behaviors/Network Flow'] : [...new Set(types)].slice(0, MOST.types);
}

/** The numbers, as texts. */
function fieldsOf(
  { detector, count, score, explanation, query, encrypted, zone, peerZone, network, peerNetwork }: Alert,
  key: string,
): Record<string, string> {
  const fields = {
    'flowsentry/key': key,
    'flowsentry/detector': detector,
    'flowsentry/count': count,
    'flowsentry/score': score,
    ...(encrypted === undefined ? {} : { 'flowsentry/encrypted': encrypted }),
    ...(zone === undefined ? {} : { 'flowsentry/zone': zone }),
    ...(peerZone === undefined ? {} : { 'flowsentry/peerZone': peerZone }),
    ...(network === undefined ? {} : { 'flowsentry/network': networkText(network) }),
    ...(peerNetwork === undefined ? {} : { 'flowsentry/peerNetwork': networkText(peerNetwork) }),
    ...Object.fromEntries(Object.entries(explanation).map(([name, value]) => [`explanation/${name}`, value])),
    'flowsentry/query': query,
  };
  return Object.fromEntries(
    Object.entries(fields)
      .slice(0, MOST.fields)
      .map(([name, value]) => [trim(plain(name), MOST.name), trim(plain(String(value)), MOST.value) || '-']),
  );
}

/** The interface where the flow log names one; else the subject by itself. */
function resourcesOf(alert: Alert, region: string, account: string, partition: string) {
  const { interface: name = alert.subject, subject } = alert;
  const owner = /^\d{12}$/.test(alert.account ?? '') ? alert.account : account;
  const placed = {
    Partition: partition as 'aws',
    Region: region,
    ...(alert.asset === undefined ? {} : { Tags: { ...alert.asset.tags } }),
  };
  if (/^eni-[0-9a-f]+$/.test(name))
    return [
      {
        ...placed,
        Type: 'AwsEc2NetworkInterface',
        Id: `arn:${partition}:ec2:${region}:${owner}:network-interface/${name}`,
        Details: { AwsEc2NetworkInterface: { NetworkInterfaceId: name } },
      },
    ];
  return [{ ...placed, Type: 'Other', Id: trim(plain(subject), MOST.text) || '-' }];
}

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' };

/** Who talked to whom, where the subject is an address. */
function networkOf({ subject, peer, port, protocol }: Alert): Pick<AwsSecurityFinding, 'Network'> {
  const source = addressOf('Source', subject);
  if (source === undefined) return {};
  return {
    Network: {
      ...source,
      ...(peer === undefined ? {} : addressOf('Destination', peer)),
      ...(port === undefined ? {} : { DestinationPort: port }),
      ...(protocol === undefined ? {} : { Protocol: PROTOCOLS[protocol] ?? String(protocol) }),
    },
  };
}

function addressOf(end: 'Source' | 'Destination', text: string): Record<string, string> | undefined {
  const words = parseAddress(text);
  return words && { [`${end}${isIpv4(words, 0) ? 'IpV4' : 'IpV6'}`]: text };
}
