import { createAuthenticator } from '../serve/auth.ts';
import type { ServeLog, ServeOptions } from '../serve/options.ts';
import { createHandler, operationRoutes } from '../serve/routes.ts';
import { startServer } from '../serve/server.ts';
import type { Metrics } from './metrics.ts';
import type { ServerView } from './metrics-view.ts';

/** What the service says of itself at this moment. */
export interface Status {
  /** The state is open and sources are being read; false while it starts and from when it is told to stop. */
  readonly running: boolean;
  /** Why no records are read: short words without secrets, such as `disk`. Empty when they are. */
  readonly paused: readonly string[];
  /** No sink takes messages: nobody can be told of alerts. */
  readonly mute: boolean;
}

export interface OperationOptions {
  readonly serve: ServeOptions;
  readonly metrics: Metrics;
  /** Asked at each request that needs it, so it must be cheap. */
  status(): Status;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** The HTTP server of a service at work. Disposing of it lets requests end, for a short while. */
export interface Operation extends AsyncDisposable {
  readonly url: string;
  /** Looks at the certificates, and takes new tokens and clients at once; what else changed needs a restart and is named in the log. */
  reload(serve: ServeOptions): Promise<void>;
}

/** Milliseconds that requests have to end. */
const CLOSE_MS = 2000;

/**
 * Serves `/healthz` (the main thread turns), `/readyz` (it reads records, or says why not) and `/metrics`. Throws a UserError when it cannot
 * listen, or must not.
 */
export async function startOperation({ serve, metrics, status, log }: OperationOptions): Promise<Operation> {
  const serveLog: ServeLog = {
    info: (message, details = {}) => log('info', message, details),
    warn: (message, details = {}) => log('warn', message, details),
    error: (message, details = {}) => log('error', message, details),
  };
  const health = {
    ready(): readonly string[] {
      const { running, paused } = status();
      return running ? paused : ['not running', ...paused];
    },
    isMute: () => status().mute,
  };
  const handlerOf = (options: ServeOptions) =>
    createHandler({
      authenticate: createAuthenticator(options),
      routes: operationRoutes(health, metrics),
      log: serveLog,
    });
  const server = await startServer(handlerOf(serve), serve, serveLog);
  metrics.provide((): ServerView => ({ ...server.metrics(), paused: status().paused }));

  return {
    url: server.url,
    async reload(next) {
      server.use(handlerOf({ ...serve, tokens: next.tokens, clients: next.clients }), next.clients);
      const settings = restartNeeded(serve, next);
      if (settings.length > 0)
        log('warn', 'changed settings of the server need a restart', { settings: settings.join(', ') });
      await server.reload();
    },
    [Symbol.asyncDispose]: () => server.close(CLOSE_MS),
  };
}

/** Names of settings that a running server cannot take. */
function restartNeeded(old: ServeOptions, next: ServeOptions): string[] {
  const text = (options: ServeOptions) =>
    new Map(Object.entries(options).map(([key, value]) => [key, JSON.stringify(value)]));
  const before = text(old);
  const after = text(next);
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => key !== 'tokens' && key !== 'clients' && before.get(key) !== after.get(key),
  );
}
