import { FIELD_BY_NAME } from './fields.ts';
import { canonicalName } from './format.ts';

/** OCSF's class of VPC flow log events: Network Activity. */
export const NETWORK_ACTIVITY = 4001;

type Event = Readonly<Record<string, unknown>>;

/**
 * The flow log record that an OCSF Network Activity event (0.39 to 1.5, JSON or Parquet) was made from, by AWS's names. The reverse of
 * Security Lake's mapping; where versions differ, both readings are accepted.
 */
export function recordOfOcsf(event: Event): Map<string, unknown> {
  const record = new Map<string, unknown>();
  const set = (name: string, value: unknown): void => {
    if (value !== undefined && value !== null && value !== '-') record.set(name, value);
  };
  const metadata = child(event, 'metadata');
  const cloud = child(event, 'cloud');
  const source = child(event, 'src_endpoint');
  const target = child(event, 'dst_endpoint');
  const connection = child(event, 'connection_info');
  const traffic = child(event, 'traffic');

  // Before 1.0 and in other producers' events this is a product's version, not a flow log's.
  const version = own(child(metadata, 'product'), 'version');
  if (/^\d{1,2}$/.test(String(version))) set('version', version);
  set('account-id', own(cloud, 'account_uid') ?? own(child(cloud, 'account'), 'uid'));
  set('region', own(cloud, 'region'));
  set('az-id', own(cloud, 'zone'));
  const time = own(event, 'time') ?? own(event, 'time_dt');
  set('start', timeOf(event, 'start_time') ?? timeOf(connection, 'start_time') ?? secondsOf(time));
  set('end', timeOf(event, 'end_time') ?? timeOf(connection, 'end_time') ?? secondsOf(time));

  const direction = Number(own(connection, 'direction_id'));
  endpoint(set, source, 'src');
  endpoint(set, target, 'dst');
  // The interface that wrote the record is the sender's when it left, the receiver's when it came in; NODATA rows have it on the source.
  const [near, far] = direction === 1 ? [target, source] : [source, target];
  set('interface-id', value(near, 'interface_uid') ?? value(far, 'interface_uid'));
  set('vpc-id', value(near, 'vpc_uid') ?? value(far, 'vpc_uid'));
  set('subnet-id', value(near, 'subnet_uid') ?? value(far, 'subnet_uid'));
  set('instance-id', value(near, 'instance_uid') ?? value(far, 'instance_uid'));
  if (direction === 1) set('flow-direction', 'ingress');
  if (direction === 2) set('flow-direction', 'egress');

  set('protocol', own(connection, 'protocol_num'));
  set('tcp-flags', own(connection, 'tcp_flags'));
  const family = own(connection, 'protocol_ver');
  const familyId = own(connection, 'protocol_ver_id');
  set('type', family ?? (familyId === 4 ? 'IPv4' : familyId === 6 ? 'IPv6' : undefined));
  // boundary_id is traffic-path + 3; 0 (0.39) and 99 (1.0) are its null.
  const boundary = Number(own(connection, 'boundary_id'));
  if (boundary >= 4 && boundary <= 11) set('traffic-path', boundary - 3);
  set('packets', own(traffic, 'packets'));
  set('bytes', own(traffic, 'bytes'));
  set('action', actionOf(event));

  const unmapped = own(event, 'unmapped');
  set(
    'log-status',
    statusOf(own(event, 'status_code')) ?? statusOf(own(child(event, 'unmapped'), 'log_status')),
  );
  for (const [name, extra] of pairsOf(unmapped)) {
    const field = canonicalName(name);
    if (FIELD_BY_NAME.has(field) && !record.has(field)) set(field, extra);
  }
  return record;
}

function endpoint(set: (name: string, value: unknown) => void, end: Event, side: 'src' | 'dst'): void {
  // `ip` is the packet's address; the interface's own is kept apart only where it differs.
  const packet = value(end, 'ip');
  const between = own(end, 'intermediate_ips');
  const first = Array.isArray(between)
    ? (between as unknown[]).find((ip) => ip !== '-' && ip !== null)
    : undefined;
  set(`${side}addr`, first ?? packet);
  set(`pkt-${side}addr`, packet);
  set(`${side}port`, own(end, 'port'));
  set(`pkt-${side}-aws-service`, own(end, 'svc_name'));
}

function actionOf(event: Event): string | undefined {
  for (const name of ['action', 'disposition'])
    switch (own(event, name)) {
      case 'Allowed':
        return 'ACCEPT';
      case 'Blocked':
      case 'Denied':
      case 'Dropped':
      case 'Rejected':
        return 'REJECT';
    }
  switch (own(event, 'activity_name')) {
    case 'Traffic':
    case 'Established':
      return 'ACCEPT';
    case 'Refuse':
    case 'Refused':
      return 'REJECT';
  }
  const activity = Number(own(event, 'activity_id'));
  return activity === 6 ? 'ACCEPT' : activity === 5 ? 'REJECT' : undefined;
}

function statusOf(text: unknown): unknown {
  return text === 'OK' || text === 'NODATA' || text === 'SKIPDATA' ? text : undefined;
}

function timeOf(object: Event, name: string): unknown {
  return secondsOf(own(object, name) ?? own(object, `${name}_dt`));
}

/** A date as seconds; a number as it is, because the reader of times tells milliseconds from seconds. */
function secondsOf(time: unknown): unknown {
  const text = typeof time === 'string' ? DATE.exec(time) : null;
  if (text === null) return time ?? undefined;
  const parsed = Date.parse(`${text[1]}T${text[2]}${text[3] ?? 'Z'}`);
  return Number.isNaN(parsed) ? time : Math.floor(parsed / 1000);
}

/** ISO 8601, also with a blank between date and time; without a zone it is UTC. */
const DATE = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?$/;

/** Entries of a JSON object, or of a Parquet map that came as a list of keys and values. */
function pairsOf(map: unknown): [string, unknown][] {
  if (Array.isArray(map)) {
    return map.flatMap((entry: unknown): [string, unknown][] => {
      if (Array.isArray(entry)) return [[String(entry[0]), entry[1]]];
      const pair = asObject(entry);
      return pair === undefined ? [] : [[String(own(pair, 'key')), own(pair, 'value')]];
    });
  }
  const object = asObject(map);
  return object === undefined ? [] : Object.entries(object);
}

/** A plain object to read own properties of, or undefined. */
export function asObject(value: unknown): Event | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Event) : undefined;
}

/** An own property; what is inherited (`constructor`, `__proto__`) is nobody's data. */
export function own(object: Event | undefined, name: string): unknown {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
}

const NOTHING: Event = Object.freeze({});

function child(object: Event, name: string): Event {
  return asObject(own(object, name)) ?? NOTHING;
}

function value(object: Event, name: string): unknown {
  const found = own(object, name);
  return found === null || found === '-' ? undefined : found;
}
