import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { readSecret, Secret, SecretReference } from '../../outbound/secret.ts';
import { type ClientTls, openTls, TlsOptions } from '../../outbound/tls.ts';
import type { Message } from '../message.ts';
import type { FailureReason, Outcome, Sink, SinkTraits } from '../sink.ts';
import { plainUrl, SpokenCommon } from '../sink-options.ts';
import { answerText, isFailed, outcomeOf, post, withoutSecrets } from './http.ts';
import { slackBody } from './slack-blocks.ts';

/** A Slack channel: by a bot, with threads, or by an incoming webhook, without. */
export const SlackOptions = z
  .strictObject({
    type: z.literal('slack').describe('A Slack channel'),
    ...SpokenCommon.shape,
    token: SecretReference.optional().describe('Token of a bot (xoxb-…) with the scope chat:write'),
    channel: z
      .string()
      .min(1)
      .optional()
      .describe('Id of the channel, such as C0123456789; the bot has to be in it'),
    urlFile: z
      .string()
      .min(1)
      .optional()
      .describe('File with the address of an incoming webhook, which is a secret; without threads'),
    url: plainUrl.default('https://slack.com/api/').describe('Address of the API'),
    tls: TlsOptions.optional().describe('Certificates, where a proxy needs others than public ones'),
  })
  .refine(({ token, urlFile }) => (token === undefined) !== (urlFile === undefined), {
    error: 'needs either token and channel, or urlFile',
  })
  .refine(({ token, channel }) => (token === undefined) === (channel === undefined), {
    path: ['channel'],
    error: 'goes with token: one needs the other',
  });
export type SlackOptions = z.infer<typeof SlackOptions>;

/** One message a second and channel is what Slack takes; ten a minute are what people do. */
const TRAITS: SinkTraits = {
  unit: 'group',
  rate: 10,
  folds: true,
  repeats: true,
  acknowledges: false,
  concurrency: 1,
  spacing: 1000,
};

export async function openSlack(options: SlackOptions, console?: string): Promise<Sink> {
  const { name, token, urlFile, channel = '' } = options;
  const reference: SecretReference = token ?? { file: urlFile ?? '' };
  const what = token === undefined ? `the address of sink ${name}` : `the token of sink ${name}`;
  const read = async () => {
    const secret = await readSecret(reference, what);
    // What cannot be called would be told by whoever tries.
    if (token === undefined && !isAddress(secret.reveal()))
      throw new UserError(`cannot use ${what}: ${urlFile} holds no https:// address`);
    return secret;
  };
  await read();
  const tls = await openTls(options.tls);
  const place = { api: options.url.replace(/\/*$/, '/'), channel, tls };
  return {
    traits: TRAITS,
    preview: (message) => JSON.stringify(messageBody(message, channel, console), null, 2),
    async deliver(message, signal) {
      const secret = await read();
      const body = messageBody(message, channel, console);
      if (token === undefined) return toWebhook(secret, body, tls, signal);
      return toChannel({ ...place, token: secret, signal }, message, body);
    },
    close: () => tls.close(),
  };
}

function isAddress(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:';
}

function messageBody(
  message: Message,
  channel: string,
  console: string | undefined,
): Record<string, unknown> {
  const thread = message.note;
  return {
    ...(channel === '' ? {} : { channel }),
    ...slackBody(message, console),
    // What still fires after hours has to be seen again by who does not follow the thread.
    ...(thread === undefined
      ? {}
      : { thread_ts: thread, ...(message.repeat ? { reply_broadcast: true } : {}) }),
  };
}

interface Call {
  readonly api: string;
  readonly channel: string;
  readonly token: Secret;
  readonly tls: ClientTls;
  readonly signal: AbortSignal;
}

/** The first message of a unit opens a thread, whose first message shows in the end that all is over. */
async function toChannel(call: Call, message: Message, body: Record<string, unknown>): Promise<Outcome> {
  const thread = message.note;
  if (thread !== undefined && message.event === 'resolved') {
    // First, since it can be done twice without harm.
    const { thread_ts: _, ...root } = body;
    const updated = await callSlack(call, 'chat.update', { ...root, channel: call.channel, ts: thread });
    if (!updated.delivered && !MISSING.has(updated.detail)) return updated;
  }
  const posted = await callSlack(call, 'chat.postMessage', body);
  // The thread stays the first message's.
  return posted.delivered && thread !== undefined ? { delivered: true, answer: posted.answer } : posted;
}

/** The first message of the thread was deleted: that must not keep anybody from being told. */
const MISSING: ReadonlySet<string> = new Set([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
]);

/** Errors of the API by what can be done about them; others are a refusal: https://docs.slack.dev/reference/methods/chat.postMessage */
const ERRORS: Readonly<Record<string, FailureReason>> = {
  ratelimited: 'rate-limited',
  rate_limited: 'rate-limited',
  message_limit_exceeded: 'rate-limited',
  invalid_auth: 'unauthorized',
  not_authed: 'unauthorized',
  account_inactive: 'unauthorized',
  token_revoked: 'unauthorized',
  token_expired: 'unauthorized',
  no_permission: 'unauthorized',
  missing_scope: 'unauthorized',
  not_in_channel: 'unauthorized',
  channel_not_found: 'gone',
  is_archived: 'gone',
  msg_too_long: 'too-large',
  msg_blocks_too_long: 'too-large',
  internal_error: 'unavailable',
  fatal_error: 'unavailable',
  service_unavailable: 'unavailable',
  request_timeout: 'timeout',
};

async function callSlack(
  { api, token, tls, signal }: Call,
  method: string,
  body: Record<string, unknown>,
): Promise<Outcome> {
  const answer = await post({
    url: `${api}${method}`,
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json; charset=utf-8' },
    tls,
    signal,
  });
  if (isFailed(answer) || answer.status !== 200) return outcomeOf(answer, [token]);
  const said = parsed(answer.body);
  if (said === undefined)
    return { delivered: false, reason: 'bad-answer', detail: answerText(answer, [token]) };
  if (said.ok !== true) {
    const error =
      typeof said.error === 'string' ? withoutSecrets(said.error, [token]).slice(0, 100) : 'unknown error';
    return { delivered: false, reason: ERRORS[error] ?? 'refused', detail: error };
  }
  return { delivered: true, answer: 'ok', ...(typeof said.ts === 'string' ? { note: said.ts } : {}) };
}

function parsed(
  body: Buffer,
): { readonly ok?: unknown; readonly error?: unknown; readonly ts?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Incoming webhooks answer in plain text, and know neither threads nor metadata. */
async function toWebhook(
  address: Secret,
  { metadata: _, thread_ts: __, reply_broadcast: ___, ...body }: Record<string, unknown>,
  tls: ClientTls,
  signal: AbortSignal,
): Promise<Outcome> {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  const answer = await post({ url: address.reveal(), body: JSON.stringify(body), headers, tls, signal });
  // Whoever has the path alone has all of it.
  return outcomeOf(answer, [address, new Secret(new URL(address.reveal()).pathname)]);
}
