import { type Authenticate, mayDo, type Peer, type Principal } from './auth.ts';
import { createFailureLimiter } from './callers.ts';
import type { Role, ServeLog } from './options.ts';

/** Whether the process can do its work. */
export interface Health {
  /** Why not: short words that name no secrets (`starting`, `disk`, `source orders`). Empty when it can. */
  ready(): readonly string[];
  /** It works, and nobody can be told of what it finds. */
  isMute(): boolean;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Compared as it stands: no patterns. */
  readonly path: string;
  /** `open` is for everybody. */
  readonly access: Role | 'open';
  /** `principal` is absent when nobody was recognised, which `open` allows. */
  handle(
    request: Request,
    caller: { readonly principal: Principal | undefined; readonly peer: Peer },
  ): Response | Promise<Response>;
}

/** Answers requests, as {@link startServer} takes it: the platform's Request in, its Response out. Never throws. */
export type Handler = (request: Request, peer: Peer) => Promise<Response>;

export interface HandlerOptions {
  readonly authenticate: Authenticate;
  readonly routes: readonly Route[];
  readonly log: ServeLog;
  readonly now?: () => number;
}

/** On every answer: nothing is kept, guessed, framed or run. */
export const STRICT_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Health for probes, which carry no credentials, and metrics. Anybody learns whether it is ready; only who may read learns why not. */
export function operationRoutes(
  health: Health,
  metrics: { text(): Promise<string>; readonly contentType: string },
): Route[] {
  return [
    // Answered by the thread that does the work: an answer means that its loop turns.
    {
      method: 'GET',
      path: '/healthz',
      access: 'open',
      // A restart would not mend other sides, so that it stays a success.
      handle: () => text(200, health.isMute() ? 'ok, but no sink takes messages\n' : 'ok\n'),
    },
    {
      method: 'GET',
      path: '/readyz',
      access: 'open',
      handle(_, { principal }) {
        const reasons = health.ready();
        if (reasons.length === 0) return text(200, 'ready\n');
        const readable = principal !== undefined && mayDo(principal.role, 'viewer');
        return text(503, readable ? `not ready: ${reasons.join(', ')}\n` : 'not ready\n');
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      access: 'viewer',
      async handle() {
        return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } });
      },
    },
  ];
}

/** Decides once for each request who asks and whether he may, then lets its route answer. What no route names is refused. */
export function createHandler({ authenticate, routes, log, now }: HandlerOptions): Handler {
  const failures = createFailureLimiter(now);
  const byPath = new Map<string, Map<string, Route>>();
  for (const route of routes) {
    const methods = byPath.get(route.path) ?? new Map<string, Route>();
    if (methods.has(route.method)) throw new Error(`route is there twice: ${route.method} ${route.path}`);
    byPath.set(route.path, methods.set(route.method, route));
  }

  function refuse(status: 401 | 403, reason: string, request: Request, peer: Peer, principal?: Principal) {
    const { limited, first, retryAfter } = failures.fail(peer.address);
    const { pathname } = new URL(request.url);
    const facts = {
      status,
      reason,
      method: request.method,
      path: pathname.slice(0, 200),
      address: peer.address,
    };
    if (!limited)
      log.warn('access refused', {
        ...facts,
        ...(principal && { caller: principal.name, role: principal.role }),
      });
    else if (first) log.warn('access refused too often: further refusals are not logged for a minute', facts);
    if (limited) return text(429, 'too many refused requests\n', { 'retry-after': String(retryAfter) });
    return status === 401
      ? text(401, 'not authenticated\n', { 'www-authenticate': 'Bearer realm="flowsentry"' })
      : text(403, 'not allowed\n');
  }

  async function answer(request: Request, peer: Peer): Promise<Response> {
    const methods = byPath.get(new URL(request.url).pathname);
    const { principal, refusal } = authenticate(peer, request.headers);
    const route = methods?.get(request.method === 'HEAD' ? 'GET' : request.method);
    if (route?.access === 'open') return route.handle(request, { principal, peer });
    // Strangers do not learn which paths there are.
    if (principal === undefined) return refuse(401, refusal ?? 'no-credentials', request, peer);
    if (methods === undefined) return text(404, 'not found\n');
    if (route === undefined) return text(405, 'method not allowed\n', { allow: allowed(methods) });
    if (!mayDo(principal.role, route.access)) return refuse(403, 'role', request, peer, principal);
    // Deliveries change nothing but what they bring, and there are too many of them.
    if (request.method !== 'GET' && request.method !== 'HEAD' && route.access !== 'ingest')
      log.info('access', {
        method: request.method,
        path: route.path,
        caller: principal.name,
        address: peer.address,
      });
    return route.handle(request, { principal, peer });
  }

  return async (request, peer) => {
    let response: Response;
    try {
      response = await answer(request, peer);
    } catch (error) {
      log.error('request failed', { method: request.method, error });
      response = text(500, 'internal error\n');
    }
    const result = new Response(request.method === 'HEAD' ? null : response.body, response);
    for (const [name, value] of Object.entries(STRICT_HEADERS))
      if (!result.headers.has(name)) result.headers.set(name, value);
    return result;
  };
}

function allowed(methods: ReadonlyMap<string, Route>): string {
  return [...methods.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
}
