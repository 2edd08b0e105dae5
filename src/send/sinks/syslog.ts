import { once } from 'node:events';
import { hostname } from 'node:os';
import { z } from 'zod';
import { dial } from '../../outbound/connect.ts';
import { type ClientTls, openTls, TlsOptions } from '../../outbound/tls.ts';
import type { Outcome, Sink, SinkTraits } from '../sink.ts';
import { SinkCommon } from '../sink-options.ts';
import { failureOf } from './http.ts';
import { FACILITIES, linesOf } from './syslog-line.ts';

/** A syslog server that is called over TLS. */
export const SyslogOptions = z.strictObject({
  type: z
    .literal('syslog')
    .describe('Syslog over TLS (RFC 5424, RFC 5425): an alert a line, without acknowledgement'),
  ...SinkCommon.shape,
  host: z.string().min(1).describe('Name of the server'),
  port: z.int().min(1).max(65_535).default(6514).describe('Its port'),
  format: z
    .enum(['rfc5424', 'cef'])
    .default('rfc5424')
    .describe('What a line says: structured data and a sentence, or a CEF event'),
  facility: z
    .enum(Object.keys(FACILITIES) as [keyof typeof FACILITIES, ...(keyof typeof FACILITIES)[]])
    .default('local0')
    .describe('Facility of every line'),
  hostname: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'not a name: printable ASCII without spaces')
    .optional()
    .describe("Name that lines come from; default: this machine's"),
  tls: TlsOptions.optional().describe('Certificates: a private CA, and ours where the server asks for one'),
});
export type SyslogOptions = z.infer<typeof SyslogOptions>;

const TRAITS: SinkTraits = {
  unit: 'batch',
  rate: Number.POSITIVE_INFINITY,
  folds: false,
  repeats: false,
  acknowledges: false,
  concurrency: 1,
};

export async function openSyslog(options: SyslogOptions, console?: string): Promise<Sink> {
  const { host, port, facility, format } = options;
  const tls = await openTls(options.tls);
  const line = { facility, format, hostname: options.hostname ?? hostname(), console };
  const connection = createConnection(host, port, tls);
  return {
    traits: TRAITS,
    preview: (message) => linesOf(message, line).join('\n'),
    async deliver(message, signal): Promise<Outcome> {
      try {
        const frames = linesOf(message, line).map((text) => `${Buffer.byteLength(text)} ${text}`);
        await connection.write(frames.join(''), signal);
        return { delivered: true, answer: 'written; syslog has no acknowledgement' };
      } catch (error) {
        connection.drop();
        return failureOf(signal.aborted ? signal.reason : error);
      }
    },
    async close() {
      await connection.end();
      tls.close();
    },
  };
}

/** Milliseconds for which a connection must stay open behind what was written: whoever refuses us says so by then, or hangs up. */
const SETTLE_MS = 100;
/** Milliseconds in which the other side may end the connection too. */
const GOODBYE_MS = 1000;
/** Milliseconds after which a connection is made anew: what its certificate proved must not get old. */
const RENEW_MS = 600_000;

/** One connection that is kept, and made anew when it is gone. */
function createConnection(host: string, port: number, tls: ClientTls) {
  let socket: ReturnType<typeof dial> | undefined;
  let made = 0;

  function drop(): void {
    socket?.destroy();
    socket = undefined;
  }

  /** Says that nothing follows, as RFC 5425 (§4.4) asks for. */
  async function end(): Promise<void> {
    const old = socket;
    socket = undefined;
    if (old === undefined || old.destroyed) return;
    old.end();
    await once(old, 'close', { signal: AbortSignal.timeout(GOODBYE_MS) }).catch(() => {});
    old.destroy();
  }

  async function connected(signal: AbortSignal): Promise<NonNullable<typeof socket>> {
    if (socket?.writable === true && performance.now() - made < RENEW_MS) return socket;
    await end();
    const fresh = dial({ host, port, tls });
    socket = fresh;
    made = performance.now();
    // A server that hangs up while nothing is written is noticed here, and whatever it says is no part of the protocol.
    fresh.on('error', () => {});
    fresh.on('end', () => fresh.destroy());
    await once(fresh, 'secureConnect', { signal });
    fresh.resume();
    return fresh;
  }

  return {
    drop,
    end,
    async write(text: string, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      const open = await connected(signal);
      await new Promise<void>((resolve, reject) => {
        const timer = { settle: undefined as NodeJS.Timeout | undefined };
        const end = (error?: unknown): void => {
          clearTimeout(timer.settle);
          open.off('close', onClose).off('error', end);
          signal.removeEventListener('abort', onAbort);
          if (error === undefined) resolve();
          else reject(error as Error);
        };
        const onClose = (): void => end(new Error('the connection was closed'));
        const onAbort = (): void => end(signal.reason);
        open.on('close', onClose).on('error', end);
        signal.addEventListener('abort', onAbort);
        open.write(text, (error) => {
          if (error === undefined || error === null) timer.settle = setTimeout(end, SETTLE_MS);
        });
      });
    },
  };
}
