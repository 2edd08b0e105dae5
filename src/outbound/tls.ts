import { createHash, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { CIPHERS } from './ciphers.ts';
import { splitCrls } from './crl.ts';
import { parseCertificates } from './pem.ts';
import { readPrivate } from './secret.ts';

/** How a server proves who it is to us, and we to it. There is no switch that turns verification off. */
export const TlsOptions = z
  .strictObject({
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('File with the CA certificates to trust instead of the public ones (PEM)'),
    crl: z.string().min(1).optional().describe("File with the CA's lists of revoked certificates (PEM)"),
    certificate: z
      .string()
      .min(1)
      .optional()
      .describe('File with our certificate and its chain, for servers that ask for one (PEM)'),
    key: z
      .string()
      .min(1)
      .optional()
      .describe('File with its private key (PEM), which nobody else may read (mode 0600)'),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe("Name the server's certificate must have, where it differs from the one it is called by"),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    path: ['key'],
    error: 'goes with certificate: one needs the other',
  })
  .refine(({ ca, crl }) => crl === undefined || ca !== undefined, {
    path: ['crl'],
    error: 'goes with ca: lists of public CAs are not checked',
  });
export type TlsOptions = z.infer<typeof TlsOptions>;

/** What our end of a TLS connection is made with. */
export interface ClientTls {
  /** As the files are now. TLS 1.2 or 1.3, always verified. */
  connectOptions(): ConnectionOptions;
  /** Looks at the files now. Never throws: what cannot be used is reported once, and what was read before stays in use. */
  look(): Promise<void>;
  /** Ends looking at the files. */
  close(): void;
}

/** Throws a UserError where the environment would switch verification off for whoever forgets to switch it on. */
export function refuseUnverified(): void {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    throw new UserError(
      'cannot connect: NODE_TLS_REJECT_UNAUTHORIZED=0 would let anybody pose as anybody; unset it, and name a private CA in the configuration',
    );
}

/** Milliseconds between two looks at the files. */
const LOOK_MS = 10_000;

/**
 * Reads the files, and follows them as they change; without options it trusts the public CAs. Throws a UserError when they don't fit
 * together. `onProblem` is told once of files that cannot be used any more.
 */
export async function openTls(
  options: TlsOptions = {},
  onProblem: (error: Error) => void = () => {},
): Promise<ClientTls> {
  refuseUnverified();
  const { serverName } = options;
  let current = await load(options);
  let refused = '';
  const look = async (): Promise<void> => {
    let id = 'unreadable';
    try {
      const texts = await readTexts(options);
      id = idOf(texts);
      if (id !== current.id) current = check(texts, options);
      refused = '';
    } catch (error) {
      if (refused !== id) onProblem(error as Error);
      refused = id;
    }
  };
  const timer = Object.keys(options).length > 0 ? setInterval(() => void look(), LOOK_MS) : undefined;
  timer?.unref();
  return {
    connectOptions: () => ({
      secureContext: current.context,
      rejectUnauthorized: true,
      checkServerIdentity: checkNames,
      ...(serverName === undefined ? {} : { servername: serverName }),
    }),
    look,
    close: () => clearInterval(timer),
  };
}

/** Node falls back to the common name of a certificate without names, which RFC 9525 (§2) does away with. */
function checkNames(host: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subjectaltname === undefined) return new Error('the certificate has no names in it');
  return checkServerIdentity(host, certificate);
}

interface Texts {
  readonly ca: string | undefined;
  readonly crl: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

interface Loaded {
  readonly id: string;
  readonly context: SecureContext;
}

async function load(options: TlsOptions): Promise<Loaded> {
  try {
    return check(await readTexts(options), options);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot use certificates: ${(error as Error).message}`, { cause: error });
  }
}

async function readTexts({ ca, crl, certificate, key }: TlsOptions): Promise<Texts> {
  const read = async (file: string | undefined) => (file === undefined ? undefined : readFile(file, 'utf8'));
  const [caText, crlText, certText] = await Promise.all([ca, crl, certificate].map(read));
  const keyText = key === undefined ? undefined : await readPrivate(key);
  return { ca: caText, crl: crlText, cert: certText, key: keyText };
}

function idOf({ ca, crl, cert, key }: Texts): string {
  return createHash('sha256')
    .update(JSON.stringify([ca, crl, cert, key]))
    .digest('hex');
}

function check(texts: Texts, options: TlsOptions): Loaded {
  const { ca, crl, cert, key } = texts;
  if (ca !== undefined) parseCertificates(ca, options.ca ?? '');
  if (cert !== undefined && key !== undefined) {
    const [leaf] = parseCertificates(cert, options.certificate ?? '');
    if (leaf?.checkPrivateKey(createPrivateKey(key)) !== true)
      throw new UserError(`cannot use ${options.key}: it is not the key of ${options.certificate}`);
  }
  const crls = crl === undefined ? [] : splitCrls(crl);
  if (crl !== undefined && crls.length === 0)
    throw new UserError(`cannot use ${options.crl}: it does not hold a whole list in PEM form`);
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    ...(ca === undefined ? {} : { ca }),
    ...(crls.length === 0 ? {} : { crl: crls }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
  return { id: idOf(texts), context };
}
