import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe } from 'vitest';
import { CloudWatchOptions } from '../../src/ingest/cloudwatch/options.ts';
import { createCloudWatchSource } from '../../src/ingest/cloudwatch/source.ts';
import { KafkaOptions } from '../../src/ingest/kafka/options.ts';
import { createKafkaSource } from '../../src/ingest/kafka/source.ts';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { createS3Source } from '../../src/ingest/s3/source.ts';
import { itIsASource } from '../contracts/source.ts';
import { createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';
import { type Moto, startMoto } from './rigs/moto.ts';

const region = 'us-east-1';
const folder = mkdtempSync(join(tmpdir(), 'flowsentry-contract-'));
let moto: Moto;
let broker: Broker;

beforeAll(async () => {
  moto = await startMoto();
  broker = await startKafka(folder, createAuthority(folder));
});
afterAll(async () => {
  await moto?.stop();
  await broker?.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('the s3 source', () => {
  itIsASource({
    async create(name) {
      const bucket = `contract-${name}`;
      const client = new S3Client({ region, endpoint: moto.endpoint, forcePathStyle: true });
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      const today = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
      let turn = 0;
      return {
        async put(lines) {
          const Key = `AWSLogs/123456789012/vpcflowlogs/${region}/${today}/${++turn}.log.gz`;
          await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: gzipSync(lines.join('\n')) }));
        },
        open: (resume, events) =>
          createS3Source(
            S3Options.parse({ type: 's3', name: 's', region, bucket, endpoint: moto.endpoint, reconcile: 1 }),
            resume,
            events,
          ),
      };
    },
    putSize: 2000,
    puts: 24,
    readAhead: 200_000,
  });
});

describe('the cloudwatch source', () => {
  itIsASource({
    async create(name) {
      const group = { logGroupName: `contract-${name}` };
      const stream = { ...group, logStreamName: 'eni-1-all' };
      const client = new CloudWatchLogsClient({ region, endpoint: moto.endpoint });
      await client.send(new CreateLogGroupCommand(group));
      await client.send(new CreateLogStreamCommand(stream));
      let now = Date.now() - 600_000;
      return {
        async put(lines) {
          const logEvents = lines.map((message) => ({ message, timestamp: now++ }));
          await client.send(new PutLogEventsCommand({ ...stream, logEvents }));
        },
        open: (resume, events) =>
          createCloudWatchSource(
            CloudWatchOptions.parse({
              ...{ type: 'cloudwatch', name: 'c', region, endpoint: moto.endpoint, interval: 1 },
              logGroups: [group.logGroupName],
            }),
            resume,
            events,
          ),
      };
    },
    putSize: 5000,
    puts: 12,
    readAhead: 6 << 20,
  });
});

describe('the kafka source', () => {
  itIsASource({
    async create(name) {
      const topic = `contract-${name}`;
      const admin = broker.kafka.admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
      await admin.disconnect();
      const producer = broker.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
      return {
        async put(lines) {
          await producer.connect();
          await producer.send({
            topic,
            compression: kafkajs.CompressionTypes.None,
            messages: lines.map((value) => ({ value, key: value.split(' ')[3] ?? null })),
          });
          await producer.disconnect();
        },
        open: (resume, events) =>
          createKafkaSource(
            KafkaOptions.parse({
              ...{ type: 'kafka', name: 'k', brokers: [broker.address], plaintext: true },
              ...{ topics: [topic], groupId: topic, sessionTimeout: 6, maxBytes: 1 << 20 },
            }),
            resume,
            events,
          ),
      };
    },
    putSize: 5000,
    puts: 30,
    readAhead: 7 << 20,
  });
});
