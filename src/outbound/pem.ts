import { X509Certificate } from 'node:crypto';
import { UserError } from '../errors.ts';

/** Forward secrecy and authenticated encryption only, keys of at least 2,048 bits (Mozilla's intermediate list without DHE). */
export const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  '@SECLEVEL=2',
].join(':');

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z\d+/=\s]*-----END CERTIFICATE-----/g;

/** All certificates of a PEM text. Throws a UserError when it holds none, or one that was cut off while it was written. */
export function parseCertificates(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1)
    throw new UserError(`cannot use ${file}: it does not hold whole certificates in PEM form`);
  return blocks.map((block) => new X509Certificate(block));
}
