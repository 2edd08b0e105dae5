import { parseAddress } from '../../columns/address.ts';
import type { Alert, FlowSample, OutsideNetwork, Severity } from '../../contracts.ts';
import type { Message } from '../message.ts';
import { linkTo } from '../words/text.ts';
import { ATTACK_VERSION, TACTICS, techniqueOf } from './attack.ts';

/** Version of the schema: what we use of it is the same in 1.5.0 to 1.8.0. */
export const OCSF_VERSION = '1.6.0';
/** Detection Finding: https://schema.ocsf.io/1.6.0/classes/detection_finding */
const CLASS = 2004;
const SEVERITY: Readonly<Record<Severity, readonly [id: number, name: string]>> = {
  info: [1, 'Informational'],
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
};
const ACTIVITY = { new: [1, 'Create'], known: [2, 'Update'], resolved: [3, 'Close'] } as const;
const STATUS = { firing: [1, 'New'], resolved: [4, 'Resolved'] } as const;
const BEHAVIORAL = 2;
const IP_ADDRESS = 2;
const UNKNOWN_DIRECTION = 0;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp' };

/**
 * An alert as a Detection Finding of OCSF. Its times are the alert's own, event time; only when it was sent is by the clock. What the schema has no
 * place for is in `unmapped`.
 */
export function toOcsf(
  alert: Alert,
  { key, at, test, known }: Pick<Message, 'key' | 'at' | 'test' | 'known'>,
  console?: string,
): object {
  const { id, detector, severity, state, title, subject, account, count, score, explanation } = alert;
  const [activityId, activity] =
    ACTIVITY[state === 'resolved' ? state : known?.includes(id) === true ? 'known' : 'new'];
  const [severityId, severityName] = SEVERITY[severity];
  const [statusId, status] = STATUS[state];
  const first = Date.parse(alert.firstSeen);
  const last = Date.parse(alert.lastSeen);
  const link = linkTo(console, alert);
  const ends = [subject, alert.peer].filter((end) => end !== undefined && isAddress(end));
  return {
    category_uid: 2,
    category_name: 'Findings',
    class_uid: CLASS,
    class_name: 'Detection Finding',
    activity_id: activityId,
    activity_name: activity,
    type_uid: CLASS * 100 + activityId,
    type_name: `Detection Finding: ${activity}`,
    severity_id: severityId,
    severity: severityName,
    status_id: statusId,
    status,
    time: last,
    start_time: first,
    end_time: last,
    count,
    is_alert: true,
    message: title,
    metadata: {
      version: OCSF_VERSION,
      uid: `${key}-${id}`,
      event_code: detector,
      processed_time: Date.parse(at),
      product: { name: 'flowsentry', vendor_name: 'flowsentry' },
      ...(account === undefined ? {} : { profiles: ['cloud'] }),
      ...(test === true ? { labels: ['test'] } : {}),
    },
    ...(account === undefined ? {} : { cloud: { provider: 'AWS', account: { uid: account } } }),
    finding_info: {
      uid: id,
      title,
      desc: `Observed ${explanation.observed}, usual ${explanation.baseline}, threshold ${explanation.threshold}: ${explanation.formula}`,
      types: [detector],
      analytic: { uid: detector, name: detector, type_id: BEHAVIORAL, type: 'Behavioral' },
      data_sources: ['VPC Flow Logs'],
      created_time: first,
      first_seen_time: first,
      last_seen_time: last,
      ...(alert.attack.length === 0 ? {} : { attacks: alert.attack.map(attackOf) }),
      ...(link === undefined ? {} : { src_url: link }),
    },
    evidences: evidencesOf(alert),
    resources: resourcesOf(alert),
    observables: ends.map((value, i) => ({
      name: i === 0 && value === subject ? 'resources.ip' : 'evidences.dst_endpoint.ip',
      type_id: IP_ADDRESS,
      type: 'IP Address',
      value,
    })),
    anomaly_analyses: [
      {
        analysis_targets: [{ name: subject }],
        anomalies: [observation(explanation.formula, explanation.observed)],
        baselines: [observation(explanation.formula, explanation.baseline)],
      },
    ],
    unmapped: {
      ...{ key, score, explanation, query: alert.query, exception: alert.exception },
      ...(alert.peerAsset === undefined ? {} : { peerAsset: alert.peerAsset }),
      ...(alert.peerNames === undefined ? {} : { peerNames: alert.peerNames }),
      // Of an end that no evidence shows too.
      ...{ zone: alert.zone, peerZone: alert.peerZone },
      ...{ network: alert.network, peerNetwork: alert.peerNetwork },
      ...(alert.encrypted === undefined ? {} : { encrypted: alert.encrypted }),
    },
  };
}

function isAddress(text: string): boolean {
  return parseAddress(text) !== undefined;
}

function observation(parameter: string, value: unknown): object {
  return { observation_parameter: parameter, observations: [{ value: String(value) }] };
}

function attackOf(id: string): object {
  const known = techniqueOf(id);
  if (known === undefined) return { version: ATTACK_VERSION, technique: { uid: id } };
  const { name, tactic, parent } = known;
  const named = { uid: id, name };
  return {
    version: ATTACK_VERSION,
    tactic: { uid: TACTICS[tactic], name: tactic },
    ...(parent === undefined
      ? { technique: named }
      : { technique: { uid: parent, name: techniqueOf(parent)?.name ?? parent }, sub_technique: named }),
  };
}

/** The connections that prove it; of an alert without any, its two ends. */
function evidencesOf(alert: Alert): object[] {
  const { samples, subject, peer, port, protocol } = alert;
  if (samples.length > 0) return samples.map((sample) => evidenceOf(sample, alert));
  return [
    {
      src_endpoint: endpoint(alert, subject),
      ...(peer === undefined && port === undefined ? {} : { dst_endpoint: endpoint(alert, peer, port) }),
      ...(protocol === undefined ? {} : { connection_info: connection(protocol) }),
    },
  ];
}

function evidenceOf(sample: FlowSample, alert: Alert): object {
  const { srcaddr, srcport, dstaddr, dstport, protocol } = sample;
  return {
    src_endpoint: endpoint(alert, srcaddr, srcport),
    dst_endpoint: endpoint(alert, dstaddr, dstport),
    connection_info: connection(protocol),
    // As the flow log has it, with its interface, bytes, packets and times.
    data: sample,
  };
}

function endpoint(alert: Alert, name: string | undefined, port?: number): object {
  const { subject, peer, zone, peerZone, network, peerNetwork } = alert;
  const its = name === subject ? zone : name === peer ? peerZone : undefined;
  const where = name === subject ? network : name === peer ? peerNetwork : undefined;
  return {
    ...(name === undefined ? { name: 'any' } : isAddress(name) ? { ip: name } : { name }),
    ...(its === undefined ? {} : { zone: its }),
    ...(where === undefined ? {} : placeOf(where)),
    ...(port === undefined ? {} : { port }),
  };
}

/** The schema knows AWS's names of services as those of an endpoint. */
function placeOf({ asn, organization, country, service }: OutsideNetwork): object {
  return {
    ...(asn === undefined ? {} : { autonomous_system: { number: asn, name: organization } }),
    ...(country === undefined ? {} : { location: { country } }),
    ...(service === undefined ? {} : { svc_name: service }),
  };
}

function connection(protocol: number): object {
  const name = PROTOCOLS[protocol];
  return {
    direction_id: UNKNOWN_DIRECTION,
    protocol_num: protocol,
    ...(name === undefined ? {} : { protocol_name: name }),
  };
}

function resourcesOf({ subject, interface: networkInterface, asset }: Alert): object[] {
  const own = {
    ...(isAddress(subject)
      ? { uid: subject, type: 'IP address', ip: subject }
      : { uid: subject, name: subject }),
    ...(asset?.name === undefined ? {} : { name: asset.name }),
    ...(asset?.region === undefined ? {} : { region: asset.region }),
    ...(asset === undefined
      ? {}
      : { labels: Object.entries(asset.tags).map(([key, value]) => `${key}: ${value}`), data: asset }),
  };
  if (networkInterface === undefined || networkInterface === subject) return [own];
  return [own, { uid: networkInterface, type: 'AWS::EC2::NetworkInterface' }];
}
