import kafkajs, { type Kafka, type logLevel, type SASLOptions } from 'kafkajs';
import { dial } from '../outbound/connect.ts';
import { readSecret } from '../outbound/secret.ts';
import { openTls } from '../outbound/tls.ts';
import { registerCodecs } from './kafka-codecs.ts';
import type { KafkaOptions } from './kafka-options.ts';
import type { SourceEvents } from './source.ts';

/** Milliseconds. */
const CONNECT_MS = 5000;
const REQUEST_MS = 30_000;

/** A client whose connections are ours, and whose complaints go to our log. */
export async function openKafka(
  options: KafkaOptions,
  clientId: string,
  events: SourceEvents,
): Promise<{ readonly kafka: Kafka; close(): void }> {
  registerCodecs();
  const tls = options.plaintext ? undefined : await openTls(options.tls);
  const { WARN } = kafkajs.logLevel;
  const kafka = new kafkajs.Kafka({
    clientId,
    brokers: options.brokers,
    socketFactory: ({ host, port, onConnect }) => dial({ host, port, tls, onConnect }),
    ...(options.sasl === undefined ? {} : { sasl: await saslOf(options.sasl) }),
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retry: { initialRetryTime: 300, maxRetryTime: 10_000, retries: 8 },
    logLevel: WARN,
    // The client's own details hold whatever it has at hand: only its sentence goes on.
    logCreator:
      () =>
      ({ level, log }: { level: logLevel; log: { message: string } }) =>
        events.log(level <= WARN ? 'warn' : 'info', 'the Kafka client complains', {
          source: options.name,
          complaint: log.message,
        }),
  });
  return { kafka, close: () => tls?.close() };
}

async function saslOf(sasl: NonNullable<KafkaOptions['sasl']>): Promise<SASLOptions> {
  switch (sasl.mechanism) {
    case 'scram-sha-256':
    case 'scram-sha-512': {
      const password = (await readSecret(sasl.password, 'the password of Kafka')).reveal();
      return { mechanism: sasl.mechanism, username: sasl.username, password };
    }
    case 'oauthbearer':
      return {
        mechanism: 'oauthbearer',
        oauthBearerProvider: async () => ({
          value: (await readSecret(sasl.token, 'the token of Kafka')).reveal(),
        }),
      };
    case 'aws-msk-iam': {
      const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js');
      const { region } = sasl;
      return {
        mechanism: 'oauthbearer',
        oauthBearerProvider: async () => ({ value: (await generateAuthToken({ region })).token }),
      };
    }
  }
}
