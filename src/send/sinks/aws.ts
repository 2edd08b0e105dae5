import { z } from 'zod';
import { type AwsConnection, AwsOptions, openAws } from '../../outbound/aws.ts';
import { retryAfterSeconds } from '../delivery/pace.ts';
import type { Message } from '../message.ts';
import { type FailureReason, PERMANENT, type Sink } from '../sink.ts';
import { SinkCommon } from '../sink-options.ts';
import { grouped, plain, trim } from '../words/text.ts';
import { type Failed, failureOf, reasonOf } from './http.ts';

/** What every sink that is a service of AWS can set. Credentials are those of AWS's default chain. */
export const AwsSinkOptions = z.strictObject({ ...SinkCommon.shape, ...AwsOptions.shape });
export type AwsSinkOptions = z.infer<typeof AwsSinkOptions>;

/** What SNS, SQS and EventBridge take at once, by their API references: 10 records, 256 KiB together. */
export const MAX_CALL = { entries: 10, bytes: 262_144 };
/** Bytes of one record's text, so that what goes with it has room too. */
export const MAX_TEXT = 258_000;

/** One record as a service takes it. */
export interface Entry {
  /** By which a repeat is known. */
  readonly key: string;
  /** JSON. */
  readonly text: string;
  /** What it counts for in a call's limit. */
  readonly bytes: number;
}

/** Why a service did not take one of several entries. */
export interface EntryFailure {
  readonly code: string;
  readonly message: string;
}

/** Says that the answer did not speak of an entry. */
export const UNANSWERED: EntryFailure = { code: 'Unanswered', message: 'the answer does not speak of it' };

export interface AwsService<E extends Entry> {
  /** One call; gives for each entry why it was not taken, or undefined. */
  call(entries: readonly E[], signal: AbortSignal): Promise<readonly (EntryFailure | undefined)[]>;
  readonly client: {
    readonly config: {
      credentials(): Promise<{ secretAccessKey: string; sessionToken?: string | undefined }>;
    };
    destroy(): void;
  };
}

export interface AwsSinkParts<E extends Entry> {
  readonly options: AwsSinkOptions;
  /** Makes the service's client. */
  open(config: AwsConnection['client']): AwsService<E>;
  entriesOf(message: Message): readonly E[];
  /** What one call takes. */
  readonly most: { readonly entries: number; readonly bytes: number };
}

/** Calls of AWS's answer at most some hundred bytes an entry. */
const MAX_ANSWER = 1 << 20;
const MAX_SHOWN = 300;

/**
 * A sink that calls a service of AWS with several records at once. What was taken of a message is not sent again by this process when the rest
 * has to be tried again.
 */
export async function openAwsSink<E extends Entry>(parts: AwsSinkParts<E>): Promise<Sink> {
  const { options, entriesOf, most } = parts;
  const { region, endpoint, tls } = options;
  // The courier tries again, and nobody else.
  const aws = await openAws({ region, endpoint, tls }, { maxAttempts: 1, maxAnswerBytes: MAX_ANSWER });
  const { call, client } = parts.open(aws.client);
  let taken = { of: '', keys: new Set<string>() };

  return {
    traits: { unit: 'batch', rate: 60, folds: false, repeats: false, acknowledges: false, concurrency: 1 },
    preview: (message) =>
      entriesOf(message)
        .map(({ text }) => JSON.stringify(JSON.parse(text), null, 2))
        .join('\n'),
    async deliver(message, signal) {
      if (taken.of !== message.key) taken = { of: message.key, keys: new Set() };
      const { keys } = taken;
      const entries = entriesOf(message);
      const failures: EntryFailure[] = [];
      for (const chunk of chunksOf(
        entries.filter(({ key }) => !keys.has(key)),
        most,
      )) {
        try {
          const answers = await call(chunk, signal);
          for (const [i, { key }] of chunk.entries()) {
            const failure = answers[i];
            if (failure === undefined) keys.add(key);
            else failures.push(failure);
          }
        } catch (error) {
          return failureOfCall(error, signal, await secretsOf(client));
        }
      }
      if (failures.length > 0) return failureOfEntries(failures, entries.length);
      taken = { of: '', keys: new Set() };
      return { delivered: true, answer: `took ${grouped(entries.length)} of ${grouped(entries.length)}` };
    },
    close() {
      client.destroy();
      aws.close();
    },
  };
}

/** In their order, as many in each as a call takes. */
function chunksOf<E extends Entry>(entries: readonly E[], most: AwsSinkParts<E>['most']): E[][] {
  const chunks: E[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (bytes + entry.bytes > most.bytes || (chunks.at(-1)?.length ?? 0) >= most.entries) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(entry);
    bytes += entry.bytes;
  }
  return chunks;
}

/** Codes of errors, the first that fits: services spell the same thing in many ways. */
const REASONS: readonly (readonly [codes: RegExp, reason: FailureReason])[] = [
  [/Throttl|TooManyRequests|LimitExceeded|SlowDown|OverLimit|ThroughputExceeded/i, 'rate-limited'],
  // A wrong clock: the SDK has learnt by how much when it is tried again.
  [/RequestExpired|TimeTooSkewed/i, 'unavailable'],
  [
    /AccessDenied|Unauthori[sz]ed|NotAuthori[sz]ed|Authori[sz]ationError|AuthFailure|Credential|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|Signature|MissingAuthentication|InvalidAccess|OptIn|InvalidSecurity/i,
    'unauthorized',
  ],
  [/TooLong|TooLarge/i, 'too-large'],
  [/NotFound|DoesNotExist|NonExistent/i, 'gone'],
  [/Timeout/i, 'timeout'],
  [/Unanswered/, 'bad-answer'],
  [/Invalid|Malformed|Validation/i, 'refused'],
];
const WRONG_CLOCK = /Signature (?:expired|not yet current)/i;

/** The reason that a code of AWS's gives; undefined for one that says nothing that we know. */
export function reasonOfCode(code: string, message: string): FailureReason | undefined {
  if (WRONG_CLOCK.test(message)) return 'unavailable';
  return REASONS.find(([codes]) => codes.test(code))?.[1];
}

/** What passes decides, so that all of it is tried again; what was taken is not sent twice for that. */
function failureOfEntries(failures: readonly EntryFailure[], all: number): Failed {
  const found = failures.map(({ code, message }) => ({
    reason: reasonOfCode(code, message) ?? 'unavailable',
    code,
    message,
  }));
  const { reason, code, message } = found.find((one) => !PERMANENT.has(one.reason)) ?? found[0]!;
  const detail = trim(plain(`${failures.length} of ${all}: ${code} ${message}`), MAX_SHOWN);
  return { delivered: false, reason, detail };
}

interface CallError extends NodeJS.ErrnoException {
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> };
}

/** Why a call as a whole failed. */
function failureOfCall(error: unknown, signal: AbortSignal, secrets: readonly string[]): Failed {
  if (signal.aborted) return { delivered: false, reason: 'timeout', detail: 'no answer in time' };
  const { name, message, code, $fault, $metadata, $response } = error as CallError;
  // The SDK calls these a TimeoutError.
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return { delivered: false, reason: 'unreachable', detail: shownWithout(secrets, message) };
  const status = $response?.statusCode ?? $metadata?.httpStatusCode;
  const shown = (text: string): string => shownWithout(secrets, text);
  if (status === undefined && name !== 'CredentialsProviderError') return failureOf(error);
  if (status === undefined) return { delivered: false, reason: 'unauthorized', detail: shown(message) };
  const retryAfter = retryAfterSeconds($response?.headers['retry-after'], Date.now());
  const isTheirs = $fault !== undefined && name !== 'Error';
  return {
    delivered: false,
    reason: (isTheirs ? reasonOfCode(name, message) : undefined) ?? reasonOf(status) ?? 'bad-answer',
    detail: isTheirs
      ? shown(`${status} ${name}: ${message}`)
      : `${status}, and nothing that AWS would answer`,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function shownWithout(secrets: readonly string[], text: string): string {
  const left = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
  return trim(plain(left), MAX_SHOWN);
}

/** What must not be told: a wrong signature is answered with all that was signed. */
async function secretsOf({ config }: AwsService<Entry>['client']): Promise<readonly string[]> {
  const found = await config.credentials().catch(() => undefined);
  return found === undefined
    ? []
    : [found.secretAccessKey, ...(found.sessionToken ? [found.sessionToken] : [])];
}
