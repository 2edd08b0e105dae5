import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import {
  CompactEncrypt,
  calculateJwkThumbprint,
  compactDecrypt,
  decodeProtectedHeader,
  exportJWK,
  type JWK,
} from 'jose';
import { UserError } from '../../errors.ts';

/** What a compact JWE looks like: header, key, nonce, text and tag. */
const COMPACT = /^eyJ[\w-]*(?:\.[\w-]*){4}$/;
const MIN_RSA_BITS = 2048;

/** A key, and the name by which the other half of the pair knows it: its thumbprint (RFC 7638). */
export interface NamedKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** The recipient's public key, from PEM (a key or a certificate) or a JWK. Throws a UserError when it cannot be used. */
export async function readPublicKey(text: string, place: string): Promise<NamedKey> {
  if (/PRIVATE KEY|"d"\s*:/.test(text))
    throw new UserError(
      `cannot use ${place}: it holds a private key, which nobody but the recipient may have`,
    );
  return named(
    () =>
      text.trimStart().startsWith('{')
        ? createPublicKey({ key: jwkOf(text), format: 'jwk' })
        : createPublicKey(text),
    place,
  );
}

/** The recipient's private key, from PEM or a JWK. Throws a UserError when it cannot be used. */
export async function readPrivateKey(text: string, place: string): Promise<NamedKey> {
  return named(
    () =>
      text.trimStart().startsWith('{')
        ? createPrivateKey({ key: jwkOf(text), format: 'jwk' })
        : createPrivateKey(text),
    place,
  );
}

function jwkOf(text: string): import('node:crypto').JsonWebKey {
  return JSON.parse(text) as import('node:crypto').JsonWebKey;
}

async function named(read: () => KeyObject, place: string): Promise<NamedKey> {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    // What the parser says could repeat what it read.
    throw new UserError(`cannot use ${place}: it holds no such key as PEM or JWK`);
  }
  algorithmOf(key, place);
  const { kty, n, e, crv, x, y } = await exportJWK(key);
  const open = Object.fromEntries(
    Object.entries({ kty, n, e, crv, x, y }).filter(([, part]) => part !== undefined),
  ) as JWK;
  return { id: await calculateJwkThumbprint(open), key };
}

/** One of the two ways to hand over the key of a text, by what the recipient has. */
function algorithmOf(
  { asymmetricKeyType, asymmetricKeyDetails }: KeyObject,
  place: string,
): 'RSA-OAEP-256' | 'ECDH-ES+A256KW' {
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS)
    return 'RSA-OAEP-256';
  const curves = ['prime256v1', 'secp384r1', 'secp521r1'];
  if (
    asymmetricKeyType === 'x25519' ||
    (asymmetricKeyType === 'ec' && curves.includes(asymmetricKeyDetails?.namedCurve ?? ''))
  )
    return 'ECDH-ES+A256KW';
  throw new UserError(
    `cannot use ${place}: it has to be RSA of ${MIN_RSA_BITS} bits or more, P-256, P-384, P-521 or X25519`,
  );
}

/** A compact JWE with a key of its own each time: the same text never looks the same. */
export function encrypt(text: string, { id, key }: NamedKey): Promise<string> {
  const header = { alg: algorithmOf(key, id), enc: 'A256GCM', kid: id, cty: 'application/json' };
  return new CompactEncrypt(Buffer.from(text)).setProtectedHeader(header).encrypt(key);
}

export function isCompactJwe(text: string): boolean {
  return COMPACT.test(text);
}

/** What a JWE holds. Throws a UserError when it is for another key, was changed, or is none of ours. */
export async function decrypt(jwe: string, keys: readonly NamedKey[]): Promise<string> {
  const kid = headerOf(jwe).kid;
  const named = keys.find(({ id }) => id === kid);
  if (named === undefined)
    throw new UserError(
      `cannot decrypt: it is for the key ${String(kid).slice(0, 100)}, and given is ${keys.map(({ id }) => id).join(', ')}`,
    );
  try {
    const { plaintext } = await compactDecrypt(jwe, named.key, {
      keyManagementAlgorithms: ['RSA-OAEP-256', 'ECDH-ES+A256KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    return Buffer.from(plaintext).toString('utf8');
  } catch (error) {
    throw new UserError(
      `cannot decrypt: it was changed or cut off on its way (${(error as Error).message})`,
      {
        cause: error,
      },
    );
  }
}

function headerOf(jwe: string): { readonly kid?: unknown } {
  try {
    return decodeProtectedHeader(jwe);
  } catch {
    throw new UserError('cannot decrypt: it is not a compact JWE');
  }
}
