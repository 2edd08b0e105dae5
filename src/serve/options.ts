import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopback } from '../outbound/address-kinds.ts';

/** What a caller may do. Each role is for itself, but operators may do what viewers may. */
export const ROLES = ['viewer', 'operator', 'ingest'] as const;
export type Role = (typeof ROLES)[number];

const file = (text: string) => z.string().min(1).describe(text);
const role = z.enum(ROLES).describe('viewer reads, operator reads and changes, ingest only delivers records');

const Token = z.strictObject({
  name: z.string().min(1).max(100).describe('Who holds it: named in the audit log'),
  hash: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'not a hash that `flowsentry token` printed')
    .describe('Hash of the token as `flowsentry token` printed it; the token itself is stored nowhere'),
  role,
  expires: z
    .string()
    .refine((text) => !Number.isNaN(Date.parse(text)), 'not an ISO 8601 date or time')
    .optional()
    .describe('Date or time from which it is refused'),
});

const Client = z.strictObject({
  identity: z
    .string()
    .regex(
      /^(?:URI|DNS|email|CN):.+$/,
      'not an identity such as URI:spiffe://example.org/grafana, DNS:grafana.internal or CN:grafana',
    )
    .describe(
      'A subject alternative name of the client certificate (URI:, DNS:, email:) or its common name (CN:)',
    ),
  role,
});

const Tls = z.strictObject({
  certificate: file('File with the certificate and its chain (PEM)'),
  key: file('File with its private key (PEM), which nobody else may read (mode 0600)'),
  minVersion: z.enum(['1.2', '1.3']).default('1.2').describe('Oldest TLS version accepted'),
  clientCa: file('File with the CAs whose client certificates are accepted (PEM)').optional(),
  clientCrl: file(
    'File with the lists of revoked client certificates (PEM), one for each CA of the chain; once they are out of date no client certificate is accepted',
  ).optional(),
  clientCertificates: z
    .enum(['required', 'optional'])
    .default('required')
    .describe(
      'Whether callers without a certificate may come in with a token; wrong certificates never come in',
    ),
});

/** Options of the HTTP server. */
export const ServeOptions = z
  .strictObject({
    host: z
      .string()
      .default('127.0.0.1')
      .refine((text) => text === 'localhost' || isIP(text) !== 0, 'not an address, such as 127.0.0.1 or ::')
      .describe('Address to listen on; other than loopback ones need tls and tokens or clients'),
    port: z.int().min(0).max(65_535).default(9464).describe('Port to listen on; 0 takes any that is free'),
    tls: Tls.optional().describe('Certificates; without them only loopback is served'),
    tokens: z.array(Token).max(1000).default([]).describe('Bearer tokens'),
    clients: z.array(Client).max(1000).default([]).describe('Who may come in with a client certificate'),
    maxConnections: z.int().min(1).default(1000).describe('Most connections at once'),
    maxConnectionsPerAddress: z
      .int()
      .min(1)
      .default(100)
      .describe('Most connections of one address (an IPv6 /64) at once'),
    maxConnectionSeconds: z
      .int()
      .min(1)
      .default(300)
      .describe('A connection is closed after this, so that who was revoked is gone by then'),
    maxHeaderBytes: z
      .int()
      .min(1024)
      .default(16_384)
      .describe('Largest request line and headers of a request'),
    maxBodyBytes: z.int().min(0).default(1_048_576).describe('Largest request body'),
    headersSeconds: z
      .int()
      .min(1)
      .default(10)
      .describe('Time for a handshake, and for the headers of a request'),
    requestSeconds: z.int().min(1).default(60).describe('Time for a request to arrive'),
    certificatePollSeconds: z
      .number()
      .min(0.05)
      .default(10)
      .describe('How often certificate files are looked at for changes'),
  })
  .superRefine((options, context) => {
    const { tls, clients, tokens, host } = options;
    const problem = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (tls?.clientCa === undefined && clients.length > 0)
      problem(['clients'], 'need tls.clientCa: without it no client certificate is looked at');
    if (tls !== undefined && tls.clientCa === undefined && tls.clientCrl !== undefined)
      problem(['tls', 'clientCrl'], 'needs tls.clientCa');
    for (const [name, list] of [
      ['tokens', tokens.map((token) => token.name)],
      ['clients', clients.map((client) => client.identity)],
    ] as const)
      for (const [i, value] of list.entries())
        if (list.indexOf(value) !== i) problem([name, i], `is there twice: ${value}`);
    const exposed = exposureProblem(options);
    if (!isLoopback(host) && exposed !== undefined) problem(['host'], exposed);
  });
export type ServeOptions = z.infer<typeof ServeOptions>;

/** Why this server must not be reachable from elsewhere; undefined when it may. */
export function exposureProblem(
  options: Pick<ServeOptions, 'host' | 'tls' | 'tokens' | 'clients'>,
): string | undefined {
  const missing = [
    ...(options.tls === undefined ? ['tls'] : []),
    ...(options.tokens.length === 0 && options.clients.length === 0 ? ['tokens or clients'] : []),
  ];
  if (missing.length === 0) return undefined;
  return `${options.host} can be reached from elsewhere: configure ${missing.join(' and ')} first, or listen on 127.0.0.1`;
}

/** What the server tells whoever runs it: a static message and plain values. */
export interface ServeLog {
  info(message: string, details?: Readonly<Record<string, unknown>>): void;
  warn(message: string, details?: Readonly<Record<string, unknown>>): void;
  error(message: string, details?: Readonly<Record<string, unknown>>): void;
}
