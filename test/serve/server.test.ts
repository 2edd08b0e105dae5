import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAuthenticator, newToken } from '../../src/serve/auth.ts';
import { ROLES, ServeOptions } from '../../src/serve/options.ts';
import { createHandler, type Route } from '../../src/serve/routes.ts';
import { startServer } from '../../src/serve/server.ts';
import { memoryLog, serve, until } from './support.ts';

const running: { close(deadline: number): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close(100);
});

async function open(...args: Parameters<typeof serve>) {
  const server = await serve(...args);
  running.push(server);
  return server;
}

/** Everything that comes back for raw bytes, until the server ends the connection. */
function raw(port: number, bytes: string, localAddress = '127.0.0.1'): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () => socket.write(bytes, 'latin1'));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

const echo: Route = {
  method: 'POST',
  path: '/echo',
  access: 'open',
  handle: async (incoming) => new Response(await incoming.arrayBuffer()),
};
const tokens = ROLES.map((role) => ({ role, ...newToken() }));
const configured = tokens.map(({ role, hash }) => ({ name: role, hash, role }));
const bearer = (role: string) => ({
  authorization: `Bearer ${tokens.find((token) => token.role === role)?.token ?? role}`,
});

describe('operation', () => {
  it('says that it is alive, and ready', async () => {
    const { url } = await open();
    for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('flowsentry_up 1\n');
  });

  it('says why it is not ready, to those who may read', async () => {
    const { url } = await open({ tokens: configured }, [], {
      ready: () => ['starting', 'disk'],
      isMute: () => true,
    });
    const stranger = await fetch(`${url}/readyz`);
    expect([stranger.status, await stranger.text()]).toEqual([503, 'not ready\n']);
    const viewer = await fetch(`${url}/readyz`, { headers: bearer('viewer') });
    expect([viewer.status, await viewer.text()]).toEqual([503, 'not ready: starting, disk\n']);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('refuses to be reachable without TLS and authentication, however the options came about', async () => {
    const options = { ...ServeOptions.parse({ port: 0 }), host: '0.0.0.0' };
    const handler = createHandler({
      authenticate: createAuthenticator(options),
      routes: [],
      log: memoryLog(),
    });
    await expect(startServer(handler, options, memoryLog())).rejects.toThrow(
      /configure tls and tokens or clients first/,
    );
  });

  it('says which port is taken', async () => {
    const { port } = await open();
    await expect(serve({ port })).rejects.toThrow(`cannot listen on 127.0.0.1 port ${port}: EADDRINUSE`);
  });
});

describe('access', () => {
  const routes: Route[] = [
    ...ROLES.map(
      (role): Route => ({
        method: 'POST',
        path: `/${role}`,
        access: role,
        handle: () => new Response('done'),
      }),
    ),
    echo,
  ];
  const all = ['/metrics', '/viewer', '/operator', '/ingest'];

  it('is by role, on every route', async () => {
    const { url } = await open({ tokens: configured }, routes);
    const table: Record<string, number[]> = {};
    for (const caller of [...ROLES, 'wrong'])
      for (const path of all) {
        const { status } = await fetch(url + path, {
          method: path === '/metrics' ? 'GET' : 'POST',
          headers: bearer(caller),
        });
        table[caller] = [...(table[caller] ?? []), status];
      }
    expect(table).toEqual({
      viewer: [200, 200, 403, 403],
      operator: [200, 200, 200, 403],
      ingest: [403, 403, 403, 200],
      wrong: [401, 401, 401, 401],
    });
  });

  it('is written down, with who and what and without the token', async () => {
    const { url, log } = await open({ tokens: configured }, routes);
    await fetch(`${url}/operator`, { method: 'POST', headers: bearer('operator') });
    await fetch(`${url}/operator?secret=1`, { method: 'POST', headers: bearer('viewer') });
    const unknown = await fetch(`${url}/metrics`);
    expect(unknown.headers.get('www-authenticate')).toBe('Bearer realm="flowsentry"');
    const access = { caller: 'operator', method: 'POST', path: '/operator', address: '127.0.0.1' };
    expect(log.lines).toContainEqual({ level: 'info', message: 'access', details: access });
    expect(
      log.lines.filter(({ message }) => message === 'access refused').map(({ details }) => details),
    ).toEqual([
      { status: 403, reason: 'role', ...access, caller: 'viewer', role: 'viewer' },
      { status: 401, reason: 'no-credentials', method: 'GET', path: '/metrics', address: '127.0.0.1' },
    ]);
    expect(JSON.stringify(log.lines)).not.toMatch(/flowsentry_|secret/);
  });

  it('is limited for those who fail, and never for those who are known', async () => {
    const { url, log } = await open({ tokens: configured });
    const statuses: number[] = [];
    for (let i = 0; i < 15; i++) statuses.push((await fetch(`${url}/metrics`)).status);
    expect(statuses).toEqual([...new Array(10).fill(401), ...new Array(5).fill(429)]);
    expect(Number((await fetch(`${url}/metrics`)).headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${url}/metrics`, { headers: bearer('viewer') })).status).toBe(200);
    expect(log.count('access refused')).toBe(10);
    expect(log.count('access refused too often: further refusals are not logged for a minute')).toBe(1);
  });

  it('never mixes callers up, at 10,000 requests of all roles at once', async () => {
    const who: Route = {
      method: 'POST',
      path: '/who',
      access: 'open',
      async handle(incoming, { principal }) {
        await incoming.text();
        await new Promise((resolve) => setImmediate(resolve));
        return new Response(`${principal?.name ?? 'nobody'} ${incoming.headers.get('x-who')}`);
      },
    };
    const { port } = await open({ tokens: configured }, [who]);
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const callers = [...ROLES, 'nobody'] as const;
    const ask = (i: number) =>
      new Promise<string>((resolve, reject) => {
        const caller = callers[i % callers.length] ?? 'nobody';
        const headers = { 'x-who': caller, ...(caller === 'nobody' ? {} : bearer(caller)) };
        const outgoing = request({ port, agent, path: '/who', method: 'POST', headers }, (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve(text));
        });
        outgoing.on('error', reject);
        outgoing.end('x');
      });
    const answers = await Promise.all(Array.from({ length: 10_000 }, (_, i) => ask(i)));
    agent.destroy();
    expect(new Set(answers)).toEqual(new Set(callers.map((caller) => `${caller} ${caller}`)));
  });

  it('ends at once for a token that a new handler does not know', async () => {
    const server = await open({ tokens: configured });
    const ask = async () => (await fetch(`${server.url}/healthz`)).status;
    expect(await ask()).toBe(200);
    server.use(
      createHandler({ authenticate: () => ({ refusal: 'bad-token' }), routes: [], log: server.log }),
      [],
    );
    expect(await ask()).toBe(401);
  });
});

describe('answers', () => {
  it.each(['/healthz', '/nothing', '/metrics', '/broken'])('are strict: %s', async (path) => {
    const broken: Route = {
      method: 'GET',
      path: '/broken',
      access: 'viewer',
      handle: () => Promise.reject(new Error('s3cr3t')),
    };
    const { url, log } = await open({}, [broken]);
    const response = await fetch(url + path, { headers: { origin: 'https://evil.example' } });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'$/),
      'x-content-type-options': 'nosniff',
    });
    expect(
      [...response.headers.keys()].filter((name) => /^(access-control|server|x-powered-by)/.test(name)),
    ).toEqual([]);
    const text = await response.text();
    expect(text).not.toMatch(/s3cr3t|\.ts|node_modules| at /);
    if (path === '/broken') expect([response.status, log.count('request failed')]).toEqual([500, 1]);
  });

  it.each([
    ['GET', '/', 404],
    ['GET', '/../../etc/passwd', 404],
    ['GET', '/%2e%2e/%2e%2e/etc/passwd', 404],
    ['GET', '/..%5c..%5cetc', 404],
    ['GET', '/healthz/../metrics.map', 404],
    ['GET', '/HEALTHZ', 404],
    ['GET', '/metrics/', 404],
    ['GET', '/%00', 404],
    ['GET', '/%', 404],
    ['GET', '//healthz', 400],
    ['GET', 'http://evil.example/healthz', 400],
    ['OPTIONS', '*', 400],
    ['TRACE', '/metrics', 405],
    ['OPTIONS', '/metrics', 405],
    ['POST', '/metrics', 405],
    ['PATCH', '/metrics', 405],
    ['HEAD', '/metrics', 200],
    ['PROPFIND', '/metrics', 405],
  ])('to %s %s are %d', async (method, path, status) => {
    const { port } = await open();
    const text = await raw(
      port,
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    expect(text.split(' ')[1]).toBe(String(status));
    if (status === 405) expect(text).toContain('allow: GET, HEAD');
  });

  it('that fail on their way end the connection and tell nothing', async () => {
    const late: Route = {
      method: 'GET',
      path: '/late',
      access: 'viewer',
      handle: () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              controller.error(new Error('s3cr3t'));
            },
          }),
        ),
    };
    const { port } = await open({}, [late]);
    const text = await raw(port, 'GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(text).not.toContain('s3cr3t');
    expect(text).not.toContain('\r\n0\r\n');
  });
});

describe('hostile requests', () => {
  it.each([
    [
      'a length and chunks',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
      '400',
    ],
    [
      'two lengths',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 5\r\n\r\nabcde',
      '400',
    ],
    [
      'a strange coding',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      '',
    ],
    [
      'bad chunks',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n',
      '',
    ],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', '400'],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n', '400'],
    [
      'a space before the colon',
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 5\r\n\r\nabcde',
      '400',
    ],
    ['rubbish', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000', '400'],
    [
      '1 MB of headers',
      `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(1_000_000)}\r\n\r\n`,
      '431',
    ],
    [
      'a body that is too long',
      `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n${'a'.repeat(2000)}`,
      '413',
    ],
    [
      'chunks that are too long',
      `POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'a'.repeat(2000)}\r\n0\r\n\r\n`,
      '413',
    ],
  ])('with %s are refused, and the connection ends', async (_, bytes, status) => {
    const { port, metrics } = await open({ maxBodyBytes: 1000 }, [echo]);
    const text = await raw(port, bytes);
    expect(metrics().httpRefusals).toMatchObject(status === '413' ? { 'too-large': 1 } : {});
    // What goes wrong in a body ends the connection in the middle: there is no answer that could be told from the route's.
    expect(text.match(/(?<=HTTP\/1\.1 )\d+/g) ?? ['']).toEqual([status]);
  });

  it('take bodies up to the limit', async () => {
    const { url } = await open({ maxBodyBytes: 1000 }, [echo]);
    const response = await fetch(`${url}/echo`, { method: 'POST', body: 'a'.repeat(1000) });
    expect(await response.text()).toHaveLength(1000);
  });
});

describe('connections', () => {
  const idle = (port: number, localAddress: string, bytes = '') =>
    new Promise<{ socket: Socket; closed: () => boolean }>((resolve) => {
      let closed = false;
      const socket = connect({ port, host: '127.0.0.1', localAddress }, () => {
        socket.write(bytes);
        resolve({ socket, closed: () => closed });
      });
      socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => {
        closed = true;
      });
    });

  it('of one address leave room for others', async () => {
    const { port, url, metrics } = await open({ maxConnectionsPerAddress: 5 });
    const held = await Promise.all(Array.from({ length: 20 }, () => idle(port, '127.0.0.2')));
    await until(() => held.filter(({ closed }) => closed()).length === 15, 'the rest is refused');
    expect(metrics().httpRefusals).toMatchObject({ 'too-many-of-address': 15, 'too-many': 0 });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    for (const { socket } of held) socket.destroy();
    await until(() => metrics().httpConnections <= 1, 'they are counted down');
  });

  it('are at most so many', async () => {
    const { port, metrics } = await open({ maxConnections: 10 });
    const held = await Promise.all(Array.from({ length: 30 }, (_, i) => idle(port, `127.0.0.${2 + i}`)));
    await until(() => held.filter(({ closed }) => closed()).length === 20, 'the rest is refused');
    expect(metrics().httpRefusals).toMatchObject({ 'too-many': 20, 'too-many-of-address': 0 });
    for (const { socket } of held) socket.destroy();
  });

  it.each([
    ['say nothing', ''],
    ['never finish their headers', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-a: '],
  ])('that %s end, while others are answered', async (_, bytes) => {
    const { port, url } = await open({ headersSeconds: 1 });
    const held = await Promise.all(Array.from({ length: 50 }, () => idle(port, '127.0.0.2', bytes)));
    for (let i = 0; i < 20; i++) expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await until(() => held.every(({ closed }) => closed()), 'they are ended');
  });

  it('end at their age, however busy', async () => {
    const { port } = await open({ maxConnectionSeconds: 1 });
    const { socket, closed } = await idle(port, '127.0.0.1');
    const timer = setInterval(() => socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'), 50);
    await until(closed, 'it is ended');
    clearInterval(timer);
  });
});

describe('closing', () => {
  const slow = (wait: Promise<void>): Route => ({
    method: 'GET',
    path: '/slow',
    access: 'viewer',
    handle: () => wait.then(() => new Response('done')),
  });

  it('lets requests end, and takes no more', async () => {
    let go = () => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    const server = await serve({}, [slow(wait)]);
    const answer = raw(server.port, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => server.metrics().httpConnections === 1, 'the request is there');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closing = server.close(10_000);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    go();
    expect(await answer).toMatch(/200 OK[\s\S]*done/);
    await closing;
  });

  it('ends what does not end by itself', async () => {
    const server = await serve({}, [slow(new Promise(() => {}))]);
    const answers = [
      raw(server.port, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      raw(server.port, 'GET /half'),
    ];
    await until(() => server.metrics().httpConnections === 2, 'the requests are there');
    await server.close(50);
    expect(await Promise.all(answers)).toEqual(['', '']);
  });
});
