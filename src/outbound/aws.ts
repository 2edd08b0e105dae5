import { type Readable, Transform } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { z } from 'zod';
import { createHttpAgent, createHttpsAgent } from './agent.ts';
import { openTls, TlsOptions } from './tls.ts';

/** What every source that calls AWS can set. */
export const AwsOptions = z.strictObject({
  region: z.string().min(1).describe('The region, such as eu-central-1'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Instead of AWS's own: an interface endpoint"),
  tls: TlsOptions.optional().describe('Certificates, where the endpoint needs others than public ones'),
});

/** What every client of AWS is made with; `close` ends its connections. */
export interface AwsConnection {
  readonly client: {
    readonly region: string;
    readonly endpoint?: string;
    readonly requestHandler: Pick<
      NodeHttpHandler,
      'handle' | 'destroy' | 'updateHttpClientConfig' | 'httpHandlerConfigs' | 'metadata'
    >;
    readonly maxAttempts: number;
  };
  close(): void;
}

/** Milliseconds. Requests that wait for messages last up to 20 s by themselves. */
const CONNECT_MS = 5000;
const SILENCE_MS = 30_000;
/** The SDK's own retries, with its backoff and its budget; what they don't mend is tried again by whoever asked, for ever. */
const MAX_ATTEMPTS = 5;

export interface AwsCalls {
  /** How often the SDK itself tries a call. */
  readonly maxAttempts?: number;
  /** Of the answer to a call; without it as many as there are, since some answers are objects. */
  readonly maxAnswerBytes?: number;
  /** Aborts to end every call and its attempts, also those for credentials, to which the SDK gives no signal. */
  readonly signal?: AbortSignal;
}

/**
 * Clients of AWS that connect as everything else here does. Credentials come from the SDK's default chain, which for instance and container
 * roles calls link-local addresses by a client of its own: the one exception to the deny list, with addresses that are fixed in the SDK.
 */
export async function openAws(
  { region, endpoint, tls }: z.infer<typeof AwsOptions>,
  { maxAttempts = MAX_ATTEMPTS, maxAnswerBytes, signal }: AwsCalls = {},
): Promise<AwsConnection> {
  // The configuration's schema needs this file at every start, AWS's client few.
  const { NodeHttpHandler } = await import('@smithy/node-http-handler');
  const clientTls = await openTls(tls);
  const handler = new NodeHttpHandler({
    httpsAgent: createHttpsAgent(clientTls),
    httpAgent: createHttpAgent(),
    connectionTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
  });
  const ending = signal === undefined ? handler : ended(handler, signal);
  const requestHandler = maxAnswerBytes === undefined ? ending : bounded(ending, maxAnswerBytes);
  return {
    client: {
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      requestHandler,
      maxAttempts,
    },
    close() {
      requestHandler.destroy();
      clientTls.close();
    },
  };
}

type Handler = AwsConnection['client']['requestHandler'];

/** The handler with another way to call. */
function calling(handler: Handler, handle: Handler['handle']): Handler {
  return {
    metadata: handler.metadata,
    destroy: () => handler.destroy(),
    updateHttpClientConfig: (key, value) => handler.updateHttpClientConfig(key, value),
    httpHandlerConfigs: () => handler.httpHandlerConfigs(),
    handle,
  };
}

/** A handler whose calls end when the signal aborts. */
function ended(handler: Handler, abortSignal: AbortSignal): Handler {
  return calling(handler, (request, options) => handler.handle(request, { ...options, abortSignal }));
}

/** A handler whose answers end with an error where they become too large. */
function bounded(handler: Handler, maxBytes: number): Handler {
  return calling(handler, async (request, options) => {
    const answer = await handler.handle(request, options);
    let bytes = 0;
    const bound = new Transform({
      transform(chunk: Buffer, _, done) {
        bytes += chunk.length;
        if (bytes > maxBytes) done(new Error(`the answer is larger than ${maxBytes} bytes`));
        else done(null, chunk);
      },
    });
    const body = answer.response.body as Readable;
    body.on('error', (error) => bound.destroy(error)).pipe(bound);
    bound.on('error', () => body.destroy());
    answer.response.body = bound;
    return answer;
  });
}
