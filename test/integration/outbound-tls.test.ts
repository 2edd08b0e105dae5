import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTcp, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TlsOptions as ServerOptions } from 'node:tls';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import kafkajs from 'kafkajs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openAws } from '../../src/outbound/aws.ts';
import { dial } from '../../src/outbound/connect.ts';
import { request } from '../../src/outbound/request.ts';
import { openTls } from '../../src/outbound/tls.ts';
import type { Sink } from '../../src/send/sink.ts';
import { EmailOptions, openEmail } from '../../src/send/sinks/email.ts';
import { EventBridgeOptions, openEventBridge } from '../../src/send/sinks/eventbridge.ts';
import { KafkaSinkOptions, openKafkaSink } from '../../src/send/sinks/kafka.ts';
import { openSecurityHub, SecurityHubOptions } from '../../src/send/sinks/security-hub.ts';
import { openSns, SnsOptions } from '../../src/send/sinks/sns.ts';
import { openSqs, SqsOptions } from '../../src/send/sinks/sqs.ts';
import { openSyslog, SyslogOptions } from '../../src/send/sinks/syslog.ts';
import { messageOf } from '../contracts/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { createAuthority, type Issued } from './rigs/certificates.ts';
import { pretendCredentials } from './rigs/moto.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-outbound-'));
const authority = createAuthority(join(folder, 'good'));
const rogue = createAuthority(join(folder, 'rogue'));
const NAMES = 'DNS:localhost,IP:127.0.0.1';
const good = authority.issue('server', { altNames: NAMES });
const revoked = authority.issue('revoked', { altNames: NAMES });
authority.revoke(revoked.certFile);
const crl = authority.crl('fresh').file;

afterAll(() => rmSync(folder, { recursive: true, force: true }));
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that counts what arrives of an application. */
async function listen(options: ServerOptions) {
  let bytes = 0;
  const server = createServer(options, (socket) => {
    // Where the server speaks first.
    const greeting = setTimeout(() => socket.write('220 localhost\r\n'), 300);
    socket.on('close', () => clearTimeout(greeting));
    socket.on('data', (chunk) => {
      clearTimeout(greeting);
      bytes += chunk.length;
    });
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes };
}

/** A plain server before a TLS one: it turns TLS on when SMTP's STARTTLS asks for it. */
async function startsTls(port: number): Promise<number> {
  const server = createTcp((socket) => {
    socket.on('error', () => {});
    socket.write('220 localhost\r\n');
    socket.on('data', (chunk) => {
      if (!String(chunk).startsWith('STARTTLS')) return void socket.write('250 localhost\r\n');
      socket.removeAllListeners('data');
      const behind = connectTcp(port, '127.0.0.1');
      behind.on('error', () => socket.destroy());
      socket.write('220 go ahead\r\n');
      socket.pipe(behind).pipe(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Delivers one alert; rejects when it is not taken. */
async function tell(sink: Sink): Promise<void> {
  closers.push(() => void sink.close());
  const outcome = await sink.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(3000));
  if (!outcome.delivered) throw new Error(outcome.detail);
}

const MAIL = { type: 'email', name: 'mail', host: 'localhost', from: 'a@example.org', to: ['b@example.org'] };

type Tls = { ca: string; crl?: string };

pretendCredentials();
const awsAt = (port: number, tls: Tls) => ({
  ...{ name: 's', region: 'eu-central-1', endpoint: `https://localhost:${port}`, tls },
});

/** Each way in which something of ours calls a server; rejects when it is refused. */
const CLIENTS: Readonly<Record<string, (port: number, tls: Tls) => Promise<unknown>>> = {
  async request(port, options) {
    const tls = await openTls(options);
    closers.push(tls.close);
    return request({ url: `https://localhost:${port}/`, tls, timeoutMs: 3000, maxBytes: 1000 });
  },
  async aws(port, tls) {
    const aws = await openAws({ region: 'eu-central-1', endpoint: `https://localhost:${port}`, tls });
    closers.push(aws.close);
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const client = new CloudWatchLogsClient({ ...aws.client, credentials, maxAttempts: 1 });
    return client.send(new DescribeLogGroupsCommand({}), { abortSignal: AbortSignal.timeout(3000) });
  },
  sns: async (port, tls) =>
    tell(
      await openSns(
        SnsOptions.parse({
          ...{ type: 'sns', topic: 'arn:aws:sns:eu-central-1:123456789012:alerts' },
          ...awsAt(port, tls),
        }),
      ),
    ),
  sqs: async (port, tls) =>
    tell(
      await openSqs(
        SqsOptions.parse({ type: 'sqs', queue: `https://localhost:${port}/1/q`, ...awsAt(port, tls) }),
      ),
    ),
  'kafka sink': async (port, tls) =>
    tell(
      await openKafkaSink(
        KafkaSinkOptions.parse({ type: 'kafka', name: 'k', topic: 't', brokers: [`localhost:${port}`], tls }),
      ),
    ),
  'security-hub': async (port, tls) =>
    tell(
      await openSecurityHub(
        SecurityHubOptions.parse({ type: 'security-hub', account: '123456789012', ...awsAt(port, tls) }),
      ),
    ),
  eventbridge: async (port, tls) =>
    tell(await openEventBridge(EventBridgeOptions.parse({ type: 'eventbridge', ...awsAt(port, tls) }))),
  async kafka(port, options) {
    const tls = await openTls(options);
    closers.push(tls.close);
    const kafka = new kafkajs.Kafka({
      brokers: [`localhost:${port}`],
      socketFactory: ({ host, port: to, onConnect }) => dial({ host, port: to, tls, onConnect }),
      connectionTimeout: 2000,
      requestTimeout: 2000,
      retry: { retries: 0 },
      logLevel: kafkajs.logLevel.NOTHING,
    });
    return kafka.admin().connect();
  },
  email: async (port, tls) =>
    tell(await openEmail(EmailOptions.parse({ ...MAIL, port, security: 'tls', tls }))),
  syslog: async (port, tls) =>
    tell(
      await openSyslog(SyslogOptions.parse({ type: 'syslog', name: 'siem', host: 'localhost', port, tls })),
    ),
  'email with STARTTLS': async (port, tls) =>
    tell(await openEmail(EmailOptions.parse({ ...MAIL, port: await startsTls(port), tls }))),
};

const served = ({ cert, key }: Issued): ServerOptions => ({ cert, key });
const BAD: Readonly<Record<string, { server: () => ServerOptions; tls?: Partial<Tls> }>> = {
  expired: { server: () => served(authority.issue('expired', { altNames: NAMES, from: -9, to: -1 })) },
  'not yet valid': { server: () => served(authority.issue('early', { altNames: NAMES, from: 1, to: 9 })) },
  'of another name': { server: () => served(authority.issue('other', { altNames: 'DNS:example.com' })) },
  'without names but a common one': {
    server: () => served(authority.issue('localhost', { subject: '/CN=localhost' })),
  },
  'of an authority that is not ours': { server: () => served(rogue.issue('server', { altNames: NAMES })) },
  'for clients alone': {
    server: () => served(authority.issue('client', { altNames: NAMES, usage: 'clientAuth' })),
  },
  revoked: { server: () => served(revoked), tls: { crl } },
  'good, with a list of revoked ones that is out of date': {
    server: () => served(good),
    tls: { crl: authority.crl('stale', -1).file },
  },
  'good, with TLS 1.1': {
    server: () => ({
      ...served(good),
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    }),
  },
  'good, with a cipher without forward secrecy': {
    server: () => ({ ...served(good), maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA@SECLEVEL=0' }),
  },
};

describe.each(Object.keys(CLIENTS))('the %s client', (name) => {
  const call = CLIENTS[name]!;

  it.each(Object.keys(BAD))('sends nothing to a server whose certificate is %s', async (kind) => {
    const { server, tls } = BAD[kind]!;
    const { port, bytes } = await listen(server());
    await expect(call(port, { ca: authority.certFile, ...tls })).rejects.toThrow();
    expect(bytes()).toBe(0);
  });

  it('sends nothing while the environment switches verification off', async () => {
    const { port, bytes } = await listen(served(rogue.issue('server', { altNames: NAMES })));
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      await expect(call(port, { ca: authority.certFile })).rejects.toThrow('NODE_TLS_REJECT_UNAUTHORIZED');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    expect(bytes()).toBe(0);
  });

  it('does talk to a server whose certificate is good', async () => {
    const { port, bytes } = await listen(served(good));
    // None of these protocols is spoken there: what fails, fails behind TLS.
    await call(port, { ca: authority.certFile, crl }).catch(() => {});
    expect(bytes()).toBeGreaterThan(0);
  });

  it.each(['169.254.169.254', '[::ffff:169.254.169.254]', '[64:ff9b::a9fe:a9fe]', '[fd00:ec2::254]'])(
    'does not call %s',
    async (host) => {
      const tls = await openTls({ ca: authority.certFile });
      closers.push(tls.close);
      const url = `https://${host}/`;
      await expect(request({ url, tls, timeoutMs: 2000, maxBytes: 10 })).rejects.toThrow(
        'link-local, metadata',
      );
    },
  );
});

describe('certificates that change', () => {
  it('change a hundred times under load without a failed request', async () => {
    const at = (name: string) => join(folder, name);
    const issued = Array.from({ length: 4 }, (_, i) =>
      authority.issue(`rotated-${i}`, { usage: 'clientAuth' }),
    );
    const use = async (one: Issued) => {
      await copyFile(one.certFile, at('live.pem'));
      await copyFile(one.keyFile, at('live.key'));
    };
    await use(issued[0]!);
    const seen = new Set<string>();
    const server = createHttps(
      { ...served(good), ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      (incoming, response) => {
        seen.add((incoming.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN as string);
        response.end('ok');
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const problems: Error[] = [];
    const tls = await openTls(
      { ca: authority.certFile, certificate: at('live.pem'), key: at('live.key') },
      (error) => problems.push(error),
    );
    closers.push(tls.close);
    let stopped = false;
    let answered = 0;
    const load = Array.from({ length: 4 }, async () => {
      while (!stopped) {
        const { status } = await request({ url, tls, timeoutMs: 10_000, maxBytes: 10 });
        expect(status).toBe(200);
        answered++;
      }
    });
    for (let i = 1; i <= 100; i++) {
      const one = issued[i % issued.length]!;
      await copyFile(one.certFile, at('live.pem'));
      // Between two files: the old pair stays in use, and nobody is told yet of what the next look finds whole.
      await tls.look();
      await use(one);
      await tls.look();
      const before = answered;
      while (answered < before + 2) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    stopped = true;
    await Promise.all(load);
    expect(seen.size).toBe(issued.length);
    expect(problems.length).toBeGreaterThan(0);
  });
});
