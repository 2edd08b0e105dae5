import { once } from 'node:events';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { dial } from '../../outbound/connect.ts';
import type { Secret } from '../../outbound/secret.ts';
import type { ClientTls } from '../../outbound/tls.ts';
import type { FailureReason } from '../sink.ts';
import { ATTEMPT_MS, type Failed, failureOf } from './http.ts';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, or turned on by STARTTLS before anything else. There is no mail without it. */
  readonly security: 'tls' | 'starttls';
  readonly tls: ClientTls;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body. */
  readonly source: Buffer;
}

/** What the server said to the whole of it. */
export interface Accepted {
  readonly reply: string;
  /** Recipients it did not take, each with its reply. */
  readonly refused: readonly string[];
}

/** What nodemailer says of a failure, beside its text. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly originalCode?: string;
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
}

/** Bytes of one reply: more than any server has to say. */
const MAX_REPLY = 65_536;
/** Milliseconds in which the other side may say goodbye. */
const GOODBYE_MS = 1000;

/** Hands one mail over in a session of its own; the connection is ours, the protocol nodemailer's. Rejects when not all of it was taken over. */
export async function handOver(server: SmtpServer, mail: Mail, signal: AbortSignal): Promise<Accepted> {
  const { host, port, tls, security, user, password } = server;
  signal.throwIfAborted();
  const isSecured = security === 'tls';
  const socket = dial({ host, port, tls: isSecured ? tls : 'later' });
  socket.setNoDelay();
  socket.on('error', () => {});
  const ended = new AbortController();
  try {
    await once(socket, isSecured ? 'secureConnect' : 'connect', { signal });
    const session = new SMTPConnection({
      ...{ host, port, connection: socket, secure: isSecured, secured: isSecured, requireTLS: !isSecured },
      tls: tls.connectOptions(),
      logger: false,
      connectionTimeout: ATTEMPT_MS,
      greetingTimeout: ATTEMPT_MS,
      socketTimeout: ATTEMPT_MS,
      maxResponseSize: MAX_REPLY,
    });
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      session.on('end', () => reject(new Error('the connection was closed')));
      signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: ended.signal });
      const send = (): void =>
        session.send(
          { from: mail.from, to: [...mail.to], size: mail.source.length },
          mail.source,
          (error, info) => {
            if (error !== null || info === undefined) return reject(error as Error);
            const refused = (info.rejectedErrors ?? []).map(
              ({ response }, i) => `${info.rejected[i]}: ${response}`,
            );
            resolve({ reply: info.response, refused });
            session.quit();
          },
        );
      session.connect((error) => {
        if (error !== undefined && error !== null) return reject(error);
        if (password === undefined) return send();
        session.login({ user, pass: password.reveal() }, (problem) =>
          problem === null ? send() : reject(problem),
        );
      });
    });
  } finally {
    ended.abort();
    setTimeout(() => socket.destroy(), signal.aborted ? 0 : GOODBYE_MS).unref();
  }
}

/** Enhanced codes (RFC 3463) that say more than the reply's own. */
const ENHANCED: readonly [code: RegExp, reason: FailureReason][] = [
  [/^5\.1\.\d+|^5\.2\.1/, 'gone'],
  [/^5\.3\.4|^5\.2\.3/, 'too-large'],
  [/^5\.7\.8|^5\.7\.9|^5\.7\.14/, 'unauthorized'],
  [/^4\.7\.28|^4\.5\.3/, 'rate-limited'],
];

/** The reason that a reply gives: RFC 5321 §4.2.3, RFC 4954 §6. */
export function reasonOfReply(code: number, command: string, enhanced: string): FailureReason {
  if (command === 'STARTTLS') return code >= 500 ? 'untrusted' : 'unavailable';
  if (code < 400) return 'bad-answer';
  const known = ENHANCED.find(([pattern]) => pattern.test(enhanced));
  if (known !== undefined) return known[1];
  if (code < 500) return 'unavailable';
  if (command.startsWith('AUTH') || [530, 534, 535, 538].includes(code)) return 'unauthorized';
  if (code === 552) return 'too-large';
  if (code === 521 || code === 556) return 'gone';
  // A mailbox that is not there, or is somebody else's; with a word on policy the server will not take our mail.
  if (command === 'RCPT TO' && [550, 551, 553].includes(code))
    return enhanced.startsWith('5.7.') ? 'unauthorized' : 'gone';
  return 'refused';
}

/** Why a mail was not handed over; the detail is what the server said, as it said it. */
export function failureOfSmtp(error: unknown, signal: AbortSignal): Failed {
  const {
    code = '',
    originalCode,
    command = '',
    response = '',
    responseCode = 0,
    message,
  } = error as SmtpError;
  if (signal.aborted) return failureOf(signal.reason);
  const failed = (reason: FailureReason, detail: string): Failed => ({ delivered: false, reason, detail });
  if (responseCode > 0) {
    const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})/.exec(response)?.[1] ?? '';
    return failed(reasonOfReply(responseCode, command, enhanced), response);
  }
  if (code === 'EPROTOCOL') return failed('bad-answer', message);
  if (code === 'EMESSAGE') return failed('too-large', message);
  if (code === 'EAUTH') return failed('unauthorized', message);
  return failureOf(originalCode === undefined ? error : { message, code: originalCode });
}
