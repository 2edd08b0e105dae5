import { z } from 'zod';
import { SecretReference } from '../outbound/secret.ts';
import { TlsOptions } from '../outbound/tls.ts';
import { SourceName } from './source-name.ts';

const Sasl = z.discriminatedUnion('mechanism', [
  z.strictObject({
    mechanism: z.enum(['scram-sha-256', 'scram-sha-512']).describe('How the password is proved'),
    username: z.string().min(1).describe('Name of the user'),
    password: SecretReference.describe('Password of the user'),
  }),
  z.strictObject({
    mechanism: z.literal('oauthbearer').describe('A token that something else renews'),
    token: SecretReference.describe('The token; read anew for each connection'),
  }),
  z.strictObject({
    mechanism: z.literal('aws-msk-iam').describe("Amazon MSK, with the credentials of AWS's default chain"),
    region: z.string().min(1).describe("The cluster's region"),
  }),
]);

/** How brokers are reached, for whoever reads or writes. */
export const ACCESS_SETTINGS = {
  brokers: z
    .array(z.string().regex(/^.+:\d+$/, 'not a host and port, such as kafka-1:9093'))
    .min(1)
    .describe('Some of the brokers, as host:port'),
  plaintext: z
    .boolean()
    .default(false)
    .describe('Whether nothing is encrypted; possible with brokers on this machine alone'),
  tls: TlsOptions.optional().describe('Certificates, where brokers need others than public ones'),
  sasl: Sasl.optional().describe('How we say who we are, beside a certificate'),
};

/** Where a client connects to, and as whom. */
export type KafkaAccess = z.infer<z.ZodObject<typeof ACCESS_SETTINGS>>;

/** Refuses what contradicts itself. */
export function refineAccess<T extends z.ZodType<KafkaAccess>>(schema: T) {
  return schema
    .refine(({ plaintext, tls }) => !(plaintext && tls !== undefined), {
      path: ['plaintext'],
      error: 'contradicts tls: take one of them away',
    })
    .refine(({ plaintext, sasl }) => !(plaintext && sasl !== undefined), {
      path: ['sasl'],
      error: 'goes with TLS alone: without it anybody on the way could read it',
    });
}

/** Topics of Apache Kafka. */
export const KafkaOptions = refineAccess(
  z.strictObject({
    type: z.literal('kafka').describe('Topics of Apache Kafka'),
    name: SourceName.describe(
      'Name of the source in logs and positions; another name reads everything again',
    ),
    ...ACCESS_SETTINGS,
    topics: z.array(z.string().min(1)).min(1).describe('Names of topics'),
    groupId: z.string().min(1).default('flowsentry').describe('The consumer group'),
    startFrom: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe('Where to begin in a partition that neither we nor the group have a position of'),
    format: z
      .string()
      .min(1)
      .optional()
      .describe(`The records' format, when messages are bare lines: AWS's '\${version} …'`),
    maxBytes: z
      .int()
      .min(65_536)
      .default(8 << 20)
      .describe('Bytes fetched at once from a broker'),
    sessionTimeout: z
      .int()
      .min(6)
      .max(1800)
      .default(30)
      .describe('Seconds without a sign of life after which the group gives our partitions to others'),
  }),
);
export type KafkaOptions = z.infer<typeof KafkaOptions>;
