import { timingSafeEqual } from 'node:crypto';
import { UserError } from '../errors.ts';
import { type Authenticate, digest } from './auth.ts';
import { type ServeLog, ServeOptions } from './options.ts';
import { createHandler } from './routes.ts';
import { startServer } from './server.ts';

/** A place to which others deliver records with a key of theirs. */
export interface DeliveryPlace {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  readonly path: string;
  /** The header that carries the key. */
  readonly keyHeader: string;
  readonly key: string;
  readonly maxBodyBytes: number;
  /** Seconds that a request may take to arrive, and its answer to be given. */
  readonly requestSeconds: number;
}

/** AWS's deliveries may carry 50 attributes of up to 1,280 bytes in a header. */
const HEADER_BYTES = 131_072;
const CONNECTIONS = 1000;

/** Listens for deliveries, and gives those with the right key to `handle`. Throws a UserError when it cannot listen, or must not. */
export async function listenForDeliveries(
  place: DeliveryPlace,
  handle: (request: Request) => Promise<Response>,
  log: ServeLog,
): Promise<{ readonly url: string; close(deadline: number): Promise<void> }> {
  const { host, port, tls, path, maxBodyBytes, requestSeconds } = place;
  const expected = digest(place.key);
  const authenticate: Authenticate = (_, headers) => {
    const given = headers.get(place.keyHeader);
    if (given === null) return { refusal: 'no-credentials' };
    // Digests have one length, whatever the key's is.
    if (!timingSafeEqual(digest(given), expected)) return { refusal: 'bad-token' };
    return { principal: { name: 'deliveries', role: 'ingest', means: 'token' } };
  };
  const options = ServeOptions.safeParse({
    host,
    port,
    tls,
    tokens: [{ name: 'deliveries', role: 'ingest', hash: `sha256:${expected.toString('hex')}` }],
    maxBodyBytes,
    maxHeaderBytes: HEADER_BYTES,
    requestSeconds,
    maxConnections: CONNECTIONS,
    // A load balancer or proxy is one address.
    maxConnectionsPerAddress: CONNECTIONS,
  });
  if (options.error !== undefined)
    throw new UserError(`cannot listen: ${options.error.issues.map(({ message }) => message).join('; ')}`);
  const routes = [{ method: 'POST', path, access: 'ingest', handle }] as const;
  return startServer(createHandler({ authenticate, routes, log }), options.data, log);
}
