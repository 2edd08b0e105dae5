import { createAuthenticator } from '../../src/serve/auth.ts';
import { type ServeLog, ServeOptions } from '../../src/serve/options.ts';
import { createHandler, type Health, operationRoutes, type Route } from '../../src/serve/routes.ts';
import { type RunningServer, startServer } from '../../src/serve/server.ts';

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function memoryLog(): ServeLog & { readonly lines: Line[]; count(message: string): number } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, details: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, details });
    };
  return {
    lines,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    count: (message) => lines.filter((line) => line.message === message).length,
  };
}

/** A server on loopback with the routes of the product and `routes`. */
export async function serve(
  input: Partial<(typeof ServeOptions)['_zod']['input']> = {},
  routes: readonly Route[] = [],
  health: Health = { ready: () => [], isMute: () => false },
): Promise<RunningServer & { readonly log: ReturnType<typeof memoryLog>; readonly options: ServeOptions }> {
  const options = ServeOptions.parse({ port: 0, ...input });
  const log = memoryLog();
  const metrics = { text: async () => 'flowsentry_up 1\n', contentType: 'text/plain; version=0.0.4' };
  const handler = createHandler({
    authenticate: createAuthenticator(options),
    routes: [...operationRoutes(health, metrics), ...routes],
    log,
  });
  return Object.assign(await startServer(handler, options, log), { log, options });
}

/** Waits until it holds; fails after a while. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never happened: ${what}`);
}
