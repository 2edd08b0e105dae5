import { X509Certificate } from 'node:crypto';
import { UserError } from '../errors.ts';

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z\d+/=\s]*-----END CERTIFICATE-----/g;

/** All certificates of a PEM text. Throws a UserError when it holds none, or one that was cut off while it was written. */
export function parseCertificates(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1)
    throw new UserError(`cannot use ${file}: it does not hold whole certificates in PEM form`);
  return blocks.map((block) => new X509Certificate(block));
}
