import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { GetFindingsCommand, SecurityHubClient } from '@aws-sdk/client-securityhub';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventBridgeOptions, openEventBridge } from '../../src/send/sinks/eventbridge.ts';
import { openSecurityHub, SecurityHubOptions } from '../../src/send/sinks/security-hub.ts';
import { openSns, SnsOptions } from '../../src/send/sinks/sns.ts';
import { openSqs, SqsOptions } from '../../src/send/sinks/sqs.ts';
import { messageOf } from '../contracts/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { type Moto, startMoto } from './rigs/moto.ts';

const REGION = 'eu-central-1';
const KEY = 'k'.repeat(32);
let moto: Moto;
let sqs: SQSClient;
let common: { name: string; region: string; endpoint: string };

beforeAll(async () => {
  moto = await startMoto();
  common = { name: 's', region: REGION, endpoint: moto.endpoint };
  sqs = new SQSClient(common);
});
afterAll(() => moto.stop());

async function queue(QueueName: string) {
  const Attributes = QueueName.endsWith('.fifo') ? { FifoQueue: 'true' } : {};
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  return { url: QueueUrl, arn: `arn:aws:sqs:${REGION}:123456789012:${QueueName}` };
}

/** All that a queue has, as SQS gives it; what was seen goes, since a FIFO one has nothing else of the same group before. */
async function received(QueueUrl: string) {
  const all = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
    );
    if (Messages.length === 0) return all;
    all.push(...Messages);
    for (const { ReceiptHandle } of Messages)
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
}

const alerts = Array.from({ length: 23 }, (_, i) => alertOf(i));
const records = alerts.map((alert) => ({ ...alert, key: KEY }));
const signal = () => AbortSignal.timeout(10_000);
const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

describe("AWS's services, as moto has them", () => {
  it('keep every alert that a queue of SQS is sent', async () => {
    const { url } = await queue('alerts');
    const sink = await openSqs(SqsOptions.parse({ ...common, type: 'sqs', queue: url }));
    expect(await sink.deliver(messageOf(alerts), signal())).toEqual({
      delivered: true,
      answer: 'took 23 of 23',
    });
    const messages = await received(url);
    expect(messages.map(({ Body = '' }) => JSON.parse(Body)).sort(byId)).toEqual(records);
    expect(messages[0]?.MessageAttributes).toMatchObject({
      severity: { StringValue: 'high' },
      'idempotency-key': { StringValue: expect.stringContaining(KEY) },
    });
    await sink.close();
  });

  it('drop what a FIFO queue is sent twice', async () => {
    const { url } = await queue('alerts.fifo');
    const sink = await openSqs(SqsOptions.parse({ ...common, type: 'sqs', queue: url }));
    const again = await openSqs(SqsOptions.parse({ ...common, type: 'sqs', queue: url }));
    for (const one of [sink, again]) await one.deliver(messageOf(alerts), signal());
    await sink.deliver(messageOf([alertOf(1, { state: 'resolved' })], { key: 'later' }), signal());
    const bodies = (await received(url)).map(({ Body = '' }) => JSON.parse(Body));
    expect(bodies).toHaveLength(alerts.length + 1);
    await Promise.all([sink.close(), again.close()]);
  });

  it('bring on what a topic of SNS is sent', async () => {
    const sns = new SNSClient(common);
    const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: 'alerts' }));
    const { url, arn } = await queue('of-the-topic');
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arn }));
    const sink = await openSns(SnsOptions.parse({ ...common, type: 'sns', topic: TopicArn }));
    expect(await sink.deliver(messageOf(alerts), signal())).toMatchObject({ delivered: true });
    const notes = (await received(url)).map(({ Body = '' }) => JSON.parse(Body));
    expect(notes.map(({ Message }) => JSON.parse(Message)).sort(byId)).toEqual(records);
    expect(notes[0].Subject).toMatch(/^high: 10\.0\.1\.\d+ tried 60 ports of 10\.0\.2\.9 in vain$/);
    expect(notes[0].MessageAttributes.state).toEqual({ Type: 'String', Value: 'firing' });
    await sink.close();
  });

  it('bring on what a bus of EventBridge is sent, by the rules that are there', async () => {
    const events = new EventBridgeClient(common);
    const { url, arn } = await queue('of-the-bus');
    await events.send(new CreateEventBusCommand({ Name: 'security' }));
    const EventPattern = JSON.stringify({ source: ['flowsentry'], detail: { severity: ['high'] } });
    const rule = { Name: 'high', EventBusName: 'security' };
    await events.send(new PutRuleCommand({ ...rule, EventPattern }));
    await events.send(
      new PutTargetsCommand({ Rule: 'high', EventBusName: 'security', Targets: [{ Id: 'q', Arn: arn }] }),
    );
    const sink = await openEventBridge(
      EventBridgeOptions.parse({ ...common, type: 'eventbridge', bus: 'security' }),
    );
    const some = [...alerts, alertOf(99, { severity: 'low' })];
    expect(await sink.deliver(messageOf(some), signal())).toMatchObject({ delivered: true });
    const seen = (await received(url)).map(({ Body = '' }) => JSON.parse(Body));
    expect(seen.map(({ detail }) => detail).sort(byId)).toEqual(records);
    expect(seen[0]).toMatchObject({
      source: 'flowsentry',
      'detail-type': 'flowsentry alert',
      time: '2026-01-05T00:10:00Z',
    });
    await sink.close();
  });

  it('have a finding of every alert in Security Hub', async () => {
    const options = { ...common, type: 'security-hub', account: '123456789012' };
    const sink = await openSecurityHub(SecurityHubOptions.parse(options));
    const many = Array.from({ length: 130 }, (_, i) => alertOf(i));
    expect(await sink.deliver(messageOf(many), signal())).toEqual({
      delivered: true,
      answer: 'took 130 of 130',
    });
    const over = messageOf([alertOf(1, { state: 'resolved' })], {
      key: 'later',
      at: '2026-03-02T11:00:00.000Z',
    });
    await sink.deliver(over, signal());
    const hub = new SecurityHubClient(common);
    const found = [];
    let NextToken: string | undefined;
    do {
      const page = await hub.send(new GetFindingsCommand({ NextToken, MaxResults: 100 }));
      found.push(...(page.Findings ?? []));
      ({ NextToken } = page);
    } while (NextToken !== undefined);
    expect(new Set(found.map(({ Id }) => Id))).toEqual(new Set(many.map(({ id }) => id)));
    const archived = found.filter(({ RecordState }) => RecordState === 'ARCHIVED');
    expect(archived.map(({ Id }) => Id)).toEqual([alertOf(1).id]);
    await sink.close();
  });

  it('say that a topic, a queue is not there', async () => {
    const topic = `arn:aws:sns:${REGION}:123456789012:nowhere`;
    const sinks = [
      await openSns(SnsOptions.parse({ ...common, type: 'sns', topic })),
      await openSqs(
        SqsOptions.parse({ ...common, type: 'sqs', queue: `${moto.endpoint}/123456789012/nowhere` }),
      ),
    ];
    for (const sink of sinks) {
      expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({
        delivered: false,
        reason: 'gone',
      });
      await sink.close();
    }
  });
});
