import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { createAuthenticator, newToken } from '../../src/serve/auth.ts';
import { createHandler } from '../../src/serve/routes.ts';
import type { RunningServer } from '../../src/serve/server.ts';
import { serve, until } from '../serve/support.ts';
import { createAuthority, type Issued } from './rigs/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ca = createAuthority(join(folder, 'ca'));
const rogueCa = createAuthority(join(folder, 'rogue'));
const identity = 'URI:spiffe://example.org/grafana';
const client = (name: string, options = {}) =>
  ca.issue(name, { usage: 'clientAuth', altNames: identity, ...options });

const server = ca.issue('server', { altNames: 'IP:127.0.0.1,DNS:localhost' });
const good = client('good');
const revoked = client('revoked');
ca.revoke(revoked.certFile);
const clean = ca.crl('clean');
const bad: Record<string, Issued | undefined> = {
  'no certificate': undefined,
  'an expired one': client('expired', { from: -20, to: -1 }),
  'one that is not valid yet': client('early', { from: 5, to: 90 }),
  'one of another authority of the same name': rogueCa.issue('rogue', {
    usage: 'clientAuth',
    altNames: identity,
  }),
  'one for servers': client('for-servers', { usage: 'serverAuth' }),
  'a revoked one': revoked,
  'one of somebody else': client('other', { altNames: 'URI:spiffe://example.org/other' }),
  'one whose common name looks like the name wanted': client('looks', {
    subject: `/CN=${identity.replaceAll('/', '\\/')}`,
    altNames: 'DNS:x',
  }),
  'one whose other name contains the name wanted': client('contains', {
    altNames: `URI:spiffe://evil/,${identity.slice(4)}`.replace(',', '%2C'),
  }),
};
const selfSigned = createAuthority(join(folder, 'self'));
bad['one signed by itself'] = {
  ...good,
  cert: selfSigned.cert,
  key: '',
  certFile: '',
  keyFile: join(folder, 'self/ca.key'),
};

const tlsOptions = { certificate: server.certFile, key: server.keyFile };
const mutual = { ...tlsOptions, clientCa: ca.certFile, clientCrl: clean.file };

interface Outcome {
  readonly bytes: number;
  readonly text: string;
  readonly error: string | undefined;
}

/** Sends a request over a TLS connection and takes what comes until it ends. */
function talk({ port }: RunningServer, options: ConnectionOptions = {}, head = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = '';
    let error: string | undefined;
    const socket = connect({ port, host: '127.0.0.1', ca: ca.cert, ...options });
    socket.on('secureConnect', () =>
      socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${head}\r\n`),
    );
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', (problem: NodeJS.ErrnoException) => {
      error ??= problem.code ?? problem.message;
    });
    socket.on('close', () => resolve({ bytes: text.length, text, error }));
  });
}

const withCert = (one: Issued | undefined): ConnectionOptions =>
  one === undefined ? {} : { cert: one.cert, key: one.key === '' ? undefined : one.key };

describe.each(['1.2', '1.3'] as const)('a server that asks for certificates, TLS %s', (version) => {
  const at: ConnectionOptions = { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` };

  it('answers who has the right one', async () => {
    await using running = await open({ tls: mutual, clients: [{ identity, role: 'viewer' }] });
    const { text } = await talk(running, { ...at, ...withCert(good) });
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it.each(Object.keys(bad))('gives no application byte for %s', async (name) => {
    const one = bad[name];
    const own =
      one?.key === ''
        ? { cert: one.cert, key: (await import('node:fs')).readFileSync(one.keyFile) }
        : withCert(one);
    for (const clientCertificates of ['required', 'optional'] as const) {
      if (one === undefined && clientCertificates === 'optional') continue;
      await using running = await open({
        tls: { ...mutual, clientCertificates },
        clients: [{ identity, role: 'viewer' }],
      });
      expect((await talk(running, { ...at, ...own })).bytes).toBe(0);
      await until(
        () => (running.metrics().httpRefusals['client-certificate'] ?? 0) > 0,
        'the refusal is counted',
      );
      expect(
        running.log.lines.find(({ message }) => message === 'connection refused')?.details,
      ).toMatchObject({
        reason: 'client-certificate',
      });
    }
  });
});

/** A server that closes itself at the end of its block. */
async function open(...args: Parameters<typeof serve>) {
  const running = await serve(...args);
  return Object.assign(running, { [Symbol.asyncDispose]: () => running.close(1000) });
}

describe('a TLS server', () => {
  it('lets in who has no certificate but a token, where certificates are optional', async () => {
    const { token, hash } = newToken();
    await using running = await open({
      tls: { ...mutual, clientCertificates: 'optional' },
      clients: [{ identity, role: 'viewer' }],
      tokens: [{ name: 't', hash, role: 'viewer' }],
    });
    const metrics = (options: ConnectionOptions, head: string) =>
      talkTo(running, '/metrics', options, head).then(({ text }) => text.slice(0, 12));
    expect(await metrics({}, `Authorization: Bearer ${token}\r\n`)).toBe('HTTP/1.1 200');
    expect(await metrics({}, '')).toBe('HTTP/1.1 401');
    expect(await metrics(withCert(good), '')).toBe('HTTP/1.1 200');
    expect(await metrics(withCert(good), 'Authorization: Bearer wrong\r\n')).toBe('HTTP/1.1 401');
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('refuses %s', async (version) => {
    await using running = await open({ tls: tlsOptions });
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    const { bytes, error } = await talk(running, old);
    expect(bytes).toBe(0);
    expect(error).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('refuses TLS 1.2 when 1.3 is the oldest, also after certificates were replaced', async () => {
    const files = rotating('min');
    files.put(server);
    await using running = await open({ tls: { ...files.paths, minVersion: '1.3' } });
    const old: ConnectionOptions = { maxVersion: 'TLSv1.2' };
    expect((await talk(running, old)).bytes).toBe(0);
    files.put(ca.issue('server-13', { altNames: 'IP:127.0.0.1' }));
    await running.reload();
    expect(running.metrics().certificateReloads.loaded).toBe(1);
    expect((await talk(running, old)).bytes).toBe(0);
    expect((await talk(running)).bytes).toBeGreaterThan(0);
  });

  it('refuses ciphers without forward secrecy', async () => {
    await using running = await open({ tls: tlsOptions });
    const { bytes } = await talk(running, {
      maxVersion: 'TLSv1.2',
      ciphers: 'AES128-SHA256:ECDHE-ECDSA-AES128-SHA256',
    });
    expect(bytes).toBe(0);
  });

  it('answers nothing in plain text', async () => {
    await using running = await open({ tls: tlsOptions });
    const bytes = await new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      const socket = connectPlain(running.port, '127.0.0.1', () =>
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'),
      );
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', () => {});
      socket.on('close', () => resolve(Buffer.concat(chunks)));
    });
    expect(bytes.toString('latin1')).not.toContain('HTTP');
    expect(running.metrics().httpRefusals.handshake).toBe(1);
  });

  it('refuses a revoked client from the moment the list is there, also with a session it has', async () => {
    const other = client('soon-revoked');
    const crlFile = join(folder, 'live.crl');
    writeFileSync(crlFile, clean.pem);
    await using running = await open({
      tls: { ...mutual, clientCrl: crlFile },
      clients: [{ identity, role: 'viewer' }],
    });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const before = await talk(running, { ...withCert(other), maxVersion });
      expect(before.bytes).toBeGreaterThan(0);
    }
    const session = await sessionOf(running, withCert(other));
    ca.revoke(other.certFile);
    writeFileSync(crlFile, ca.crl('with-other').pem);
    await running.reload();
    expect((await talk(running, withCert(other))).bytes).toBe(0);
    expect((await talk(running, { ...withCert(other), session })).bytes).toBe(0);
    expect((await talk(running, withCert(good))).bytes).toBeGreaterThan(0);
  });

  it('lets nobody in once the list of revoked ones is out of date, and says so', async () => {
    const stale = ca.crl('stale', -1);
    await using running = await open({
      tls: { ...mutual, clientCrl: stale.file },
      clients: [{ identity, role: 'viewer' }],
    });
    expect((await talk(running, withCert(good))).bytes).toBe(0);
    expect(running.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'certificate is out of date' }),
    );
    const { certificates } = running.metrics();
    expect(certificates.find(({ file }) => file === stale.file)?.notAfter).toBeLessThan(Date.now() / 1000);
  });

  it('lets in, and turns away, as the clients it is told of later say', async () => {
    const clients = [{ identity, role: 'viewer' as const }];
    await using running = await open({
      tls: mutual,
      clients: [{ identity: 'CN:somebody-else', role: 'viewer' }],
    });
    const bytes = async () => (await talk(running, withCert(good))).bytes;
    const handler = (known: typeof clients) =>
      createHandler({
        authenticate: createAuthenticator({ ...running.options, clients: known }),
        routes: [],
        log: running.log,
      });
    expect(await bytes()).toBe(0);
    running.use(handler(clients), clients);
    expect(await bytes()).toBeGreaterThan(0);
    running.use(handler([{ identity: 'CN:x', role: 'viewer' }]), [{ identity: 'CN:x', role: 'viewer' }]);
    expect(await bytes()).toBe(0);
  });

  it('never takes a session up again', async () => {
    await using running = await open({ tls: mutual, clients: [{ identity, role: 'viewer' }] });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { ...withCert(good), maxVersion };
      const session = await sessionOf(running, options);
      const reused = await new Promise<boolean>((resolve) => {
        const socket = connect(
          { port: running.port, host: '127.0.0.1', ca: ca.cert, ...options, session },
          () => {
            resolve(socket.isSessionReused());
            socket.destroy();
          },
        );
      });
      expect(reused).toBe(false);
    }
  });

  it('loses a client at the age of its connection', async () => {
    await using running = await open({
      tls: mutual,
      clients: [{ identity, role: 'viewer' }],
      maxConnectionSeconds: 1,
    });
    const socket = connect({ port: running.port, host: '127.0.0.1', ca: ca.cert, ...withCert(good) });
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    socket.on('data', () => {});
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => closed, 'the connection is closed');
  });
});

function talkTo(
  running: RunningServer,
  path: string,
  options: ConnectionOptions,
  head: string,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ port: running.port, host: '127.0.0.1', ca: ca.cert, ...options }, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${head}\r\n`),
    );
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ bytes: text.length, text, error: undefined }));
  });
}

/** A session of an answered connection, if the server gave one. */
function sessionOf(running: RunningServer, options: ConnectionOptions): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let session: Buffer | undefined;
    const socket = connect({ port: running.port, host: '127.0.0.1', ca: ca.cert, ...options }, () =>
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    );
    socket.on('session', (given) => {
      session = given;
    });
    socket.on('data', () => {});
    socket.on('error', () => {});
    socket.on('close', () => resolve(session ?? socket.getSession()));
  });
}

/** Files that are replaced as cert-manager and Kubernetes do it: a link to a folder is swapped. */
function rotating(name: string) {
  const at = join(folder, `rotating-${name}`);
  let version = 0;
  return {
    paths: { certificate: join(at, 'tls.crt'), key: join(at, 'tls.key') },
    put({ cert, key }: { cert: string; key: string }) {
      const target = mkdtempSync(join(folder, `v${version++}-`));
      writeFileSync(join(target, 'tls.crt'), cert);
      writeFileSync(join(target, 'tls.key'), key, { mode: 0o600 });
      symlinkSync(target, `${at}.new`);
      renameSync(`${at}.new`, at);
    },
  };
}

describe('certificates that are replaced under load', () => {
  it('lose no request in 100 rotations, and are loaded exactly once each', async () => {
    const files = rotating('load');
    const pairs = Array.from({ length: 4 }, (_, i) =>
      ca.issue(`rotation-${i}`, { altNames: 'IP:127.0.0.1' }),
    );
    files.put(pairs[0] as Issued);
    await using running = await open({ tls: files.paths, certificatePollSeconds: 0.05 });
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const failures: unknown[] = [];
    let answered = 0;
    let going = true;
    const load = Array.from({ length: 4 }, async (_, worker) => {
      // Half of them make a new connection each time.
      const options = { ca: ca.cert, ...(worker % 2 === 0 ? { agent } : { agent: false as const }) };
      while (going) {
        await get(`${running.url}/healthz`, options).then(
          (status) => (status === 200 ? answered++ : failures.push(status)),
          (error) => failures.push(error),
        );
      }
    });
    for (let i = 1; i <= 100; i++) {
      files.put(pairs[i % pairs.length] as Issued);
      await until(() => running.metrics().certificateReloads.loaded === i, `rotation ${i}`);
    }
    going = false;
    await Promise.all(load);
    agent.destroy();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(200);
    expect(running.metrics().certificateReloads).toEqual({ loaded: 100, refused: 0 });
  });

  it.each([
    ['the key alone', (next: Issued) => ({ cert: server.cert, key: next.key })],
    ['the certificate alone', (next: Issued) => ({ cert: next.cert, key: server.key })],
    ['half a certificate', (next: Issued) => ({ cert: next.cert.slice(0, 300), key: next.key })],
    ['half a key', (next: Issued) => ({ cert: next.cert, key: next.key.slice(0, 60) })],
    ['nothing', () => ({ cert: '', key: '' })],
    ['a certificate out of date', () => ca.issue('late', { altNames: 'IP:127.0.0.1', from: -20, to: -1 })],
  ])(
    'keep the old ones while there is %s, say so once, and follow when it is whole',
    async (name, broken) => {
      const next = ca.issue(`next-${name.replaceAll(' ', '-')}`, { altNames: 'IP:127.0.0.1' });
      const files = rotating(name.replaceAll(' ', '-'));
      files.put(server);
      await using running = await open({ tls: files.paths, certificatePollSeconds: 1000 });
      files.put(broken(next));
      for (let i = 0; i < 5; i++) await running.reload();
      expect(running.metrics().certificateReloads).toEqual({ loaded: 0, refused: 1 });
      expect(running.log.count('certificates refused, the old ones stay in use')).toBe(1);
      expect((await talk(running)).bytes).toBeGreaterThan(0);
      files.put(next);
      await running.reload();
      expect(running.metrics().certificateReloads).toEqual({ loaded: 1, refused: 1 });
      expect((await talk(running)).bytes).toBeGreaterThan(0);
    },
  );

  it('say nothing of files that fit together at the second look', async () => {
    const files = rotating('between');
    files.put(server);
    await using running = await open({ tls: files.paths, certificatePollSeconds: 1000 });
    const next = ca.issue('between', { altNames: 'IP:127.0.0.1' });
    files.put({ cert: server.cert, key: next.key });
    await running.reload();
    files.put(next);
    await running.reload();
    expect(running.metrics().certificateReloads).toEqual({ loaded: 1, refused: 0 });
  });
});

function get(url: string, options: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
