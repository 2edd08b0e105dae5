import { constants, createHash, createPrivateKey, type X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { UserError } from '../errors.ts';
import { CIPHERS } from '../outbound/ciphers.ts';
import { crlTimes, splitCrls } from '../outbound/crl.ts';
import { parseCertificates } from '../outbound/pem.ts';
import { readPrivate } from '../outbound/secret.ts';
import type { Dated } from './expiry.ts';
import type { ServeOptions } from './options.ts';

type TlsOptions = NonNullable<ServeOptions['tls']>;

/** Everything that TLS needs, read and found good together. */
export interface Certificates {
  /** All options at once: `setSecureContext` replaces everything, so what is left out is switched off. */
  readonly context: SecureContextOptions;
  readonly dated: readonly Dated[];
  /** Tells whether files changed. */
  readonly id: string;
}

interface Texts {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  readonly crl: string | undefined;
}

async function readTexts(tls: TlsOptions): Promise<Texts> {
  const read = (file: string) => readFile(file, 'utf8');
  const optional = (file: string | undefined) => (file === undefined ? undefined : read(file));
  const [cert, key, ca, crl] = await Promise.all([
    read(tls.certificate),
    readPrivate(tls.key),
    optional(tls.clientCa),
    optional(tls.clientCrl),
  ]);
  return { cert, key, ca, crl };
}

function idOf(texts: Texts): string {
  return createHash('sha256')
    .update(JSON.stringify([texts.cert, texts.key, texts.ca, texts.crl]))
    .digest('hex');
}

function datedOf(file: string, certificate: X509Certificate): Dated {
  return {
    kind: 'certificate',
    file,
    id: certificate.fingerprint256,
    subject: certificate.subject.replaceAll('\n', ', '),
    notBefore: Date.parse(certificate.validFrom) / 1000,
    notAfter: Date.parse(certificate.validTo) / 1000,
  };
}

/** Reads and checks the files. Throws when they don't fit together. */
export async function loadCertificates(tls: TlsOptions): Promise<Certificates> {
  const texts = await readTexts(tls);
  const chain = parseCertificates(texts.cert, tls.certificate);
  const [leaf] = chain;
  const key = createPrivateKey(texts.key);
  if (leaf?.checkPrivateKey(key) !== true)
    throw new UserError(`cannot use ${tls.key}: it is not the key of ${tls.certificate}`);
  const cas = texts.ca === undefined ? [] : parseCertificates(texts.ca, tls.clientCa ?? '');
  const crls = texts.crl === undefined ? [] : splitCrls(texts.crl);
  if (texts.crl !== undefined && crls.length === 0)
    throw new UserError(`cannot use ${tls.clientCrl}: it does not hold a whole list in PEM form`);
  const context: SecureContextOptions = {
    cert: texts.cert,
    key: texts.key,
    ...(texts.ca === undefined ? {} : { ca: texts.ca }),
    ...(crls.length === 0 ? {} : { crl: crls }),
    minVersion: `TLSv${tls.minVersion}`,
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // A session that is taken up again would skip the certificate, and so its revocation.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
  // Throws on what OpenSSL would refuse: too short keys, broken chains.
  createSecureContext(context);
  return {
    context,
    id: idOf(texts),
    dated: [
      ...chain.map((certificate) => datedOf(tls.certificate, certificate)),
      ...cas.map((certificate) => datedOf(tls.clientCa ?? '', certificate)),
      ...crls.map(
        (crl): Dated => ({
          kind: 'crl',
          file: tls.clientCrl ?? '',
          id: createHash('sha256').update(crl).digest('hex'),
          subject: 'revoked certificates',
          ...crlTimes(crl),
        }),
      ),
    ],
  };
}

/** Whether the certificate we show is good at this moment, Unix seconds. */
function isCurrent({ dated: [leaf] }: Certificates, now: number): boolean {
  return leaf !== undefined && leaf.notBefore <= now && now <= leaf.notAfter;
}

export interface CertificateWatch {
  readonly current: Certificates;
  readonly loaded: number;
  readonly refused: number;
  /** Looks at the files now, and uses them when they changed and are good. Never throws. */
  look(): Promise<void>;
}

/**
 * Follows the files. What does not fit together is refused, and said once, when it is still there at the second look: files are not written
 * at one moment. Then, and for good ones that a certificate out of date would replace, the old ones stay in use.
 */
export function watchCertificates(
  first: Certificates,
  tls: TlsOptions,
  events: {
    use(certificates: Certificates): void;
    refuse(error: unknown): void;
    now(): number;
  },
): CertificateWatch {
  let current = first;
  let loaded = 0;
  let refused = 0;
  let bad = { id: '', looks: 0 };
  let looking: Promise<void> | undefined;

  async function attempt(): Promise<void> {
    let id = 'unreadable';
    try {
      id = idOf(await readTexts(tls));
      if (id === current.id) {
        bad = { id: '', looks: 0 };
        return;
      }
      const next = await loadCertificates(tls);
      const now = events.now();
      if (!isCurrent(next, now) && isCurrent(current, now))
        throw new UserError(`cannot use ${tls.certificate}: it is not valid now, the one in use is`);
      events.use(next);
      current = next;
      loaded++;
      bad = { id: '', looks: 0 };
    } catch (error) {
      bad = { id, looks: bad.id === id ? bad.looks + 1 : 1 };
      if (bad.looks !== 2) return;
      refused++;
      events.refuse(error);
    }
  }

  return {
    get current() {
      return current;
    },
    get loaded() {
      return loaded;
    },
    get refused() {
      return refused;
    },
    look() {
      looking ??= attempt().finally(() => {
        looking = undefined;
      });
      return looking;
    },
  };
}
