import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isLoopback } from '../outbound/address-kinds.ts';
import type { Role, ServeOptions } from './options.ts';

/** Who asks. */
export interface Principal {
  /** Name of the token, or identity of the client certificate. */
  readonly name: string;
  readonly role: Role;
  readonly means: 'token' | 'certificate' | 'loopback';
}

/** The other end of a connection, as the server saw it. */
export interface Peer {
  readonly address: string;
  /** What a verified client certificate says of its holder; absent without one. */
  readonly identities?: readonly string[] | undefined;
}

/** Why nobody was recognised: a closed set, for the log. */
export type Refusal =
  | 'no-credentials'
  | 'bad-scheme'
  | 'bad-token'
  | 'expired-token'
  | 'unknown-certificate'
  | 'bad-host';

export type Decision =
  | { readonly principal: Principal; readonly refusal?: never }
  | { readonly refusal: Refusal; readonly principal?: never };

/** Decides who asks, from what the request and its connection say. It keeps nothing from one request to another. */
export type Authenticate = (peer: Peer, headers: Pick<Headers, 'get'>) => Decision;

const TOKEN_BYTES = 32;
const MAX_TOKEN = 512;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/** A new bearer token of 256 random bits, for its holder, and its hash, for the configuration. */
export function newToken(): { readonly token: string; readonly hash: string } {
  const token = `flowsentry_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  return { token, hash: `sha256:${digest(token).toString('hex')}` };
}

/** SHA-256. Tokens have 256 random bits: there is nothing to guess, and a slow hash would only be a load. */
export function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** Whether `role` may do what `needed` may: operators may read too; besides that each role is for itself. */
export function mayDo(role: Role, needed: Role): boolean {
  return role === needed || (role === 'operator' && needed === 'viewer');
}

/**
 * Recognises callers by token or client certificate. A token that is given must be right, whatever certificate comes with it. A server that
 * only loopback reaches and that has neither tokens nor clients takes callers as viewers, if they call it by a loopback name: a web page
 * whose own name leads here (DNS rebinding) does not.
 */
export function createAuthenticator(
  options: Pick<ServeOptions, 'host' | 'tokens' | 'clients'>,
  now: () => number = Date.now,
): Authenticate {
  const tokens = options.tokens.map(({ name, role, hash, expires }) => ({
    name,
    role,
    digest: Buffer.from(hash.slice('sha256:'.length), 'hex'),
    end: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
  }));
  const clients = new Map(options.clients.map((client) => [client.identity, client.role]));
  const open = isLoopback(options.host) && tokens.length === 0 && clients.size === 0;

  function byToken(authorization: string): Decision {
    const given = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization)?.[1];
    if (given === undefined || given.length > MAX_TOKEN) return { refusal: 'bad-scheme' };
    const presented = digest(given);
    let found: (typeof tokens)[number] | undefined;
    // All are compared, so that time does not tell which was near.
    for (const token of tokens) if (timingSafeEqual(token.digest, presented)) found = token;
    if (found === undefined) return { refusal: 'bad-token' };
    if (now() >= found.end) return { refusal: 'expired-token' };
    return { principal: { name: found.name, role: found.role, means: 'token' } };
  }

  return (peer, headers) => {
    if (open) {
      const host = headers.get('host');
      if (!isLoopback(peer.address) || host === null || !LOOPBACK_HOST.test(host))
        return { refusal: 'bad-host' };
      return { principal: { name: 'loopback', role: 'viewer', means: 'loopback' } };
    }
    const authorization = headers.get('authorization');
    if (authorization !== null) return byToken(authorization);
    if (peer.identities === undefined) return { refusal: 'no-credentials' };
    for (const identity of peer.identities) {
      const role = clients.get(identity);
      if (role !== undefined) return { principal: { name: identity, role, means: 'certificate' } };
    }
    return { refusal: 'unknown-certificate' };
  };
}
