import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { loadConfig, parseConfig } from '../src/config.ts';
import { Settings } from '../src/config-schema.ts';
import { SecretReference } from '../src/outbound/secret.ts';
import { openSink } from '../src/send/sinks/index.ts';
import { temporaryFolder } from './cli/run.ts';
import { messageOf } from './contracts/sink.ts';
import { alertOf } from './send/alerts.ts';

const folder = temporaryFolder();
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
writeFileSync(join(folder, 'recipient.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
const CANARY = 'canary-in-every-field-4f1c';
writeFileSync(join(folder, 'canary'), CANARY, { mode: 0o600 });

/** Paths at which a schema takes a secret: `sinks.slack.token`. Where there is a choice its literal names the branch. */
function secretPaths(schema: z.core.$ZodType, path = '', seen = new Set<unknown>()): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  // A description makes a copy of it.
  if (def.type === 'union' && def.options === SecretReference.def.options) return [path];
  if (seen.has(schema)) return [];
  const inner = new Set([...seen, schema]);
  const below = (one: z.core.$ZodType, name = '') =>
    secretPaths(one, name === '' ? path : `${path}${path === '' ? '' : '.'}${name}`, inner);
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([name, one]) => below(one, name));
    case 'array':
      return below(def.element);
    case 'record':
      return below(def.valueType, '*');
    case 'union':
      return def.options.flatMap((one) => below(one, branchOf(one)));
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return below(def.innerType);
    case 'pipe':
      return [...below(def.in), ...below(def.out)];
    case 'intersection':
      return [...below(def.left), ...below(def.right)];
    case 'lazy':
      return below(def.getter());
    case 'tuple':
      return def.items.flatMap((one) => below(one));
    default:
      return [];
  }
}

/** What tells a branch from its siblings: the first literal it has. */
function branchOf(schema: z.core.$ZodType): string {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object') return '';
  for (const field of Object.values(def.shape)) {
    const its = (field as z.core.$ZodTypes)._zod.def;
    if (its.type === 'literal') return String(its.values[0]);
    if (its.type === 'enum') return String(Object.values(its.entries)[0]);
  }
  return '';
}

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

describe('secrets of the configuration', () => {
  it('are known by their place: a new one has to be looked at here', () => {
    const found = secretPaths(Settings).map((path) =>
      path.replace(/^sinks\.[^.]+\.encrypt\./, 'sinks.*.encrypt.'),
    );
    expect([...new Set(found)].sort()).toEqual(Object.keys(PLACES).sort());
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
