import { describe, expect, it } from 'vitest';
import { createAuthenticator, mayDo, newToken } from '../../src/serve/auth.ts';
import { callerOf, createFailureLimiter } from '../../src/serve/callers.ts';
import { identitiesOf } from '../../src/serve/identity.ts';
import { ROLES, ServeOptions } from '../../src/serve/options.ts';

const peer = { address: '192.0.2.1' };
const headers = (authorization: string | null, host: string | null = 'flowsentry.internal') => ({
  get: (name: string) => (name === 'authorization' ? authorization : name === 'host' ? host : null),
});

function authenticator(input: Partial<(typeof ServeOptions)['_zod']['input']> = {}, now?: () => number) {
  return createAuthenticator(ServeOptions.parse({ ...input }), now);
}

describe('tokens', () => {
  const { token, hash } = newToken();
  const tokens = [
    { name: 'other', hash: newToken().hash, role: 'operator' as const },
    { name: 'grafana', hash, role: 'viewer' as const },
  ];

  it('have 256 random bits, and only their hash is kept', () => {
    expect(token).toMatch(/^flowsentry_[\w-]{43}$/);
    expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(newToken().token).not.toBe(token);
  });

  it('tell who holds them', () => {
    expect(authenticator({ tokens })(peer, headers(`Bearer ${token}`)).principal).toEqual({
      name: 'grafana',
      role: 'viewer',
      means: 'token',
    });
  });

  it.each([
    [null, 'no-credentials'],
    ['', 'bad-scheme'],
    [token, 'bad-scheme'],
    [`Basic ${token}`, 'bad-scheme'],
    ['Bearer ', 'bad-scheme'],
    [`Bearer ${token} ${token}`, 'bad-scheme'],
    [`Bearer ${'a'.repeat(10_000)}`, 'bad-scheme'],
    [`Bearer ${token.slice(0, -1)}`, 'bad-token'],
    [`Bearer ${token}x`, 'bad-token'],
    [`Bearer ${hash}`, 'bad-scheme'],
    [`Bearer ${hash.slice(7)}`, 'bad-token'],
  ])('are refused when wrong: %s', (authorization, refusal) => {
    expect(authenticator({ tokens })(peer, headers(authorization))).toEqual({ refusal });
  });

  it('end when they expire', () => {
    let now = Date.parse('2026-11-24T11:59:59Z');
    const authenticate = authenticator(
      { tokens: [{ name: 'a', hash, role: 'viewer', expires: '2026-11-24T12:00:00Z' }] },
      () => now,
    );
    expect(authenticate(peer, headers(`Bearer ${token}`)).principal?.name).toBe('a');
    now += 1000;
    expect(authenticate(peer, headers(`Bearer ${token}`)).refusal).toBe('expired-token');
  });

  it('are needed to be right even with a good certificate', () => {
    const authenticate = authenticator({
      tokens,
      tls: { certificate: 'c', key: 'k', clientCa: 'a' },
      clients: [{ identity: 'CN:a', role: 'operator' }],
    });
    const known = { ...peer, identities: ['CN:a'] };
    expect(authenticate(known, headers(null)).principal?.role).toBe('operator');
    expect(authenticate(known, headers('Bearer wrong')).refusal).toBe('bad-token');
    expect(authenticate({ ...peer, identities: ['CN:b'] }, headers(null)).refusal).toBe(
      'unknown-certificate',
    );
  });
});

describe('without tokens and clients', () => {
  const authenticate = authenticator();

  it.each(['localhost:9464', '127.0.0.1', '[::1]:9464'])('takes loopback callers as viewers: %s', (host) => {
    expect(authenticate({ address: '127.0.0.1' }, headers(null, host)).principal?.role).toBe('viewer');
    expect(authenticate({ address: '::1' }, headers(null, host)).principal?.role).toBe('viewer');
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '', null, '10.0.0.1'])(
    'refuses a page whose name leads here: %s',
    (host) => {
      expect(authenticate({ address: '127.0.0.1' }, headers(null, host)).refusal).toBe('bad-host');
    },
  );

  it('refuses callers from elsewhere', () => {
    expect(authenticate(peer, headers(null, 'localhost')).refusal).toBe('bad-host');
  });
});

describe('roles', () => {
  it('may do what they are for; operators may read too', () => {
    const allowed = ROLES.flatMap((role) =>
      ROLES.filter((needed) => mayDo(role, needed)).map((needed) => `${role} ${needed}`),
    );
    expect(allowed).toEqual(['viewer viewer', 'operator viewer', 'operator operator', 'ingest ingest']);
  });
});

describe('identities of a certificate', () => {
  const subject = { CN: 'grafana' } as never;

  it('are its alternative names and its common name', () => {
    const subjectaltname = 'URI:spiffe://a/b, DNS:x.example, IP Address:10.0.0.1, email:a@b.c';
    expect(identitiesOf({ subject, subjectaltname })).toEqual([
      'URI:spiffe://a/b',
      'DNS:x.example',
      'email:a@b.c',
      'CN:grafana',
    ]);
  });

  it('keep a name whole that looks like two', () => {
    expect(identitiesOf({ subject, subjectaltname: 'URI:"http://evil/, URI:spiffe://a/b", DNS:x' })).toEqual([
      'URI:http://evil/, URI:spiffe://a/b',
      'DNS:x',
      'CN:grafana',
    ]);
  });

  it.each(['URI:"open', 'DNS:a,DNS:b', 'nonsense'])(
    'are none when they cannot be read: %s',
    (subjectaltname) => {
      expect(identitiesOf({ subject: {} as never, subjectaltname })).toEqual([]);
    },
  );

  it('leave out a common name that is there twice', () => {
    expect(identitiesOf({ subject: { CN: ['a', 'b'] } as never })).toEqual([]);
  });
});

describe('callers', () => {
  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['', ''],
  ])('of %s count as %s', (address, caller) => {
    expect(callerOf(address)).toBe(caller);
  });

  it('who fail too often are told to wait, each for himself', () => {
    let now = 0;
    const { fail } = createFailureLimiter(() => now);
    const results = Array.from({ length: 12 }, () => fail('192.0.2.1'));
    expect(results.map(({ limited }) => limited)).toEqual([...new Array(10).fill(false), true, true]);
    expect(results.map(({ first }) => first).indexOf(true)).toBe(10);
    expect(results[11]?.retryAfter).toBe(60);
    expect(fail('192.0.2.2').limited).toBe(false);
    now = 59_500;
    expect(fail('192.0.2.1')).toEqual({ limited: true, first: false, retryAfter: 1 });
    now = 60_000;
    expect(fail('192.0.2.1').limited).toBe(false);
  });
});

describe('options of the server', () => {
  const problems = (input: object) =>
    ServeOptions.safeParse(input).error?.issues.map(({ path }) => path.join('.')) ?? [];
  const { hash } = newToken();
  const tokens = [{ name: 'a', hash, role: 'viewer' }];
  const tls = { certificate: 'c', key: 'k' };

  it.each(['0.0.0.0', '::', '10.0.0.5', '2001:db8::1', '::ffff:10.0.0.1'])(
    'keep %s closed until there is TLS and authentication',
    (host) => {
      expect(problems({ host })).toEqual(['host']);
      expect(problems({ host, tls })).toEqual(['host']);
      expect(problems({ host, tokens })).toEqual(['host']);
      expect(problems({ host, tls, tokens })).toEqual([]);
      expect(
        problems({ host, tls: { ...tls, clientCa: 'a' }, clients: [{ identity: 'CN:a', role: 'viewer' }] }),
      ).toEqual([]);
    },
  );

  it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1'])('open %s without', (host) => {
    expect(problems({ host })).toEqual([]);
  });

  it.each([
    [{ host: 'flowsentry.internal' }, 'host'],
    [{ tls, clients: [{ identity: 'CN:a', role: 'viewer' }] }, 'clients'],
    [{ tls: { ...tls, clientCrl: 'c' } }, 'tls.clientCrl'],
    [{ tokens: [...tokens, ...tokens] }, 'tokens.1'],
    [{ tokens: [{ name: 'a', hash: 'flowsentry_secret', role: 'viewer' }] }, 'tokens.0.hash'],
    [{ tokens: [{ name: 'a', hash, role: 'admin' }] }, 'tokens.0.role'],
    [{ tls, clients: [{ identity: 'grafana', role: 'viewer' }] }, 'clients.0.identity'],
  ])('refuse %j', (input, path) => {
    expect(problems(input)).toContain(path);
  });
});
