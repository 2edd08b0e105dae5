import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FailureReason, Sink } from '../../../src/send/sink.ts';
import { reasonOfCode } from '../../../src/send/sinks/aws.ts';
import { EventBridgeOptions, openEventBridge } from '../../../src/send/sinks/eventbridge.ts';
import { openSns, SnsOptions } from '../../../src/send/sinks/sns.ts';
import { openSqs, SqsOptions } from '../../../src/send/sinks/sqs.ts';
import { filledWith, itIsASink, messageOf } from '../../contracts/sink.ts';
import { alertOf } from '../alerts.ts';
import { type Answer, CA, type Received, startReceiver } from '../receiver.ts';
import { ACCOUNT, entriesOfForm, outcomeOf, REGION, TOKEN, withoutSignature } from './aws-services.ts';

/** One record as it arrived, whatever the service. */
interface Arrived {
  readonly text: string;
  /** What the service counts for it. */
  readonly bytes: number;
  readonly fifo?: { readonly group: string; readonly duplicate: string };
}

interface Service {
  open(url: string, trusted?: boolean, more?: object): Promise<Sink>;
  arrived(request: Received): Arrived[];
  /** Answers as the service does: the entries at these places are refused with a code. */
  answer(failing?: Readonly<Record<number, string>>): Answer;
  /** An error of the whole call, as the service writes one. */
  error(status: number, code: string, message?: string): Answer;
}

const common = (url: string, trusted: boolean, more: object) => ({
  ...{ name: 's', region: REGION, endpoint: url, tls: trusted ? { ca: CA } : {} },
  ...more,
});
const json =
  (status: number, body: object): Answer =>
  (_, response) =>
    void response
      .writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
      .end(JSON.stringify(body));
const jsonError: Service['error'] = (status, code, message = 'no') =>
  json(status, { __type: `com.amazonaws.service#${code}`, message });
const attributesOf = (attributes: object): number => JSON.stringify(attributes).length;

const SERVICES: Readonly<Record<string, Service>> = {
  sqs: {
    open: (url, trusted = true, more = {}) =>
      openSqs(
        SqsOptions.parse({ type: 'sqs', queue: `${url}/${ACCOUNT}/alerts`, ...common(url, trusted, more) }),
      ),
    arrived: ({ json: { Entries } }) =>
      Entries.map(
        (one: {
          MessageBody: string;
          MessageAttributes: object;
          MessageGroupId?: string;
          MessageDeduplicationId?: string;
        }): Arrived => ({
          text: one.MessageBody,
          bytes: Buffer.byteLength(one.MessageBody) + attributesOf(one.MessageAttributes),
          ...(one.MessageGroupId === undefined
            ? {}
            : { fifo: { group: one.MessageGroupId, duplicate: one.MessageDeduplicationId ?? '' } }),
        }),
      ),
    answer:
      (failing = {}) =>
      (request, response, socket) => {
        const entries: { Id: string; MessageBody: string }[] = request.json.Entries;
        const isTaken = (_: unknown, i: number) => failing[i] === undefined;
        json(200, {
          Successful: entries.filter(isTaken).map(({ Id, MessageBody }) => ({
            ...{ Id, MessageId: 'm' },
            MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
          })),
          Failed: entries.flatMap(({ Id }, i) =>
            failing[i] === undefined ? [] : [{ Id, Code: failing[i], Message: 'no', SenderFault: true }],
          ),
        })(request, response, socket);
      },
    error: jsonError,
  },
  sns: {
    open: (url, trusted = true, more = {}) =>
      openSns(
        SnsOptions.parse({
          ...{ type: 'sns', topic: `arn:aws:sns:${REGION}:${ACCOUNT}:alerts` },
          ...common(url, trusted, more),
        }),
      ),
    arrived: ({ body }) =>
      entriesOfForm(body).map(({ Message = '', MessageGroupId, MessageDeduplicationId = '', ...rest }) => ({
        text: Message,
        bytes: Buffer.byteLength(Message) + attributesOf(rest),
        ...(MessageGroupId === undefined
          ? {}
          : { fifo: { group: MessageGroupId, duplicate: MessageDeduplicationId } }),
      })),
    answer:
      (failing = {}) =>
      ({ body }, response) => {
        const ids = entriesOfForm(body).map(({ Id }) => Id);
        const taken = ids.filter((_, i) => failing[i] === undefined);
        const failed = ids.filter((_, i) => failing[i] !== undefined);
        const members = (list: typeof ids, more: (id: string | undefined) => string) =>
          list.map((id) => `<member><Id>${id}</Id>${more(id)}</member>`).join('');
        response
          .writeHead(200, { 'content-type': 'text/xml' })
          .end(
            `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful>${members(taken, () => '<MessageId>m</MessageId>')}</Successful><Failed>${members(failed, (id) => `<Code>${failing[Number(id)]}</Code><Message>no</Message><SenderFault>true</SenderFault>`)}</Failed></PublishBatchResult></PublishBatchResponse>`,
          );
      },
    error:
      (status, code, message = 'no') =>
      (_, response) =>
        void response
          .writeHead(status, { 'content-type': 'text/xml' })
          .end(
            `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
          ),
  },
  eventbridge: {
    open: (url, trusted = true, more = {}) =>
      openEventBridge(
        EventBridgeOptions.parse({ type: 'eventbridge', bus: 'alerts', ...common(url, trusted, more) }),
      ),
    arrived: ({ json: { Entries } }) =>
      Entries.map(({ Detail, ...rest }: { Detail: string }) => ({
        text: Detail,
        bytes: Buffer.byteLength(Detail) + attributesOf(rest),
      })),
    answer:
      (failing = {}) =>
      (request, response, socket) => {
        const Entries = request.json.Entries.map((_: unknown, i: number) =>
          failing[i] === undefined ? { EventId: 'e' } : { ErrorCode: failing[i], ErrorMessage: 'no' },
        );
        json(200, { FailedEntryCount: Object.keys(failing).length, Entries })(request, response, socket);
      },
    error: jsonError,
  },
};

const signal = () => AbortSignal.timeout(10_000);

describe.each(Object.entries(SERVICES))('%s', (name, service) => {
  const { open, arrived, answer, error } = service;

  itIsASink(name, {
    open,
    secrets: [TOKEN],
    accept: answer(),
    dataOf: (request) => ({ ...request.json, entries: arrived(request).map(({ text }) => JSON.parse(text)) }),
    keyOf: (request) => JSON.parse(arrived(request)[0]?.text ?? '').key,
    without: withoutSignature,
    maxBytes: 900_000,
    // JSON is data as a whole: whoever shows it encodes it for where it goes.
    expectDead: (request) => {
      for (const { text } of arrived(request)) expect(JSON.parse(text).detector).toBe('port-scan');
    },
  });

  it('has every alert in a record of its own, a few in a call, none of it over the limit', async () => {
    const receiver = await startReceiver(answer());
    const sink = await open(receiver.url);
    const alerts = Array.from({ length: 47 }, (_, i) => alertOf(i));
    await sink.deliver(messageOf(alerts), signal());
    expect(receiver.received.map((request) => arrived(request).length)).toEqual([10, 10, 10, 10, 7]);
    expect(receiver.received.flatMap(arrived).map(({ text }) => JSON.parse(text))).toEqual(
      alerts.map((alert) => ({ ...alert, key: 'k'.repeat(32) })),
    );
    receiver.received.length = 0;
    const huge = Array.from({ length: 12 }, (_, i) => ({
      ...filledWith('"\\ü🟥'.repeat(90_000)),
      id: `${i}`,
    }));
    expect(await sink.deliver(messageOf(huge, { key: 'other' }), signal())).toMatchObject({
      delivered: true,
    });
    expect(receiver.received.flatMap(arrived)).toHaveLength(12);
    for (const request of receiver.received) {
      const bytes = arrived(request).reduce((sum, one) => sum + one.bytes, 0);
      expect(bytes).toBeLessThanOrEqual(262_144);
    }
    await Promise.all([sink.close(), receiver.close()]);
  });

  it.each<[string, FailureReason]>([
    ['ThrottlingException', 'rate-limited'],
    ['InternalFailure', 'unavailable'],
    ['AccessDeniedException', 'unauthorized'],
    ['MalformedDetail', 'refused'],
  ])('tries again only what was refused with %s, which is %s', async (code, reason) => {
    const receiver = await startReceiver(answer({ 1: code, 2: code }));
    const sink = await open(receiver.url);
    const message = messageOf(Array.from({ length: 13 }, (_, i) => alertOf(i)));
    expect(await sink.deliver(message, signal())).toEqual({
      ...{ delivered: false, reason },
      detail: `4 of 13: ${code} no`,
    });
    receiver.answer(answer());
    receiver.received.length = 0;
    expect(await sink.deliver(message, signal())).toMatchObject({ delivered: true });
    const again = receiver.received.flatMap(arrived).map(({ text }) => JSON.parse(text).id);
    expect(again).toEqual([1, 2, 11, 12].map((i) => alertOf(i).id));
    await Promise.all([sink.close(), receiver.close()]);
  });

  it('does not take for delivered what the answer does not speak of', async () => {
    const { outcome } = await outcomeOf(open, json(200, {}));
    expect(outcome).toMatchObject({ delivered: false, reason: 'bad-answer' });
  });

  it.each<[number, string, FailureReason]>([
    [400, 'ThrottlingException', 'rate-limited'],
    [403, 'RequestThrottled', 'rate-limited'],
    [400, 'UnrecognizedClientException', 'unauthorized'],
    [403, 'InvalidClientTokenId', 'unauthorized'],
    [400, 'AccessDeniedException', 'unauthorized'],
    [403, 'ExpiredToken', 'unauthorized'],
    [403, 'SignatureDoesNotMatch', 'unauthorized'],
    [400, 'QueueDoesNotExist', 'gone'],
    [404, 'NotFound', 'gone'],
    [400, 'ResourceNotFoundException', 'gone'],
    [400, 'BatchRequestTooLong', 'too-large'],
    [413, 'RequestEntityTooLarge', 'too-large'],
    [400, 'InvalidParameterValue', 'refused'],
    [400, 'ValidationException', 'refused'],
    [400, 'SomethingNew', 'refused'],
    [500, 'InternalFailure', 'unavailable'],
    [503, 'ServiceUnavailable', 'unavailable'],
    [400, 'RequestExpired', 'unavailable'],
  ])('understands an answer of %i %s', async (status, code, reason) => {
    const { outcome, received } = await outcomeOf(open, error(status, code, `told about ${TOKEN}`));
    expect(outcome).toMatchObject({ delivered: false, reason });
    expect(JSON.stringify(outcome)).toContain(code);
    expect(JSON.stringify(outcome)).toContain('told about [secret]');
    expect(received).toHaveLength(1);
  });

  it('is unauthorized without credentials', async () => {
    const { AWS_ACCESS_KEY_ID: id } = process.env;
    delete process.env.AWS_ACCESS_KEY_ID;
    try {
      const sink = await open('https://localhost:1');
      const outcome = await sink.deliver(messageOf([alertOf(1)]), signal());
      expect(outcome).toMatchObject({ delivered: false, reason: 'unauthorized' });
      expect(JSON.stringify(outcome)).toContain('Could not load credentials');
      await sink.close();
    } finally {
      process.env.AWS_ACCESS_KEY_ID = id;
    }
  });

  it('sends OCSF when it is told to', async () => {
    const receiver = await startReceiver(answer());
    const sink = await open(receiver.url, true, { format: 'ocsf' });
    await sink.deliver(messageOf([alertOf(1)]), signal());
    expect(JSON.parse(receiver.received.flatMap(arrived)[0]?.text ?? '')).toMatchObject({ class_uid: 2004 });
    await Promise.all([sink.close(), receiver.close()]);
  });
});

describe.each([
  ['sqs', { queue: (url: string) => `${url}/${ACCOUNT}/alerts.fifo` }],
  ['sns', { topic: () => `arn:aws:sns:${REGION}:${ACCOUNT}:alerts.fifo` }],
] as const)('a FIFO one of %s', (name, names) => {
  it('keeps the order of an alert, and drops what comes twice', async () => {
    const { open, arrived, answer } = SERVICES[name]!;
    const receiver = await startReceiver(answer());
    const named = Object.fromEntries(Object.entries(names).map(([key, of]) => [key, of(receiver.url)]));
    const sink = await open(receiver.url, true, named);
    await sink.deliver(messageOf([alertOf(1), alertOf(2)]), signal());
    expect(receiver.received.flatMap(arrived).map(({ fifo }) => fifo)).toEqual(
      [1, 2].map((n) => ({ group: alertOf(n).id, duplicate: `${'k'.repeat(32)}-${alertOf(n).id}` })),
    );
    await Promise.all([sink.close(), receiver.close()]);
  });
});

describe('a subject of SNS', () => {
  it('is one line of ASCII, and short', async () => {
    const { open, answer } = SERVICES.sns!;
    const receiver = await startReceiver(answer());
    const sink = await open(receiver.url);
    await sink.deliver(messageOf([alertOf(1, { title: `Ü\n🟥${'x'.repeat(200)}` })]), signal());
    const [{ Subject = '' } = {}] = entriesOfForm(receiver.received[0]?.body ?? '');
    expect(Subject).toMatch(/^high: \?{4}x+$/);
    expect(Subject).toHaveLength(99);
    await Promise.all([sink.close(), receiver.close()]);
  });
});

describe('a code of an error', () => {
  it('says nothing of which the clock is the cause', () => {
    const message = 'Signature expired: 20260105T000000Z is now earlier than 20260105T001000Z';
    expect(reasonOfCode('InvalidSignatureException', message)).toBe('unavailable');
    expect(reasonOfCode('InvalidSignatureException', 'it does not match')).toBe('unauthorized');
    expect(reasonOfCode('SomethingNew', '')).toBeUndefined();
  });
});
