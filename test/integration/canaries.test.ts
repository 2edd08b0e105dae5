import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contacts, listed } from '../cli/many-alerts.ts';
import { BIN, flowsentry, temporaryFolder } from '../cli/run.ts';
import { freePort, startRun } from '../cli/service.ts';
import { SECRET_FIELDS } from '../secret-fields.ts';
import { CA, CLIENT, startReceiver } from '../send/receiver.ts';
import { startSmtpServer } from '../send/smtp-server.ts';
import { createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

const folder = temporaryFolder();
const authority = createAuthority(join(folder, 'broker-ca'));
let broker: Broker;
beforeAll(async () => {
  broker = await startKafka(folder, authority);
  await broker.createTopic('alerts', 1);
});
afterAll(() => broker.stop('SIGKILL'));

const jws = ['{"alg":"none"}', '{"sub":"canary-of-a-token","exp":1}']
  .map((text) => Buffer.from(text).toString('base64url'))
  .join('.');
/** Every setting that takes a secret, and the secret that it has here. */
const CANARIES = {
  'sinks.slack.token': 'xoxb-canary-of-the-bot',
  'sinks.slack.urlFile': 'canary-of-the-path',
  'sinks.pagerduty.routingKey': 'canaryroutingcanaryroutingcanary',
  'sinks.webhook.signingKey': 'whsec_Y2FuYXJ5LW9mLXRoZS1zaWduYXR1cmU=',
  'sinks.webhook.headers.*': 'Bearer canary-of-the-header',
  'sinks.alertmanager.authorization': 'Bearer canary-of-the-alertmanager',
  'sinks.email.password': 'canary-of-the-mail',
  'sinks.kafka.sasl.scram-sha-256.password': 'canary-of-the-sink-password',
  'sinks.kafka.sasl.oauthbearer.token': `${jws}.c2luaw`,
  'sinks.*.encrypt.ids': 'canary-of-the-ids-of-alerts',
  'sources.kafka.sasl.scram-sha-256.password': 'canary-of-the-source-password',
  'sources.kafka.sasl.oauthbearer.token': `${jws}.c291cmNl`,
  'sources.firehose.accessKey': 'canary-of-the-firehose',
  'forward.sasl.scram-sha-256.password': 'canary-of-the-forward-password',
  'forward.sasl.oauthbearer.token': `${jws}.Zm9yd2FyZA`,
  'feeds.key': 'canary-of-the-feeds',
} as const satisfies Readonly<Record<string, string>>;
const AWS = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'canary-of-the-secret-key' };
/** A line in the middle of our private key. */
const PRIVATE_KEY = CLIENT.key.split('\n')[3] ?? '';

/** A file with it, that nobody else may read. */
function fileOf(path: keyof typeof CANARIES, text: string = CANARIES[path]): string {
  const file = join(folder, path.replaceAll('*', 'all'));
  writeFileSync(file, text, { mode: 0o600 });
  return `{file: "${file}"}`;
}
const scram = (path: keyof typeof CANARIES) =>
  `{mechanism: scram-sha-512, username: u, password: ${fileOf(path)}}`;
const oauth = (path: keyof typeof CANARIES) => `{mechanism: oauthbearer, token: ${fileOf(path)}}`;
const kafka = (sasl: string) =>
  `brokers: ["${broker.saslAddress}"], tls: {ca: "${authority.certFile}"}, sasl: ${sasl}`;

/** The forms in which a secret could stand somewhere. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // SMTP and HTTP are told it after the user, whose length decides how base64 has it.
  const logins = ['\0u\0', 'u:'].map((before) => Buffer.concat([Buffer.from(before), bytes]));
  return [
    secret,
    encodeURIComponent(secret),
    ...[bytes, ...logins].map((one) => one.toString('base64').replace(/=+$/, '')),
  ];
}

/** Everything in a folder, one text. */
function textOf(root: string): string {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

function expectNone(shown: string): void {
  for (const [path, secret] of [
    ...Object.entries(CANARIES),
    ['the secret key of AWS', AWS.AWS_SECRET_ACCESS_KEY],
    ['a private key', PRIVATE_KEY],
  ] as const)
    for (const form of formsOf(secret)) expect(shown.includes(form), `${path}: ${form}`).toBe(false);
}

describe('secrets at work', () => {
  it('are all here: a new setting needs a canary', () => {
    expect(Object.keys(CANARIES).sort()).toEqual([...SECRET_FIELDS, 'sinks.slack.urlFile'].sort());
  });

  it('of sinks go where they belong and nowhere else, though every other side refuses and repeats them', async () => {
    const parrot = await startReceiver((request, response) => {
      const said = `${JSON.stringify(request.headers)} ${request.path} ${request.body}`;
      // Slack says no with a 200.
      if (request.path.startsWith('/slack/')) response.end(JSON.stringify({ ok: false, error: said }));
      else response.writeHead(400).end(said);
    });
    const smtp = await startSmtpServer();
    smtp.behave({ AUTH: (socket, line) => void socket.write(`535 5.7.8 no, not ${line}\r\n`) });
    const root = join(folder, 'sinks');
    mkdirSync(root, { recursive: true });
    const key = join(folder, 'client.key');
    writeFileSync(key, CLIENT.key, { mode: 0o600 });
    const tls = `tls: {ca: ${CA}, certificate: "${CLIENT.certFile}", key: "${key}"}`;
    const address = `${parrot.url}/services/T0/B0/${CANARIES['sinks.slack.urlFile']}`;
    const urlFile = fileOf('sinks.slack.urlFile', address).slice('{file: '.length, -1);
    const sinks = {
      bot: `type: slack, url: "${parrot.url}/slack", channel: C1, token: ${fileOf('sinks.slack.token')}, ${tls}`,
      hook: `type: slack, urlFile: ${urlFile}, ${tls}`,
      pager: `type: pagerduty, url: "${parrot.url}/pd", routingKey: ${fileOf('sinks.pagerduty.routingKey')}, ${tls}`,
      web: `type: webhook, url: "${parrot.url}/web", signingKey: ${fileOf('sinks.webhook.signingKey')}, headers: {Authorization: ${fileOf('sinks.webhook.headers.*')}}, ${tls}`,
      prometheus: `type: alertmanager, url: "${parrot.url}", authorization: ${fileOf('sinks.alertmanager.authorization')}, ${tls}`,
      mail: `type: email, host: localhost, port: ${smtp.port}, from: a@example.org, to: [b@example.org], user: u, password: ${fileOf('sinks.email.password')}, ${tls}`,
      scram: `type: kafka, topic: alerts, ${kafka(scram('sinks.kafka.sasl.scram-sha-256.password'))}`,
      oauth: `type: kafka, topic: alerts, ${kafka(oauth('sinks.kafka.sasl.oauthbearer.token'))}`,
      sns: `type: sns, region: eu-central-1, topic: "arn:aws:sns:eu-central-1:123456789012:t", endpoint: "${parrot.url}", ${tls}`,
      hidden: `type: webhook, url: "${parrot.url}/hidden", encrypt: {key: "${CLIENT.certFile}.pub", fields: [subject], ids: ${fileOf('sinks.*.encrypt.ids')}}, ${tls}`,
    };
    writeFileSync(
      `${CLIENT.certFile}.pub`,
      execFileSync('openssl', ['x509', '-in', CLIENT.certFile, '-noout', '-pubkey']),
    );
    const port = await freePort();
    const listOf = Object.entries(sinks).map(([name, text]) => `  - {name: ${name}, ${text}}\n`);
    const service = startRun(
      root,
      '- {type: file, name: collected, paths: [logs], interval: 0.05}',
      `${listed(root)}serve: {port: ${port}}\nroute: {groupWait: 0}\nsinks:\n${listOf.join('')}`,
      AWS,
    );
    const names = Object.keys(sinks);
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 2, 0));
    const failing = () =>
      new Set(service.logged().flatMap(({ sink, level }) => (level === 'info' ? [] : [sink])));
    while (failing().size < names.length) await sleep(100);
    const config = join(root, 'flowsentry.yaml');
    const own = ['--config', config, '--data', service.data];
    const shown = [
      await flowsentry(['outbox', 'list', '--json', '--data', service.data]),
      await flowsentry(['check-config', config, '--json'], AWS),
      await flowsentry(['sinks', 'test', '--config', config, '--json'], AWS),
      await flowsentry(['sinks', 'test', '--config', config], AWS),
    ];
    for (const name of names) shown.push(await flowsentry(['sinks', 'preview', name, ...own], AWS));
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const argv = readFileSync(`/proc/${service.child.pid}/cmdline`, 'latin1');
    expect(shown[2]?.stdout.match(/"delivered":\s*false/g)).toHaveLength(names.length);
    expect(await service.stop()).toBe(0);
    // Every line is one of the log, whatever a library has to say.
    expect(service.stderr()).not.toContain('Warning');
    const said = shown.flatMap(({ stdout, stderr }) => [stdout, stderr]).join('\n');
    expectNone([service.stderr(), ...service.alerts(), said, metrics, argv, textOf(service.data)].join('\n'));

    const sent = JSON.stringify(parrot.received);
    for (const path of [
      'sinks.slack.token',
      'sinks.slack.urlFile',
      'sinks.pagerduty.routingKey',
      'sinks.webhook.headers.*',
      'sinks.alertmanager.authorization',
    ] as const) {
      const having = parrot.received.filter((request) => JSON.stringify(request).includes(CANARIES[path]));
      expect([path, having.length > 0]).toEqual([path, true]);
      expect(new Set(having.map(({ path: to }) => to)).size).toBe(1);
    }
    for (const secret of [
      CANARIES['sinks.webhook.signingKey'],
      CANARIES['sinks.*.encrypt.ids'],
      AWS.AWS_SECRET_ACCESS_KEY,
      PRIVATE_KEY,
    ])
      expect(sent).not.toContain(secret);
    expect(smtp.lines.join('\n')).toContain(formsOf(CANARIES['sinks.email.password'])[3]);
    await Promise.all([parrot.close(), smtp.close()]);
  });

  it('of sources and of the topic that is written to are not told by whoever cannot use them', async () => {
    const port = await freePort();
    const access = fileOf('sources.firehose.accessKey');
    const firehose = `{type: firehose, name: stream, port: ${port}, accessKey: ${access}}`;
    const source = (sasl: string) => `{type: kafka, name: k, topics: [alerts], ${kafka(sasl)}}`;
    const files = '{type: file, name: collected, paths: [logs]}';
    const runs = {
      scram: ['run', `sources: [${firehose}, ${source(scram('sources.kafka.sasl.scram-sha-256.password'))}]`],
      oauth: ['run', `sources: [${source(oauth('sources.kafka.sasl.oauthbearer.token'))}]`],
      'forward-scram': [
        'forward',
        `sources: [${files}]\nforward: {topic: alerts, ${kafka(scram('forward.sasl.scram-sha-256.password'))}}`,
      ],
      'forward-oauth': [
        'forward',
        `sources: [${files}]\nforward: {topic: alerts, ${kafka(oauth('forward.sasl.oauthbearer.token'))}}`,
      ],
    } as const;
    await Promise.all(
      Object.entries(runs).map(async ([name, [command, text]]) => {
        const root = join(folder, name);
        mkdirSync(join(root, 'logs'), { recursive: true });
        const config = join(root, 'flowsentry.yaml');
        writeFileSync(config, text);
        const data = join(root, 'data');
        const child = spawn(process.execPath, [BIN, command, '--config', config, '--data', data]);
        let shown = '';
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding('utf8').on('data', (part: string) => (shown += part));
        const ended = once(child, 'close');
        while (!/SASL|[Aa]uthentication/.test(shown) && child.exitCode === null) await sleep(100);
        if (name === 'scram') {
          const headers = (key: string) => ({
            'x-amz-firehose-request-id': 'r',
            'x-amz-firehose-access-key': key,
            'x-amz-firehose-common-attributes': '{}',
          });
          for (const key of ['wrong', CANARIES['sources.firehose.accessKey']])
            await fetch(`http://127.0.0.1:${port}/firehose`, {
              method: 'POST',
              headers: headers(key),
              body: '{',
            })
              .then((answer) => answer.text())
              .then((answer) => (shown += answer))
              .catch(() => {});
        }
        child.kill('SIGTERM');
        await ended;
        expect(shown, name).toMatch(/SASL|[Aa]uthentication/);
        expectNone(`${shown}\n${textOf(data)}`);
      }),
    );
  });

  it('of feeds go to their servers and nowhere else, though these refuse and repeat them', async () => {
    const parrot = await startReceiver((request, response) => {
      response.writeHead(403).end(`${JSON.stringify(request.headers)} ${request.path} ${request.body}`);
    });
    const root = join(folder, 'feeds');
    mkdirSync(root, { recursive: true });
    const given = `key: ${fileOf('feeds.key')}, ca: "${CA}"`;
    const feeds = {
      misp: `protocol: misp, url: "${parrot.url}/misp", ${given}`,
      taxii: `protocol: taxii, url: "${parrot.url}/taxii/", user: u, ${given}`,
      bearer: `protocol: taxii, url: "${parrot.url}/bearer/", ${given}`,
    };
    const names = Object.keys(feeds);
    const port = await freePort();
    const list = Object.entries(feeds).map(([name, text]) => `  - {name: ${name}, ${text}}\n`);
    const service = startRun(
      root,
      '- {type: file, name: collected, paths: [logs], interval: 0.05}',
      `serve: {port: ${port}}\nfeeds:\n${list.join('')}`,
    );
    await service.saying('running');
    const failing = () =>
      new Set(service.logged().flatMap(({ feed, level }) => (level === 'info' ? [] : [feed])));
    while (failing().size < names.length) await sleep(100);
    const config = join(root, 'flowsentry.yaml');
    const shown = [await flowsentry(['feeds', 'list', '--config', config, '--data', service.data, '--json'])];
    for (const name of names)
      shown.push(await flowsentry(['feeds', 'test', name, '--config', config, '--json']));
    expect(shown.slice(1).map(({ code }) => code)).toEqual(names.map(() => 1));
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(await service.stop()).toBe(0);
    const said = shown.flatMap(({ stdout, stderr }) => [stdout, stderr]).join('\n');
    expectNone([service.stderr(), said, metrics, textOf(service.data)].join('\n'));

    const key = CANARIES['feeds.key'];
    const login = Buffer.from(`u:${key}`).toString('base64');
    const told = new Set(
      parrot.received.map(({ path, headers }) => `${path.split('/')[1]} ${headers.authorization}`),
    );
    expect([...told].sort()).toEqual([`bearer Bearer ${key}`, `misp ${key}`, `taxii Basic ${login}`]);
    await parrot.close();
  });
});
