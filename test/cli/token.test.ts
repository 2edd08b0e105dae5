import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createAuthenticator } from '../../src/serve/auth.ts';
import { ROLES, ServeOptions } from '../../src/serve/options.ts';
import { flowsentry } from './run.ts';

/** What the server makes of a token with an entry of `serve.tokens`. */
function decide(token: string, entry: object) {
  const { host, tokens, clients } = ServeOptions.parse({ tokens: [entry] });
  const headers = new Headers({ authorization: `Bearer ${token}` });
  return createAuthenticator({ host, tokens, clients })({ address: '192.0.2.1' }, headers);
}

describe('flowsentry token', () => {
  it('prints a token, and the line with which the server knows its holder', async () => {
    const { code, stdout } = await flowsentry(['token', '--name', 'prometheus']);
    expect(code).toBe(0);
    const [token = '', line = ''] = stdout.split('\n');
    const [entry] = parse(line);
    expect(decide(token, entry).principal).toEqual({ name: 'prometheus', role: 'viewer', means: 'token' });
    expect(line).not.toContain(token);
  });

  it.each(ROLES)('makes one for the role %s, as JSON with its end', async (role) => {
    const args = ['token', '--name', 'a', '--role', role, '--expires', '2999-01-01', '--json'];
    const { token, ...entry } = JSON.parse((await flowsentry(args)).stdout);
    expect(entry).toMatchObject({ name: 'a', role, expires: '2999-01-01T00:00:00.000Z' });
    expect(decide(token, entry).principal?.role).toBe(role);
  });

  it('makes another one each time', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => flowsentry(['token', '--name', 'a', '--json'])));
    expect(JSON.parse(one?.stdout ?? '').token).not.toBe(JSON.parse(other?.stdout ?? '').token);
  });

  it.each([
    [['token'], 'no name'],
    [['token', '--name', 'a b'], 'a name with a space'],
    [['token', '--name', 'a', '--role', 'admin'], 'an unknown role'],
    [['token', '--name', 'a', '--expires', 'soon'], 'an end that is no time'],
  ])('ends with 2 for %j: %s', async (args) => {
    const { code, stdout } = await flowsentry(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
