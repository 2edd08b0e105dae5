import { type RequestOptions, type Response, request } from '../../outbound/request.ts';
import type { Secret } from '../../outbound/secret.ts';
import { retryAfterSeconds } from '../delivery/pace.ts';
import type { FailureReason, Outcome } from '../sink.ts';
import { plain, trim } from '../words/text.ts';

/** Bytes of an answer: more than any of those that we call gives. */
const MAX_ANSWER = 65_536;
/** Milliseconds for all of an attempt: reliability.md R9. */
export const ATTEMPT_MS = 10_000;
/** Characters of an answer that are shown. */
const MAX_SHOWN = 300;

export type Failed = Extract<Outcome, { delivered: false }>;

/**
 * Posts once. What the network does, or that nobody answers in time, is a failure and not an error. No text of it has an address, since some
 * are secrets.
 */
export async function post(
  options: Pick<RequestOptions, 'url' | 'headers' | 'body' | 'tls' | 'signal'>,
): Promise<Response | Failed> {
  try {
    return await request({ ...options, method: 'POST', maxBytes: MAX_ANSWER, timeoutMs: ATTEMPT_MS });
  } catch (error) {
    return failureOf((error as Error).cause ?? error);
  }
}

export function isFailed(answer: Response | Failed): answer is Failed {
  return 'delivered' in answer;
}

const UNTRUSTED =
  /CERT|TLS|SSL|UNABLE_TO|SIGNATURE|SELF_SIGNED|INVALID_PURPOSE|CRL|certificate|link-local|this machine/i;

/** Why nothing was delivered, by what the network or TLS says. */
export function failureOf(cause: unknown): Failed {
  const { name, message, code } = cause as NodeJS.ErrnoException;
  const reason: FailureReason =
    name === 'TimeoutError' || name === 'AbortError' || code === 'ETIMEDOUT'
      ? 'timeout'
      : code?.startsWith('HPE_') === true || message.startsWith('the answer is')
        ? 'bad-answer'
        : UNTRUSTED.test(code ?? message)
          ? 'untrusted'
          : 'unreachable';
  const detail =
    reason === 'timeout' ? `no answer within ${ATTEMPT_MS / 1000} s` : trim(plain(message), MAX_SHOWN);
  return { delivered: false, reason, detail };
}

/** The reason that a status gives; undefined when it was taken. */
export function reasonOf(status: number): FailureReason | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404 || status === 410) return 'gone';
  if (status === 413) return 'too-large';
  if (status === 429) return 'rate-limited';
  if (status === 408) return 'timeout';
  return status === 425 || status >= 500 ? 'unavailable' : 'refused';
}

/** What became of a post that HTTP's own status decides. `secrets` are taken out of what the other side said. */
export function outcomeOf(answer: Response | Failed, secrets: readonly Secret[] = []): Outcome {
  if (isFailed(answer)) return answer;
  const { status, headers } = answer;
  const detail = answerText(answer, secrets);
  const reason = reasonOf(status);
  if (reason === undefined) return { delivered: true, answer: detail };
  const retryAfter = retryAfterSeconds(headers['retry-after'], Date.now());
  return { delivered: false, reason, detail, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** `503 Service is down`: what the other side said, as one line. */
export function answerText({ status, body }: Response, secrets: readonly Secret[]): string {
  return trim(plain(`${status} ${withoutSecrets(body.toString('utf8'), secrets)}`.trim()), MAX_SHOWN);
}

/** What the other side said without what we told it in confidence. */
export function withoutSecrets(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret.reveal(), '[secret]'), text);
}
