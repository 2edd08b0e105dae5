import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  openWebhook,
  WebhookOptions as Schema,
  type WebhookOptions,
} from '../../../src/send/sinks/webhook.ts';
import { temporaryFolder } from '../../cli/run.ts';
import { itIsASink, messageOf } from '../../contracts/sink.ts';
import { alertOf } from '../alerts.ts';
import { CA, CLIENT, startReceiver } from '../receiver.ts';

const folder = temporaryFolder();
const at = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const BYTES = Buffer.from('a key of thirty-two bytes, for us');
const KEY = `whsec_${BYTES.toString('base64')}`;
const options = (more: object): WebhookOptions =>
  Schema.parse({ type: 'webhook', name: 'hook', url: 'https://localhost', tls: { ca: CA }, ...more });

itIsASink('webhook', {
  open: (url, trusted) =>
    openWebhook(
      options({
        url: `${url}/in`,
        headers: { Authorization: { file: at('auth', 'Bearer canary-of-the-header') } },
        ...(trusted ? {} : { tls: {} }),
      }),
    ),
  secrets: ['canary-of-the-header'],
  accept: (_, response) => void response.writeHead(202).end(),
  keyOf: ({ headers }) => headers['webhook-id'],
  without: ({ headers: { authorization: _, ...headers }, body }) => ({ headers, body }),
  maxBytes: 600_000,
  // JSON is data as a whole: whoever shows it encodes it for where it goes.
  expectDead: ({ json }) => expect(Object.keys(json)).toEqual(['type', 'timestamp', 'data']),
});

describe('a webhook', () => {
  it('is signed as Standard Webhooks define it, with every key there is', async () => {
    const receiver = await startReceiver();
    const sink = await openWebhook(
      options({ url: receiver.url, signingKey: { file: at('keys', `${KEY} plain-old-key\n`) } }),
    );
    await sink.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(5000));
    const { headers, body } = receiver.received[0]!;
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const expected = [BYTES, 'plain-old-key'].map(
      (key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
    );
    expect(headers['webhook-signature']).toBe(expected.join(' '));
    expect(headers['idempotency-key']).toBe(`"${headers['webhook-id']}"`);
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
    await sink.close();
    await receiver.close();
  });

  it('has the public record of each alert, and says how many it leaves out', async () => {
    const sink = await openWebhook(options({}));
    const alerts = [alertOf(1), alertOf(2)];
    const body = JSON.parse(
      sink.preview(messageOf(alerts, { counts: [{ detector: 'port-scan', severity: 'high', alerts: 50 }] })),
    );
    expect(body).toMatchObject({ type: 'alerts.firing', data: { alerts, truncatedAlerts: 48, firing: 2 } });
    await sink.close();
  });

  it('shows its certificate to a server that asks for one', async () => {
    const receiver = await startReceiver(undefined, true);
    const message = messageOf([alertOf(1)]);
    const bare = await openWebhook(options({ url: receiver.url }));
    expect(await bare.deliver(message, AbortSignal.timeout(5000))).toMatchObject({ delivered: false });
    const sink = await openWebhook(
      options({ url: receiver.url, tls: { ca: CA, certificate: CLIENT.certFile, key: CLIENT.keyFile } }),
    );
    expect(await sink.deliver(message, AbortSignal.timeout(5000))).toMatchObject({ delivered: true });
    await Promise.all([bare.close(), sink.close(), receiver.close()]);
  });

  it.each([
    ['https://user:pass@example.org/', 'has a user or password in it'],
    ['https://example.org/?token=abc', 'has what looks like a secret in it (token=)'],
    ['https://hooks.slack.com/services/T0/B0/x', 'is a secret as a whole'],
    ['ftp://example.org/', 'not an https:// address'],
  ])('is not configured with %s', (url, problem) => {
    const { error } = Schema.safeParse({ type: 'webhook', name: 'hook', url });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });

  it('sets no header that is ours', () => {
    for (const name of ['Host', 'Content-Type', 'webhook-id', 'Idempotency-Key', 'Transfer-Encoding', 'a b'])
      expect(
        Schema.safeParse({
          type: 'webhook',
          name: 'h',
          url: 'https://a.b',
          headers: { [name]: { env: 'X' } },
        }).success,
      ).toBe(false);
  });
});
