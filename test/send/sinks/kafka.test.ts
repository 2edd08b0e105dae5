import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { type FailureReason, PERMANENT } from '../../../src/send/sink.ts';
import { failureOfKafka, KafkaSinkOptions } from '../../../src/send/sinks/kafka.ts';

const { errorCodes, createErrorFromCode } = createRequire(import.meta.url)(
  'kafkajs/src/protocol/error.js',
) as {
  errorCodes: { code: number; type: string; retriable: boolean }[];
  createErrorFromCode(code: number): Error;
};
const reasonOf = (type: string): FailureReason =>
  failureOfKafka(createErrorFromCode(errorCodes.find((one) => one.type === type)?.code ?? 0)).reason;

describe('what a broker refuses', () => {
  it.each<[string, FailureReason]>([
    ['TOPIC_AUTHORIZATION_FAILED', 'unauthorized'],
    ['CLUSTER_AUTHORIZATION_FAILED', 'unauthorized'],
    ['SASL_AUTHENTICATION_FAILED', 'unauthorized'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'gone'],
    ['MESSAGE_TOO_LARGE', 'too-large'],
    ['RECORD_LIST_TOO_LARGE', 'too-large'],
    ['INVALID_TOPIC_EXCEPTION', 'refused'],
    ['POLICY_VIOLATION', 'refused'],
    ['REQUEST_TIMED_OUT', 'timeout'],
    ['NOT_ENOUGH_REPLICAS', 'unavailable'],
    ['NOT_LEADER_FOR_PARTITION', 'unavailable'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'unavailable'],
  ])('%s is %s', (type, reason) => {
    expect(reasonOf(type)).toBe(reason);
  });

  it('is given up for good only where the client would not try again, but for a topic that is not there', () => {
    for (const { type, retriable } of errorCodes)
      if (retriable && PERMANENT.has(reasonOf(type))) expect(type).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  it('is told by what is behind the last try', () => {
    const cause = Object.assign(new Error('self-signed certificate'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    expect(failureOfKafka(new Error('it was tried three times', { cause }))).toMatchObject({
      reason: 'untrusted',
      detail: 'self-signed certificate',
    });
    expect(failureOfKafka(new RangeError('beyond the end')).reason).toBe('bad-answer');
  });
});

describe('its settings', () => {
  it('are those of the source, and contradict themselves no more than there', () => {
    const options = { type: 'kafka', name: 'k', topic: 't', brokers: ['localhost:9092'], plaintext: true };
    expect(KafkaSinkOptions.safeParse(options).success).toBe(true);
    expect(KafkaSinkOptions.safeParse({ ...options, tls: {} }).error?.issues[0]?.message).toContain(
      'contradicts tls',
    );
  });
});
