import { z } from 'zod';
import { readSecret, type Secret, SecretReference } from '../../outbound/secret.ts';
import { openTls, TlsOptions } from '../../outbound/tls.ts';
import type { Message } from '../message.ts';
import type { Outcome, Sink, SinkTraits } from '../sink.ts';
import { SpokenCommon } from '../sink-options.ts';
import { plain, trim } from '../words/text.ts';
import { contentOf } from './email-body.ts';

const Address = z.email('not an address such as soc@example.org');

/** Mail by a server that takes it over TLS. */
export const EmailOptions = z
  .strictObject({
    type: z.literal('email').describe('Mail by an SMTP server, always over TLS'),
    ...SpokenCommon.shape,
    host: z.string().min(1).describe('Name of the SMTP server'),
    port: z.int().min(1).max(65_535).optional().describe('Its port: 587, or 465 with security: tls'),
    security: z
      .enum(['starttls', 'tls'])
      .default('starttls')
      .describe(
        'TLS after STARTTLS, which must be offered, or from the first byte; there is no mail without',
      ),
    from: Address.describe('Address of the sender'),
    to: z.array(Address).min(1).max(50).describe('Addresses of those who are told'),
    user: z.string().min(1).optional().describe('Name to log in with (AUTH)'),
    password: SecretReference.optional().describe('Its password'),
    tls: TlsOptions.optional().describe('Certificates: a private CA, and ours where the server asks for one'),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ['password'],
    error: 'goes with user: one needs the other',
  });
export type EmailOptions = z.infer<typeof EmailOptions>;

const TRAITS: SinkTraits = {
  unit: 'group',
  rate: 10,
  folds: true,
  repeats: true,
  acknowledges: false,
  concurrency: 2,
};
/** Characters of a reply that are shown. */
const MAX_SHOWN = 300;

export async function openEmail(options: EmailOptions, console?: string): Promise<Sink> {
  const { name, host, security, from, to, user, password } = options;
  const port = options.port ?? (security === 'tls' ? 465 : 587);
  const read = async () => password && readSecret(password, `the password of sink ${name}`);
  await read();
  const tls = await openTls(options.tls);
  const [{ failureOfSmtp, handOver }, { default: MailComposer }] = await Promise.all([
    import('./smtp.ts'),
    import('nodemailer/lib/mail-composer'),
  ]);
  return {
    traits: TRAITS,
    preview: (message) => JSON.stringify({ from, to, ...mailOf(message, from, console) }, null, 2),
    async deliver(message, signal): Promise<Outcome> {
      const secret = await read();
      const { messageId, ...mail } = mailOf(message, from, console);
      // The same bytes in every attempt: no clock and nothing random in it.
      const composed = { from, to: [...to], messageId, ...mail, baseBoundary: message.key, newline: 'win' };
      const source = await new MailComposer({ ...composed, disableFileAccess: true, disableUrlAccess: true })
        .compile()
        .build();
      const shown = (text: string) => trim(plain(hidden(text, user, secret)), MAX_SHOWN);
      try {
        const server = { host, port, security, tls, user, password: secret };
        const { reply, refused } = await handOver(server, { from, to, source }, signal);
        // Again would be twice for those who have it.
        if (refused.length > 0)
          return {
            delivered: false,
            reason: 'refused',
            detail: shown(`taken, but not for ${refused.join('; ')}`),
          };
        return {
          delivered: true,
          answer: shown(reply),
          // The first mail of a unit is what the others answer.
          ...(message.note === undefined ? { note: messageId } : {}),
        };
      } catch (error) {
        const failed = failureOfSmtp(error, signal);
        return { ...failed, detail: shown(failed.detail) };
      }
    },
    close: () => tls.close(),
  };
}

function mailOf(message: Message, from: string, console: string | undefined) {
  const { key, note } = message;
  return {
    messageId: `<${key}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    ...(note === undefined ? {} : { inReplyTo: note, references: note }),
    date: new Date(message.at),
    headers: {
      // Out-of-office notes do not answer it (RFC 3834; Microsoft's own word for it).
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'X-Flowsentry-Key': key,
    },
    ...contentOf(message, console),
    ...(message.alerts.some(({ encrypted }) => encrypted !== undefined)
      ? {
          attachments: [
            {
              filename: 'alerts.json',
              content: JSON.stringify(message.alerts),
              contentType: 'application/json',
            },
          ],
        }
      : {}),
  };
}

/** What a server says without the secrets it was told, as they are and as AUTH encodes them. */
function hidden(text: string, user: string | undefined, password: Secret | undefined): string {
  if (password === undefined) return text;
  const secret = password.reveal();
  const base64 = (value: string) => Buffer.from(value).toString('base64');
  return [secret, base64(secret), base64(`\0${user}\0${secret}`)].reduce(
    (shown, one) => shown.replaceAll(one, '[secret]'),
    text,
  );
}
