import { z } from 'zod';
import { SecretReference } from './secret.ts';
import { TlsOptions } from './tls.ts';

const Sasl = z.discriminatedUnion('mechanism', [
  z.strictObject({
    mechanism: z.enum(['scram-sha-256', 'scram-sha-512']).describe('How the password is proved'),
    username: z.string().min(1).describe('Name of the user'),
    password: SecretReference.describe('Password of the user; read anew for each connection'),
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
