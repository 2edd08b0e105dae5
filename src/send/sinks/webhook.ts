import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { readSecret, Secret, SecretReference } from '../../outbound/secret.ts';
import { openTls, TlsOptions } from '../../outbound/tls.ts';
import type { Message } from '../message.ts';
import type { Sink } from '../sink.ts';
import { plainUrl, SinkCommon } from '../sink-options.ts';
import { fitAlert } from '../words/fit.ts';
import { unlisted } from '../words/text.ts';
import { outcomeOf, post } from './http.ts';

const HeaderName = z
  .string()
  .regex(/^[A-Za-z0-9-]+$/, 'not the name of a header')
  .refine(
    (name) => !/^(?:host|content-|connection$|transfer-encoding$|webhook-|idempotency-key$)/i.test(name),
    'is set by us',
  );

/** An HTTP endpoint that takes JSON, signed as Standard Webhooks define it. */
export const WebhookOptions = z.strictObject({
  type: z.literal('webhook').describe('An HTTP endpoint that takes JSON'),
  ...SinkCommon.shape,
  url: plainUrl.describe('Address; http:// only on this machine'),
  signingKey: SecretReference.optional().describe(
    'Secret of the signature (webhook-signature): whsec_ and base64; several in one file, by spaces, while one replaces the other',
  ),
  headers: z
    .record(HeaderName, SecretReference)
    .default({})
    .describe('Headers with a secret, such as Authorization, each from a file or variable'),
  tls: TlsOptions.optional().describe(
    'Certificates: a private CA, and ours where the other side asks for one',
  ),
});
export type WebhookOptions = z.infer<typeof WebhookOptions>;

export async function openWebhook(options: WebhookOptions): Promise<Sink> {
  const read = () => readSecrets(options);
  await read();
  const tls = await openTls(options.tls);
  return {
    traits: { unit: 'group', rate: 60, folds: true, repeats: true, acknowledges: false, concurrency: 8 },
    preview: (message) => JSON.stringify(bodyOf(message), null, 2),
    async deliver(message, signal) {
      const { keys, headers } = await read();
      const body = JSON.stringify(bodyOf(message));
      const timestamp = Math.floor(Date.now() / 1000);
      const signed = keys.map((key) => signatureOf(key, message.key, timestamp, body)).join(' ');
      const answer = await post({
        url: options.url,
        body,
        signal,
        tls,
        headers: {
          ...Object.fromEntries(headers.map(([name, secret]) => [name, secret.reveal()])),
          'content-type': 'application/json',
          'idempotency-key': `"${message.key}"`,
          'webhook-id': message.key,
          'webhook-timestamp': String(timestamp),
          ...(signed === '' ? {} : { 'webhook-signature': signed }),
        },
      });
      return outcomeOf(answer, [...keys, ...headers.map(([, secret]) => secret)]);
    },
    close: () => tls.close(),
  };
}

async function readSecrets({ name, signingKey, headers }: WebhookOptions) {
  const text = signingKey && (await readSecret(signingKey, `the signing key of sink ${name}`));
  const named = await Promise.all(
    Object.entries(headers).map(async ([header, reference]) => {
      const secret = await readSecret(reference, `the header ${header} of sink ${name}`);
      return [header, secret] as const;
    }),
  );
  const keys = text === undefined ? [] : text.reveal().split(/\s+/);
  return { keys: keys.map((key) => new Secret(key)), headers: named };
}

/** `v1,…` of Standard Webhooks: HMAC-SHA256 over id, time and body, with the key's bytes. */
function signatureOf(key: Secret, id: string, timestamp: number, body: string): string {
  const text = key.reveal();
  const bytes = text.startsWith('whsec_') ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text, 'utf8');
  return `v1,${createHmac('sha256', bytes).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** Characters of a body: gateways refuse more. */
const MAX_BODY = 250_000;

/** The payload: `type`, `timestamp` and `data` of Standard Webhooks; alerts are the public record, the most severe first. */
function bodyOf(message: Message): object {
  let listed = message.alerts.length;
  for (;;) {
    const body = payloadOf(message, listed);
    if (listed <= 1 || JSON.stringify(body).length <= MAX_BODY) return body;
    listed = listed >> 1;
  }
}

function payloadOf(message: Message, listed: number): object {
  const { sink, unit, kind, event, repeat, labels, firing, resolved, counts, dropped, at, test } = message;
  return {
    type: `alerts.${event}`,
    timestamp: at,
    data: {
      sink,
      group: unit,
      kind,
      repeat,
      labels,
      firing,
      resolved,
      counts,
      dropped,
      truncatedAlerts: unlisted(message, listed),
      alerts: message.alerts.slice(0, listed).map((alert) => fitAlert(alert)),
      ...(test === true ? { test } : {}),
    },
  };
}
