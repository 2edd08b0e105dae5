import { createRequire } from 'node:module';
import kafkajs, { type Kafka, type logLevel, type Mechanism, type SASLOptions } from 'kafkajs';
import { dial } from './connect.ts';
import type { KafkaAccess } from './kafka-options.ts';
import { readSecret } from './secret.ts';
import { openTls } from './tls.ts';

/** Milliseconds. */
const CONNECT_MS = 5000;
const REQUEST_MS = 30_000;
/** Of a request, by the client itself. */
const RETRIES = 8;

interface RequestQueue {
  readonly pending: readonly unknown[];
  /** Unix milliseconds, -1 at first. */
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

/**
 * Where nothing waits and no broker throttles it, the client sets a timer of a negative time (`throttledUntil - now`) that would do nothing;
 * Node writes a warning of it to standard error.
 */
function mendTimers(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    readonly prototype: RequestQueue;
  };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}
mendTimers();

/** Where the client's complaints go. */
export type KafkaLog = (
  level: 'info' | 'warn',
  message: string,
  details: Readonly<Record<string, string>>,
) => void;

export interface KafkaClient {
  readonly kafka: Kafka;
  close(): void;
}

/** A client whose connections are ours, and whose complaints go to our log. */
export async function openKafka(
  options: KafkaAccess & { readonly name: string },
  clientId: string,
  log: KafkaLog,
  retries = RETRIES,
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
    retry: { initialRetryTime: 300, maxRetryTime: 10_000, retries },
    logLevel: WARN,
    // The client's own details hold whatever it has at hand: only its sentence goes on. What a broker answers comes to us by itself.
    logCreator:
      () =>
      ({ level, log: { message } }: { level: logLevel; log: { message: string } }) => {
        if (!/^(?:Response |Limiting retries)/.test(message))
          log(level <= WARN ? 'warn' : 'info', 'the Kafka client complains', {
            source: options.name,
            complaint: message,
          });
      },
  });
  return { kafka, close: () => tls?.close() };
}

/** The client's own: its options take a password once and for all, a mechanism of ours is asked at each authentication. */
const scramOf = (bits: '256' | '512') =>
  createRequire(import.meta.url)(`kafkajs/src/broker/saslAuthenticator/scram${bits}`) as (login: {
    readonly username: string;
    readonly password: string;
  }) => Mechanism['authenticationProvider'];

async function saslOf(sasl: NonNullable<KafkaAccess['sasl']>): Promise<SASLOptions | Mechanism> {
  switch (sasl.mechanism) {
    case 'scram-sha-256':
    case 'scram-sha-512': {
      const { mechanism, username } = sasl;
      const login = async () => ({
        username,
        password: (await readSecret(sasl.password, 'the password of Kafka')).reveal(),
      });
      // A missing password is told at the start.
      await login();
      const scram = scramOf(mechanism === 'scram-sha-256' ? '256' : '512');
      return {
        mechanism,
        authenticationProvider: (connection) => ({
          authenticate: async () => scram(await login())(connection).authenticate(),
        }),
      };
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
