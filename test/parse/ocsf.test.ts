import { expect, test } from 'vitest';
import { decodeText, type Row } from './support.ts';

const metadata = (version: string, product: string): object => ({
  product: { version: product, name: 'Amazon VPC', feature: { name: 'Flowlogs' }, vendor_name: 'AWS' },
  version,
});
const near = {
  interface_uid: 'eni-1',
  vpc_uid: 'vpc-1',
  subnet_uid: 'subnet-1',
  instance_uid: 'i-1',
};

const CORE: Row = {
  'account-id': '123456789012',
  'interface-id': 'eni-1',
  'vpc-id': 'vpc-1',
  'subnet-id': 'subnet-1',
  'instance-id': 'i-1',
  region: 'eu-west-1',
  'az-id': 'euw1-az1',
  srcaddr: '10.0.0.1',
  'pkt-srcaddr': '10.0.0.1',
  dstaddr: '203.0.113.9',
  'pkt-dstaddr': '203.0.113.9',
  srcport: 40000,
  dstport: 443,
  protocol: 6,
  'tcp-flags': 3,
  type: 'IPv4',
  packets: 5,
  bytes: 500,
  start: 1700000000,
  end: 1700000059,
  'log-status': 'OK',
};

const event = (version: string): Record<string, unknown> => ({
  metadata: metadata(version, '5'),
  cloud: { account_uid: '123456789012', region: 'eu-west-1', zone: 'euw1-az1', provider: 'AWS' },
  src_endpoint: { ip: '10.0.0.1', port: 40000, svc_name: '-', ...near },
  dst_endpoint: { ip: '203.0.113.9', port: 443, svc_name: 'CLOUDFRONT', interface_uid: null },
  connection_info: {
    protocol_num: 6,
    tcp_flags: 3,
    protocol_ver: 'IPv4',
    direction_id: 2,
    boundary_id: 99,
  },
  traffic: { packets: 5, bytes: 500 },
  time: 1700000000000,
  start_time: 1700000000000,
  end_time: 1700000059000,
  class_uid: 4001,
  status_code: 'OK',
});

const rowsOf = async (...events: object[]): Promise<Row[]> => {
  const decoded = await decodeText(events.map((each) => JSON.stringify(each)).join('\n'));
  expect(decoded.rejects).toEqual([]);
  return decoded.rows;
};

test('OCSF 0.39: names of activities differ and the status is unmapped', async () => {
  const { status_code: _, ...rest } = event('0.39.0');
  const old = {
    ...rest,
    unmapped: { log_status: 'OK' },
    connection_info: { ...(rest.connection_info as object), boundary_id: 0 },
  };
  const both = { 'flow-direction': 'egress', 'pkt-dst-aws-service': 'CLOUDFRONT' };
  expect(
    await rowsOf(
      { ...old, activity_id: 1, activity_name: 'Established' },
      { ...old, activity_id: 2, activity_name: 'Refused' },
    ),
  ).toEqual([
    { ...CORE, ...both, action: 'ACCEPT' },
    { ...CORE, ...both, action: 'REJECT' },
  ]);
});

test('OCSF 1.0: an incoming record has the interface on the destination', async () => {
  const incoming = {
    ...event('1.0.0-rc.2'),
    src_endpoint: { ip: '10.0.0.1', port: 40000, svc_name: 'AMAZON', interface_uid: '-' },
    dst_endpoint: { ip: '203.0.113.9', port: 443, svc_name: '-', ...near },
    connection_info: {
      protocol_num: 6,
      tcp_flags: 3,
      protocol_ver: 'IPv4',
      direction_id: 1,
      boundary_id: 99,
    },
    disposition: 'Blocked',
    activity_id: 5,
    unmapped: [
      ['sublocation_id', 'wlz-1'],
      ['sublocation_type', '-'],
    ],
  };
  expect(await rowsOf(incoming)).toEqual([
    {
      ...CORE,
      action: 'REJECT',
      'flow-direction': 'ingress',
      'pkt-src-aws-service': 'AMAZON',
      'sublocation-id': 'wlz-1',
    },
  ]);
});

test('OCSF 1.1 and 1.5: nested account, dates, intermediate addresses, boundary and ECS fields', async () => {
  for (const version of ['1.1.0', '1.5.0']) {
    const { start_time: _, end_time: __, ...rest } = event(version);
    const modern = {
      ...rest,
      cloud: { account: { uid: '123456789012' }, region: 'eu-west-1', zone: 'euw1-az1' },
      dst_endpoint: { ip: '203.0.113.9', port: 443, svc_name: '-', intermediate_ips: ['10.0.9.9'] },
      connection_info: { ...(rest.connection_info as object), boundary_id: 4 },
      start_time_dt: '2023-11-14 22:13:20+00:00',
      end_time_dt: '2023-11-14T23:14:19.500+01:00',
      action: 'Allowed',
      activity_id: 6,
      unmapped: { ecs_cluster_name: 'web', ecs_task_id: '-', reject_reason: 'Accepted', polluted: 'x' },
    };
    expect(await rowsOf(modern)).toEqual([
      {
        ...CORE,
        dstaddr: '10.0.9.9',
        action: 'ACCEPT',
        'flow-direction': 'egress',
        'traffic-path': '1',
        'ecs-cluster-name': 'web',
        'reject-reason': 'Accepted',
      },
    ]);
  }
});

test('a NODATA event has its interface on the source and no traffic', async () => {
  const nothing = {
    ...event('1.0.0-rc.2'),
    src_endpoint: { ip: '-', port: null, svc_name: '-', interface_uid: 'eni-9' },
    dst_endpoint: { ip: '-', port: null, svc_name: '-' },
    connection_info: {
      protocol_num: null,
      tcp_flags: null,
      protocol_ver: '-',
      direction_id: 99,
      boundary_id: 99,
    },
    traffic: { packets: null, bytes: null },
    status_code: 'NODATA',
    activity_id: 0,
    disposition: '-',
  };
  expect(await rowsOf(nothing)).toEqual([
    {
      'account-id': '123456789012',
      'interface-id': 'eni-9',
      region: 'eu-west-1',
      'az-id': 'euw1-az1',
      start: 1700000000,
      end: 1700000059,
      'log-status': 'NODATA',
    },
  ]);
});

test('events come in lists and under Records, too, and other classes are refused', async () => {
  const one = { ...event('1.1.0'), action: 'Denied' };
  for (const text of [JSON.stringify([one, one]), JSON.stringify({ Records: [one, one] })]) {
    const decoded = await decodeText(text);
    expect(decoded.rows.map((each) => each.action)).toEqual(['REJECT', 'REJECT']);
  }
  const decoded = await decodeText(JSON.stringify([{ ...one, class_uid: 4003 }, one]));
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['unknown-shape']);
  expect(decoded.rows).toHaveLength(1);
});
