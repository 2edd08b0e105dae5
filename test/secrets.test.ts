import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../src/config.ts';
import { openSink } from '../src/send/sinks/index.ts';
import { temporaryFolder } from './cli/run.ts';
import { messageOf } from './contracts/sink.ts';
import { SECRET_FIELDS, SECRET_NAMES } from './secret-fields.ts';
import { alertOf } from './send/alerts.ts';

const folder = temporaryFolder();
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
writeFileSync(join(folder, 'recipient.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
const CANARY = 'canary-in-every-field-4f1c';
writeFileSync(join(folder, 'canary'), CANARY, { mode: 0o600 });

const brokers = ['k:9093'];
const source = (sasl: object) => ({ sources: [{ type: 'kafka', name: 's', brokers, topics: ['t'], sasl }] });
const sink = (more: object) => ({ sinks: [{ name: 's', ...more }] });

/** A configuration with a secret at each of these paths. That it goes where it belongs and nowhere else is a matter of each one's own tests. */
const PLACES: Readonly<Record<string, (secret: unknown) => object>> = {
  'sinks.slack.token': (token) => sink({ type: 'slack', channel: 'C1', token }),
  'sinks.pagerduty.routingKey': (routingKey) => sink({ type: 'pagerduty', routingKey }),
  'sinks.webhook.signingKey': (signingKey) => sink({ type: 'webhook', url: 'https://a.b', signingKey }),
  'sinks.webhook.headers.*': (header) =>
    sink({ type: 'webhook', url: 'https://a.b', headers: { 'x-key': header } }),
  'sinks.alertmanager.authorization': (authorization) =>
    sink({ type: 'alertmanager', url: 'https://a.b', authorization }),
  'sinks.email.password': (password) =>
    sink({ type: 'email', host: 'a', from: 'a@b.co', to: ['c@d.co'], user: 'u', password }),
  'sources.kafka.sasl.scram-sha-256.password': (password) =>
    source({ mechanism: 'scram-sha-512', username: 'u', password }),
  'sources.kafka.sasl.oauthbearer.token': (token) => source({ mechanism: 'oauthbearer', token }),
  'forward.sasl.scram-sha-256.password': (password) => ({
    forward: { brokers, topic: 't', sasl: { mechanism: 'scram-sha-512', username: 'u', password } },
  }),
  'forward.sasl.oauthbearer.token': (token) => ({
    forward: { brokers, topic: 't', sasl: { mechanism: 'oauthbearer', token } },
  }),
  'feeds.key': (key) => ({ feeds: [{ name: 'f', protocol: 'misp', url: 'https://a.b', key }] }),
  'sources.firehose.accessKey': (accessKey) => ({ sources: [{ type: 'firehose', name: 's', accessKey }] }),
  'sinks.kafka.sasl.scram-sha-256.password': (password) =>
    sink({
      type: 'kafka',
      brokers,
      topic: 't',
      sasl: { mechanism: 'scram-sha-512', username: 'u', password },
    }),
  'sinks.kafka.sasl.oauthbearer.token': (token) =>
    sink({ type: 'kafka', brokers, topic: 't', sasl: { mechanism: 'oauthbearer', token } }),
  // One setting that all sinks share.
  'sinks.*.encrypt.ids': (ids) =>
    sink({
      type: 'webhook',
      url: 'https://a.b',
      encrypt: { key: 'recipient.pem', fields: ['subject'], ids },
    }),
};

/** Settings that are called as secrets are, and hold none. */
const HARMLESS: readonly RegExp[] = [
  /\.sasl\.[^.]+\.(?:mechanism|region|username)$/,
  // A token's hash is made for the configuration; its name, role and end are no secrets.
  /^serve\.tokens\.(?:name|hash|role|expires)$/,
  // The recipient's public key.
  /^sinks\.\*\.encrypt\.key$/,
  /^ingest\.maxWindowKeys$/,
];
/** Files with private keys. */
const PRIVATE_KEY = /\.tls\.key$/;

const SINKS: Readonly<Record<string, object>> = {
  slack: { channel: 'C1', token: { file: 'canary' } },
  pagerduty: { routingKey: { file: 'canary' } },
  webhook: { url: 'https://a.b' },
  alertmanager: { url: 'https://a.b' },
  email: { host: 'a', from: 'a@b.co', to: ['c@d.co'] },
  syslog: { host: 'a' },
  kafka: { brokers, topic: 't' },
  sns: { region: 'eu-central-1', topic: 'arn:aws:sns:eu-central-1:123456789012:t' },
  sqs: { region: 'eu-central-1', queue: 'https://sqs.eu-central-1.amazonaws.com/123456789012/q' },
  eventbridge: { region: 'eu-central-1' },
  'security-hub': { region: 'eu-central-1', account: '123456789012' },
};

describe('secrets of the configuration', () => {
  it('are behind every setting that is called as one, or it says here why not', () => {
    const rest = SECRET_NAMES.filter(
      (path) => !PRIVATE_KEY.test(path) && !HARMLESS.some((harmless) => harmless.test(path)),
    );
    expect(rest).toEqual(['sinks.slack.urlFile']);
  });

  it.each(SECRET_NAMES.filter((path) => PRIVATE_KEY.test(path)).filter((path) => path.startsWith('sinks.')))(
    'are not told when a private key cannot be used, nor taken from where others read: %s',
    async (path) => {
      const type = path.split('.')[1] ?? '';
      const open = async (key: string): Promise<unknown> => {
        const file = join(folder, 'flowsentry.yaml');
        const tls = { certificate: 'recipient.pem', key };
        writeFileSync(file, JSON.stringify(sink({ type, ...SINKS[type], tls })));
        const [options] = (await loadConfig(file)).sinks;
        return options === undefined ? undefined : (await openSink(options)).close();
      };
      // A key that is cut off, and one that anybody can read.
      writeFileSync(join(folder, 'half.key'), `-----BEGIN PRIVATE KEY-----\n${CANARY}\n`, { mode: 0o600 });
      writeFileSync(join(folder, 'open.key'), CANARY, { mode: 0o644 });
      await expect(open('open.key')).rejects.toThrow('others can read it; chmod 600 it');
      const refused = await open('half.key').catch((error: unknown) => inspect(error, { depth: 9 }));
      expect(refused).toContain('Error');
      expect(refused).not.toContain(CANARY);
    },
  );

  it('are not told when the address of a Slack webhook cannot be used', async () => {
    const file = join(folder, 'flowsentry.yaml');
    writeFileSync(file, JSON.stringify(sink({ type: 'slack', urlFile: 'canary' })));
    const [options] = (await loadConfig(file)).sinks;
    const refused = await openSink(options!).catch((error: unknown) => inspect(error, { depth: 9 }));
    expect(refused).toContain('holds no https:// address');
    expect(refused).not.toContain(CANARY);
  });

  it('are known by their place: a new one has to be looked at here', () => {
    expect(SECRET_FIELDS).toEqual(Object.keys(PLACES).sort());
  });

  it.each(Object.entries(PLACES))('are not in what is shown of it: %s', async (_, configured) => {
    const file = join(folder, 'flowsentry.yaml');
    writeFileSync(file, JSON.stringify(configured({ file: 'canary' })));
    const config = await loadConfig(file);
    const shown = [JSON.stringify(config), inspect(config, { depth: 20, showHidden: true })];
    const [options] = config.sinks;
    if (options !== undefined) {
      const opened = await openSink(options, undefined);
      const message = messageOf([alertOf(1)]);
      shown.push(inspect(opened, { depth: 20, showHidden: true }), opened.preview(message));
      await opened.close();
    }
    expect(shown.join('\n')).not.toContain(CANARY);
  });

  it.each(Object.entries(PLACES))('written into it are refused, and not repeated: %s', (_, configured) => {
    for (const wrong of [CANARY, { file: 'x', value: CANARY }, { value: CANARY }, [CANARY]]) {
      let said = '';
      try {
        parseConfig(JSON.stringify(configured(wrong)), '/etc/flowsentry.yaml');
      } catch (error) {
        said = `${(error as Error).stack} ${inspect(error, { depth: 20 })}`;
      }
      expect(said).toContain('flowsentry.yaml');
      expect(said).not.toContain(CANARY);
    }
  });
});
