import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RejectReason } from '../../src/contracts.ts';
import { decodeFile } from '../../src/decode.ts';
import { collect, DATA, type Decoded, decodeText, HAS_DATA, type Row, WITHOUT_DATA } from './support.ts';

const PEERS = join(DATA, 'peer-cases');
const SEKOIA = 'SEKOIA-IO__automation-library/AWS/tests';
const LAKE = 'aws-samples__amazon-security-lake-ocsf-validation/samples/1.0.0-rc.2/VPC_FLOW';
const CENTRAL = 'aws-solutions__centralized-logging-with-opensearch/source/constructs/lambda';
const PROMTAIL = 'grafana__lambda-promtail/testdata';

const decode = (path: string): Promise<Decoded> => collect((options) => decodeFile(path, options));
const reasonsOf = (decoded: Decoded): RejectReason[] => decoded.rejects.map((reject) => reject.reason);

/** Rows and reasons of every file. What is no flow log record is refused with a reason, and nothing else happens. */
const EXPECTED: Readonly<Record<string, readonly [rows: number, ...rejects: RejectReason[]]>> = {
  [`${SEKOIA}/data/111111111111_vpcflowlogs_eu-west-3_fl-032a163fae170ae52_20220831T1255Z_2ad4bef5.parquet`]:
    [7],
  [`${SEKOIA}/connectors/s3/test_parquet_result.json`]: [7],
  [`${LAKE}/example0.gz.parquet`]: [1],
  [`${LAKE}/example1.gz.parquet`]: [1],
  [`${LAKE}/example2.gz.parquet`]: [1],
  [`${LAKE}/example3.gz.parquet`]: [1],
  [`${LAKE}/inputs/vpc_flow-input0.json.parquet`]: [1],
  [`${LAKE}/inputs/vpc_flow-input1.json.parquet`]: [1],
  [`${LAKE}/inputs/vpc_flow-input2.json.parquet`]: [1],
  [`${LAKE}/inputs/vpc_flow-input3.parquet`]: [1],
  // Notifications say where records are; they are none.
  [`${PROMTAIL}/eventbridge-s3-event.json`]: [0, 'unknown-shape'],
  [`${PROMTAIL}/events/s3-event.json`]: [0, 'unknown-shape'],
  [`${PROMTAIL}/events/s3-event-generated-tags.json`]: [0, 'unknown-shape'],
  [`${PROMTAIL}/events/s3-test-event.json`]: [0, 'unknown-shape'],
  [`${PROMTAIL}/events/sns-event.json`]: [0, 'unknown-shape'],
  [`${PROMTAIL}/events/sqs-event.json`]: [0, 'unknown-shape'],
  // Envelopes of messages that are no flows: "[ERROR] First test message", "Hello World", "some_message".
  [`${PROMTAIL}/events/cloudwatch-logs-event.json`]: [0, 'too-few-fields', 'too-few-fields'],
  [`${PROMTAIL}/events/kinesis-event.json`]: [0, 'too-few-fields', 'too-few-fields'],
  [`${PROMTAIL}/kinesis-event.json`]: [0, 'too-few-fields', 'too-few-fields', 'too-few-fields'],
  [`${PROMTAIL}/vpcflowlog.log.gz`]: [3],
  [`${PROMTAIL}/waflog.log.gz`]: [0, 'unknown-shape'],
  'coralogix__coralogix-aws-shipper/tests/fixtures/vpcflow.log.gz': [2],
  'newrelic__aws-log-ingestion/test/events/entry_vpc_flow_logs.json': [1],
  [`${CENTRAL}/pipeline/log-processor/test/datafile/vpcflow.log`]: [17],
  // Schemas, not data.
  [`${CENTRAL}/microbatch/pipeline_resources_builder/logschema/vpcflow/raw.json`]: [0, 'unknown-shape'],
  [`${CENTRAL}/microbatch/pipeline_resources_builder/logschema/vpcflow/parquet.json`]: [0, 'unknown-shape'],
  // Its third row claims protocol 8080.
  'obsrvbl-oss__flowlogs-reader/tests/data/flows.parquet': [2, 'number-out-of-range'],
};
/** Read apart, below: the records are inside something of their own. */
const WRAPPED = [
  'lines-from-test-code.jsonl',
  'panther-labs__panther-analysis/test_scenarios/compromised-root-creds/attacker_vpc.yml',
];

interface PeerLine {
  readonly repo: string;
  readonly path: string;
  readonly line: number;
  readonly raw: string;
}
const peerLines = (): PeerLine[] =>
  readFileSync(join(PEERS, 'lines-from-test-code.jsonl'), 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as PeerLine);

describe.skipIf(!HAS_DATA)(`peers' cases${WITHOUT_DATA}`, () => {
  test('every file has an expectation', () => {
    const files = readdirSync(PEERS, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(PEERS.length + 1));
    expect([...Object.keys(EXPECTED), ...WRAPPED].sort()).toEqual(files.sort());
  });

  test.each(Object.entries(EXPECTED))('%s', async (file, [rows, ...reasons]) => {
    const decoded = await decode(join(PEERS, file));
    expect([decoded.rows.length, ...reasonsOf(decoded)]).toEqual([rows, ...reasons]);
    expect(decoded.received).toBe(rows + reasons.length);
  });

  test("AWS's Parquet is what Sekoia's connector makes of it", async () => {
    const folder = join(PEERS, SEKOIA, 'data');
    const parquet = await decode(join(folder, readdirSync(folder)[0]!));
    const texts = JSON.parse(
      readFileSync(join(PEERS, SEKOIA, 'connectors/s3/test_parquet_result.json'), 'utf8'),
    ) as string[];
    const expected = texts.map((text) => {
      const row: Row = {};
      for (const [name, value] of Object.entries(JSON.parse(text) as Record<string, string | number>))
        if (name !== 'version') row[name.replace('_', '-')] = value;
      return row;
    });
    expect(parquet.rows).toEqual(expected);
  });

  test("what went into Security Lake's OCSF comes out of it", async () => {
    const inputs = ['0.json.parquet', '1.json.parquet', '2.json.parquet', '3.parquet'];
    for (const [index, name] of inputs.entries()) {
      const input = await decode(join(PEERS, LAKE, `inputs/vpc_flow-input${name}`));
      const output = await decode(join(PEERS, LAKE, `example${index}.gz.parquet`));
      expect(output.rows).toEqual(input.rows);
      expect(input.rows[0]!['log-status']).toBe(index === 3 ? 'NODATA' : 'OK');
    }
  });

  test("flowlogs-reader's Parquet with numbers as texts is read", async () => {
    const { rows } = await decode(join(PEERS, 'obsrvbl-oss__flowlogs-reader/tests/data/flows.parquet'));
    const both = { 'account-id': '123456789010', start: 1439387263, end: 1439387264 };
    expect(rows).toEqual([
      {
        ...both,
        'interface-id': 'eni-102010ab',
        srcaddr: '198.51.100.1',
        dstaddr: '192.0.2.1',
        srcport: 443,
        dstport: 49152,
        protocol: 6,
        packets: 10,
        bytes: 840,
        action: 'ACCEPT',
        'log-status': 'OK',
      },
      { ...both, 'interface-id': 'eni-202010ab', 'log-status': 'NODATA' },
    ]);
  });

  test("go-vpcflow's lines are good or bad for a reason", async () => {
    const lines = peerLines().filter(({ repo }) => repo === 'asecurityteam/go-vpcflow');
    const decoded = await decodeText(lines.map(({ raw }) => raw).join('\n'));
    const lineOf = (raw: string): number => lines.find((line) => line.raw.trim() === raw)!.line;
    expect(decoded.rejects.map(({ reason, raw }) => [reason, lineOf(raw)])).toEqual([
      // "OK`),": the end of the literal they are in.
      ['bad-log-status', 32],
      ['bad-log-status', 46],
      // NaN as a port.
      ['bad-number', 87],
      ['bad-number', 91],
      // They are about NaN and `-` further on, but the port before that is 65543.
      ['number-out-of-range', 95],
      ['number-out-of-range', 99],
      ['number-out-of-range', 103],
      ['number-out-of-range', 107],
      // No packets, bytes, start nor end; the same text twice.
      ['no-time', 165],
      ['no-time', 165],
      // "%d" for the times, then NaN again.
      ['bad-number', 176],
      ['bad-number', 87],
      // Go source before the record, and ends of literals.
      ['too-many-fields', 24],
      ['bad-log-status', 26],
      ['bad-log-status', 32],
    ]);
    expect(decoded.received).toBe(lines.length);
  });

  test("flowlogs-reader's files of versions 2 to 5 are read, its bogus line refused", async () => {
    const lines = peerLines().filter(({ repo }) => repo === 'obsrvbl-oss/flowlogs-reader');
    const decoded = await decodeText(lines.map(({ raw }) => raw).join('\n'));
    expect(decoded.rows).toHaveLength(11);
    // Version 6 there is a header of its own without any time, which a record of ours can't do without.
    expect(reasonsOf(decoded)).toEqual(['too-few-fields', 'no-time']);
    expect(decoded.rows.at(-1)).toEqual({
      'account-id': '999999999999',
      action: 'ACCEPT',
      'az-id': 'use2-az2',
      bytes: 3015,
      dstaddr: '198.51.100.6',
      dstport: 443,
      end: 1614866511,
      'flow-direction': 'egress',
      'instance-id': 'i-00123456789abcdef',
      'interface-id': 'eni-00123456789abcdef',
      'log-status': 'OK',
      packets: 16,
      'pkt-dst-aws-service': 'S3',
      'pkt-dstaddr': '198.51.100.7',
      'pkt-srcaddr': '192.0.2.156',
      protocol: 6,
      region: 'us-east-2',
      srcaddr: '192.0.2.156',
      srcport: 50318,
      start: 1614866493,
      'subnet-id': 'subnet-0123456789abcdef',
      'tcp-flags': 7,
      'traffic-path': '7',
      type: 'IPv4',
      'vpc-id': 'vpc-04456ab739938ee3f',
    });
  });

  test("Panther's story of six records is read once the YAML around it is off", async () => {
    const yaml = readFileSync(join(PEERS, WRAPPED[1]!), 'utf8');
    const text = [...yaml.matchAll(/^ {2}- (2 .*)$/gm)].map((match) => match[1]).join('\n');
    const decoded = await decodeText(text);
    expect(decoded.rejects).toEqual([]);
    expect(decoded.rows.map((row) => `${row.srcaddr} > ${row.dstaddr} ${row.action}`)).toEqual([
      '92.55.146.245 > 172.31.77.31 ACCEPT',
      '172.31.77.31 > 92.55.146.245 ACCEPT',
      '172.31.77.31 > 172.31.77.1 REJECT',
      '52.216.229.53 > 172.31.77.31 ACCEPT',
      '172.31.77.31 > 92.55.146.245 ACCEPT',
      '172.31.77.31 > 92.55.146.245 ACCEPT',
    ]);
  });
});

describe.skipIf(!HAS_DATA)(`real logs${WITHOUT_DATA}`, () => {
  test('the EKS log has 14,552 records, all of them accepted, on 12 interfaces', async () => {
    const decoded = await decode(join(DATA, 'real/eks-v2.log'));
    expect(decoded).toMatchObject({ received: 14_552, rejects: [] });
    expect(decoded.rows.filter((row) => row.action === 'ACCEPT')).toHaveLength(14_552);
    expect(new Set(decoded.rows.map((row) => row['interface-id'])).size).toBe(12);
    expect(new Set(decoded.rows.map((row) => `${row['interface-id']} ${row.start} ${row.end}`)).size).toBe(
      899,
    );
  });

  test('the internet-facing log has 99 records, 67 of them rejected', async () => {
    const decoded = await decode(join(DATA, 'real/internet-facing-v2.log'));
    expect(decoded).toMatchObject({ received: 99, rejects: [] });
    expect(decoded.rows.filter((row) => row.action === 'REJECT')).toHaveLength(67);
  });

  test('Resolver queries are no flows, and say which names led where', async () => {
    const decoded = await decode(join(DATA, 'real/eks-resolver-queries.jsonl'));
    expect(decoded.rows).toEqual([]);
    expect(reasonsOf(decoded)).toEqual([]);
    expect(decoded).toMatchObject({ received: 263, filtered: 263 });
    expect(decoded.answers).toHaveLength(589);
    expect(new Set(decoded.answers.map(({ name }) => name)).size).toBe(22);
  });
});
