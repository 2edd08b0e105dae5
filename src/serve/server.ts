import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { UserError } from '../errors.ts';
import { isLoopback } from '../outbound/address-kinds.ts';
import type { Peer } from './auth.ts';
import { type CertificateWatch, loadCertificates, watchCertificates } from './certificates.ts';
import { createConnections } from './connections.ts';
import { exchange } from './exchange.ts';
import { createExpiryMonitor, type Dated } from './expiry.ts';
import { identitiesOf } from './identity.ts';
import { exposureProblem, type ServeLog, type ServeOptions } from './options.ts';
import type { Handler } from './routes.ts';

/** Why a connection, or a request before it was one, is refused. */
const REFUSALS = [
  'too-many',
  'too-many-of-address',
  'handshake',
  'client-certificate',
  'bad-request',
  'too-large',
] as const;
type Refusal = (typeof REFUSALS)[number];

/** What there is to show of a server. Counts are since its start. */
export interface ServerMetrics {
  readonly httpConnections: number;
  /** By status class, such as `2xx`. */
  readonly httpRequests: Readonly<Record<string, number>>;
  readonly httpRefusals: Readonly<Record<Refusal, number>>;
  /** With lists of revoked ones, and the Unix seconds after which they are no good. */
  readonly certificates: readonly { readonly file: string; readonly notAfter: number }[];
  readonly certificateReloads: Readonly<Record<'loaded' | 'refused', number>>;
}

export interface RunningServer {
  /** Where it is, as the operating system says. */
  readonly url: string;
  readonly port: number;
  metrics(): ServerMetrics;
  /** Looks for changed certificates now. */
  reload(): Promise<void>;
  /** Requests from now on are answered by this one, and connections let in for these clients: revoked tokens end at once. */
  use(handler: Handler, clients: ServeOptions['clients']): void;
  /** Takes no more, lets requests end within `deadline` milliseconds, then ends them. */
  close(deadline: number): Promise<void>;
}

const KEEP_ALIVE_MS = 30_000;
const CHECK_MS = 1000;
const NO_CERTIFICATE = 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';
/** Refusals that are logged a minute; all are counted. */
const LOGGED_A_MINUTE = 20;

/** Listens. Throws a UserError when it cannot, or must not because anybody could come in. */
export async function startServer(
  handler: Handler,
  options: ServeOptions,
  log: ServeLog,
  now: () => number = Date.now,
): Promise<RunningServer> {
  const exposed = isLoopback(options.host) ? undefined : exposureProblem(options);
  if (exposed !== undefined) throw new UserError(`cannot serve: ${exposed}`);
  const { tls } = options;
  const seconds = () => now() / 1000;
  const connections = createConnections(options);
  let known = new Set(options.clients.map(({ identity }) => identity));
  const peers = new WeakMap<Socket, Peer>();
  const requests: Record<string, number> = {};
  // All from the start: one that began with its first refusals would show Prometheus no increase.
  const refusals = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<Refusal, number>;
  const logged = { minute: 0, count: 0 };
  let current = handler;

  function refuse(reason: Refusal, details: Readonly<Record<string, unknown>>): void {
    refusals[reason]++;
    const minute = Math.floor(performance.now() / 60_000);
    if (minute !== logged.minute) Object.assign(logged, { minute, count: 0 });
    if (++logged.count <= LOGGED_A_MINUTE) log.warn('connection refused', { reason, ...details });
  }

  function answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const connection = connections.of(incoming.socket);
    const peer = peers.get(incoming.socket);
    if (connection === undefined || peer === undefined) return void incoming.socket.destroy();
    const end = connection.begin();
    if (!connection.mayStay) outgoing.shouldKeepAlive = false;
    outgoing.once('close', () => {
      const status = `${Math.floor(outgoing.statusCode / 100)}xx`;
      requests[status] = (requests[status] ?? 0) + 1;
      end();
    });
    const { maxBodyBytes } = options;
    void exchange(current, incoming, outgoing, {
      peer,
      scheme: tls === undefined ? 'http' : 'https',
      maxBodyBytes,
      onTooLarge: () => refuse('too-large', { address: peer.address }),
    });
  }

  /** Who holds the certificate; undefined without one; false when he must not come in. */
  function holder(socket: TLSSocket): readonly string[] | undefined | false {
    if (socket.getPeerX509Certificate() === undefined)
      return tls?.clientCa !== undefined && tls.clientCertificates === 'required' ? false : undefined;
    if (!socket.authorized) return false;
    const identities = identitiesOf(socket.getPeerCertificate());
    return known.size === 0 || identities.some((identity) => known.has(identity)) ? identities : false;
  }

  const limits = {
    maxHeaderSize: options.maxHeaderBytes,
    headersTimeout: options.headersSeconds * 1000,
    requestTimeout: Math.max(options.requestSeconds, options.headersSeconds) * 1000,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
    insecureHTTPParser: false,
  };
  let watch: CertificateWatch | undefined;
  let server: Server | TlsServer;
  if (tls === undefined) {
    server = createPlainServer(limits, answer);
    server.prependListener('connection', (socket: Socket) => {
      const address = socket.remoteAddress ?? '';
      if (!connections.admit(socket)) return refuse('too-many-of-address', { address });
      peers.set(socket, { address });
      connections.ready(socket);
    });
  } else {
    const certificates = await loadFirst(tls);
    const secure = createTlsServer(
      {
        ...limits,
        ...certificates.context,
        ALPNProtocols: ['http/1.1'],
        handshakeTimeout: options.headersSeconds * 1000,
        requestCert: tls.clientCa !== undefined,
        // Where certificates are optional, `holder` refuses the wrong ones.
        rejectUnauthorized: tls.clientCa !== undefined && tls.clientCertificates === 'required',
      },
      answer,
    );
    server = secure;
    secure.prependListener('connection', (socket: Socket) => {
      if (!connections.admit(socket)) refuse('too-many-of-address', { address: socket.remoteAddress });
    });
    secure.prependListener('secureConnection', (socket: TLSSocket) => {
      const address = socket.remoteAddress ?? '';
      const identities = holder(socket);
      if (identities === false) {
        refuse('client-certificate', { address, code: certificateProblem(socket) });
        socket.destroy();
      } else {
        peers.set(socket, { address, identities });
        connections.ready(socket);
      }
    });
    secure.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const code = socket.authorizationError ?? error.code ?? '';
      const certificate = socket.authorizationError != null || error.code === NO_CERTIFICATE;
      const reason = certificate ? 'client-certificate' : 'handshake';
      refuse(reason, { address: socket.remoteAddress, code: String(code) });
      socket.destroy();
    });
    watch = watchCertificates(certificates, tls, {
      use(next) {
        secure.setSecureContext(next.context);
        log.info('certificates loaded', { file: tls.certificate });
      },
      refuse: (error) =>
        log.error('certificates refused, the old ones stay in use', { file: tls.certificate, error }),
      now: seconds,
    });
  }
  server.maxConnections = options.maxConnections;
  server.on('drop', () => refuse('too-many', {}));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Failed handshakes come here too; they have been seen to.
    if (connections.of(socket) === undefined) return void socket.destroy();
    refuse('bad-request', { address: socket.remoteAddress, code: error.code ?? '' });
    // In the middle of an answer there is nothing to say that could be told from it.
    if (socket.writable && connections.of(socket)?.busy === false) socket.write(plainAnswer(error.code));
    socket.destroySoon();
  });

  const monitor = createExpiryMonitor((dated, left) => reportExpiry(log, dated, left));
  const look = async () => {
    await watch?.look();
    monitor(watch?.current.dated ?? [], seconds());
  };
  await look();
  const poll = setInterval(look, options.certificatePollSeconds * 1000);
  poll.unref();
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const url = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  log.info('serving', { url });

  return {
    url,
    port,
    metrics: () => ({
      httpConnections: connections.open,
      httpRequests: requests,
      httpRefusals: refusals,
      certificates: earliestByFile(watch?.current.dated ?? []),
      certificateReloads: { loaded: watch?.loaded ?? 0, refused: watch?.refused ?? 0 },
    }),
    reload: look,
    use(next, clients) {
      current = next;
      known = new Set(clients.map(({ identity }) => identity));
    },
    async close(deadline) {
      clearInterval(poll);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.drain();
      const timer = setTimeout(() => connections.destroy(), deadline);
      await closed;
      clearTimeout(timer);
      connections.stop();
    },
  };
}

async function loadFirst(tls: NonNullable<ServeOptions['tls']>) {
  try {
    return await loadCertificates(tls);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot use the certificates of ${tls.certificate}: ${message}`, { cause: error });
  }
}

function certificateProblem(socket: TLSSocket): string {
  if (socket.authorized) return 'unknown-identity';
  return String(socket.authorizationError ?? 'none');
}

function plainAnswer(code: string | undefined): string {
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

function earliestByFile(dated: readonly Dated[]): { file: string; notAfter: number }[] {
  const earliest = new Map<string, number>();
  for (const { file, notAfter } of dated)
    earliest.set(file, Math.min(notAfter, earliest.get(file) ?? Number.POSITIVE_INFINITY));
  return [...earliest].map(([file, notAfter]) => ({ file, notAfter }));
}

function reportExpiry(log: ServeLog, { kind, file, subject, notAfter }: Dated, left: number): void {
  const details = { kind, file, subject, notAfter: new Date(notAfter * 1000).toISOString() };
  if (left <= 0) log.error('certificate is out of date', details);
  else log.warn('certificate ends soon', { ...details, days: Math.floor(left / 86_400) });
}

async function listen(server: Server | TlsServer, { host, port }: ServeOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      `cannot listen on ${host} port ${port}: ${code}; choose another port or stop what uses it`,
      {
        cause: error,
      },
    );
  }
}
