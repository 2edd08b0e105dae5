import kafkajs, { type Kafka, type logLevel, type SASLOptions } from 'kafkajs';
import { dial } from '../outbound/connect.ts';
import { readSecret } from '../outbound/secret.ts';
import { openTls } from '../outbound/tls.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { KafkaAccess } from './kafka-options.ts';
import type { SourceEvents } from './source.ts';

/** Milliseconds. */
const CONNECT_MS = 5000;
const REQUEST_MS = 30_000;

export interface KafkaClient {
  readonly kafka: Kafka;
  /** Connections of its own, none of them made yet; whoever opens it disconnects it. */
  openCluster(): KafkaCluster;
  close(): void;
}

/** A client whose connections are ours, and whose complaints go to our log. */
export async function openKafka(
  options: KafkaAccess & { readonly name: string },
  clientId: string,
  log: SourceEvents['log'],
): Promise<KafkaClient> {
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
    // The client's own details hold whatever it has at hand: only its sentence goes on. What a broker answers comes to us by itself.
    logCreator:
      () =>
      ({ level, log: { message } }: { level: logLevel; log: { message: string } }) => {
        if (!message.startsWith('Response '))
          log(level <= WARN ? 'warn' : 'info', 'the Kafka client complains', {
            source: options.name,
            complaint: message,
          });
      },
  });
  return { kafka, openCluster: () => createCluster(kafka), close: () => tls?.close() };
}

/** Seconds for which a client believes what it knows of topics and their leaders. */
const METADATA_SECONDS = 60;

/** The client makes its connections behind a symbol; nothing else of it is asked by a name that is not public. */
function createCluster(kafka: Kafka): KafkaCluster {
  const key = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  const create =
    key && (kafka as unknown as Record<symbol, (options: object) => KafkaCluster>)[key]?.bind(kafka);
  if (create === undefined) throw new Error('the Kafka client is not the version that this was made for');
  return create({
    metadataMaxAge: METADATA_SECONDS * 1000,
    allowAutoTopicCreation: false,
    isolationLevel: 1,
  });
}

async function saslOf(sasl: NonNullable<KafkaAccess['sasl']>): Promise<SASLOptions> {
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
